// How one value is written into a path, query, header, cookie or form body (`openapi.md` section 7).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isExactNumber, isJsonObject } from '../openai/exact-json.ts';

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';

/** `tabDelimited` is Swagger 2.0's `tsv`. */
export type ParameterStyle =
  | 'simple'
  | 'label'
  | 'matrix'
  | 'form'
  | 'spaceDelimited'
  | 'pipeDelimited'
  | 'tabDelimited'
  | 'deepObject';

/** How one value is written into a path, query, header, cookie or form body. */
export interface ValueEncoding {
  readonly style: ParameterStyle;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  /** Media type of a parameter with `content` instead of `schema`: the value is sent as its text. */
  readonly contentType: string | null;
}

/** How one property of a form or multipart body is written. */
export interface PropertyEncoding {
  readonly contentType: string | null;
  readonly style: ParameterStyle;
  readonly explode: boolean;
  readonly allowReserved: boolean;
}

/** One `name=value` of a query, cookie or form body. */
export interface Pair {
  /** The name as the receiver reads it, for comparing. */
  readonly name: string;
  /** `name=value`, encoded. */
  readonly text: string;
}

/** A value that its place cannot hold. The message says why, to the model: `must not be empty`. */
export class UnsendableValue extends Error {
  override readonly name = 'UnsendableValue';
  /** The parameter, property or argument that it is about, once {@link naming} has said it. */
  readonly subject: string | null;

  constructor(message: string, subject: string | null = null) {
    super(message);
    this.subject = subject;
  }
}

/** Runs the writing of one value, so that what cannot be sent is reported with its name. The innermost name counts. */
export function naming<T>(subject: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof UnsendableValue) || error.subject !== null) throw error;
    throw new UnsendableValue(error.message, subject);
  }
}

interface Style {
  /** Before the first part. */
  readonly lead: string;
  /** Between exploded parts. */
  readonly between: string;
  /** Between the values of one part. */
  readonly delimiter: string;
  /** Arrays and scalars carry the parameter's name. */
  readonly named: boolean;
}

/** The table of section 7. Delimiters are written encoded where the place asks for it. */
const styles: Readonly<Record<ParameterStyle, Style>> = {
  simple: { lead: '', between: ',', delimiter: ',', named: false },
  label: { lead: '.', between: '.', delimiter: ',', named: false },
  matrix: { lead: ';', between: ';', delimiter: ',', named: true },
  form: { lead: '', between: '&', delimiter: ',', named: true },
  spaceDelimited: { lead: '', between: '&', delimiter: '%20', named: true },
  pipeDelimited: { lead: '', between: '&', delimiter: '%7C', named: true },
  tabDelimited: { lead: '', between: '&', delimiter: '%09', named: true },
  deepObject: { lead: '', between: '&', delimiter: ',', named: true },
};

type Encode = (text: string) => string;

/** Percent-encodes all but `A-Za-z0-9-._~` (B1). Throws {@link UnsendableValue} on half a surrogate pair. */
export function percentEncode(text: string): string {
  if (!text.isWellFormed()) throw new UnsendableValue('holds half a character (a lone surrogate)');
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * As {@link percentEncode}, but reserved characters stay, except those that could end the value (B1): `& # + %`, and
 * `;`, at which some servers split a query too.
 */
function encodeAllowingReserved(text: string): string {
  return percentEncode(text).replace(/%(?:3A|2F|3F|5B|5D|40|21|24|27|28|29|2A|2C|3D)/g, (code) =>
    decodeURIComponent(code),
  );
}

const verbatim: Encode = (text) => text;

/** The text of one value: scalars as they are, the rest as JSON. */
export function scalarText(value: Json): string {
  if (typeof value === 'string') return value;
  if (isExactNumber(value)) return value.rawJSON;
  return JSON.stringify(value);
}

/** What is left of a value when the members that say nothing are gone (B1): `null` and absent are not sent. */
function present(value: Json | undefined): value is Exclude<Json, null> {
  return value !== null && value !== undefined;
}

function members(value: JsonObject): [name: string, value: Json][] {
  return Object.entries(value).filter((entry): entry is [string, Json] => present(entry[1]));
}

/** One part of an expanded value; its name is `null` where the style sends none. */
type Part = readonly [name: string | null, text: string];

/** `deepObject`: every leaf is a part of its own, its path in brackets. */
function deepParts(name: string, value: Json | undefined, encode: Encode): Part[] {
  if (!present(value)) return [];
  if (Array.isArray(value)) return value.flatMap((item, at) => deepParts(`${name}[${at}]`, item, encode));
  if (isJsonObject(value)) {
    return Object.entries(value).flatMap(([key, item]) => deepParts(`${name}[${key}]`, item, encode));
  }
  return [[name, encode(scalarText(value))]];
}

/** The parts that a value is sent as; none for an empty array or object. */
function parts(name: string, value: Json, encoding: ValueEncoding, encode: Encode): Part[] {
  if (!present(value)) return [];
  if (encoding.contentType !== null) return [[null, encode(contentText(value, encoding.contentType))]];
  if (encoding.style === 'deepObject') return deepParts(name, value, encode);
  const { delimiter, named } = styles[encoding.style];
  const own = named ? name : null;
  const write = (item: Json): string => encode(scalarText(item));
  if (Array.isArray(value)) {
    const items = value.filter(present).map(write);
    if (encoding.explode) return items.map((text) => [own, text]);
    return items.length === 0 ? [] : [[own, items.join(delimiter)]];
  }
  if (!isJsonObject(value)) return [[own, write(value)]];
  const entries = members(value);
  if (encoding.explode) return entries.map(([key, item]) => [key, write(item)]);
  if (entries.length === 0) return [];
  return [[own, entries.flatMap(([key, item]) => [encode(key), write(item)]).join(delimiter)]];
}

/** A `content` parameter is JSON, or the text itself where its type is a textual one. */
function contentText(value: Json, contentType: string): string {
  return typeof value === 'string' && !/json/i.test(contentType) ? value : JSON.stringify(value);
}

/** Joins parts; those of an exploded object (and of `matrix`) say their name. */
function join(written: readonly Part[], between: string, encodeName: Encode): string {
  return written.map(([name, text]) => (name === null ? text : `${encodeName(name)}=${text}`)).join(between);
}

/**
 * The text that stands for a variable of a path. All of the value is encoded, `allowReserved` or not: nothing of it
 * can end its segment (B2). Empty for an empty array or object. Throws {@link UnsendableValue}.
 */
export function serializePath(name: string, value: Json, encoding: ValueEncoding): string {
  const style = encoding.style === 'label' || encoding.style === 'matrix' ? encoding.style : 'simple';
  const written = parts(name, value, { ...encoding, style }, percentEncode);
  if (written.length === 0) return '';
  const { lead, between } = styles[encoding.contentType === null ? style : 'simple'];
  return lead + join(written, between, percentEncode);
}

/**
 * The pairs of a query parameter or form field. An exploded object and `deepObject` give names of their own: compare
 * {@link Pair.name} before sending (B4). Throws {@link UnsendableValue}.
 */
export function serializeQuery(name: string, value: Json, encoding: ValueEncoding): Pair[] {
  const encode = encoding.allowReserved ? encodeAllowingReserved : percentEncode;
  return parts(name, value, encoding, encode).map(([key, text]) => {
    const own = key ?? name;
    return { name: own, text: `${percentEncode(own)}=${text}` };
  });
}

/**
 * The value of a header in characters, `null` for an empty array or object. The caller judges which characters a
 * header may hold (B5).
 */
export function serializeHeader(name: string, value: Json, encoding: ValueEncoding): string | null {
  const written = parts(name, value, { ...encoding, style: 'simple' }, verbatim);
  return written.length === 0 ? null : join(written, ',', verbatim);
}

/** The pairs of a cookie parameter. Everything is encoded, blank, `;`, `,` and `=` too (security A7). */
export function serializeCookie(name: string, value: Json, encoding: ValueEncoding): Pair[] {
  return serializeQuery(name, value, { ...encoding, allowReserved: false });
}
