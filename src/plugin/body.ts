// Encodes a request body from its value, in the one media type that the operation declares (`openapi.md` B6 to B9).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import {
  naming,
  scalarText,
  serializeQuery,
  UnsendableValue,
  type Pair,
  type ValueEncoding,
} from '../openapi/serialize.ts';
import { readBytes } from './binary-text.ts';
import { isHeaderValue } from './header.ts';
import { encodeMultipart } from './multipart.ts';
import type { Body, BodyKind } from './operation.ts';

/** A body as it is sent. */
export interface EncodedBody {
  readonly contentType: string;
  readonly content: string | Uint8Array;
}

/** What goes out where the document names a range of types, or nothing that a header can hold. */
const plainTypes: Readonly<Record<BodyKind, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data',
  text: 'text/plain',
  binary: 'application/octet-stream',
  xml: 'application/xml',
};

/** Names that fields of a form may not take over (B4), as the receiver reads them; says whether a name is one. */
export type IsTaken = (name: string) => boolean;

/**
 * Encodes a body. `boundary` makes the boundary of a multipart body. Throws {@link UnsendableValue} when the value cannot
 * be written in the body's type.
 */
export function encodeBody(body: Body, value: Json, boundary: () => string, isTaken: IsTaken): EncodedBody {
  const declared = body.contentType;
  const contentType = declared.includes('*') || !isHeaderValue(declared) ? plainTypes[body.kind] : declared;
  switch (body.kind) {
    case 'json':
      return { contentType, content: JSON.stringify(value) };
    case 'form':
      return { contentType, content: encodeForm(body, fields(value), isTaken) };
    case 'multipart':
      return encodeMultipart(body, contentType, fields(value), boundary);
    case 'text':
      return { contentType, content: scalarText(value) };
    case 'binary':
      return { contentType, content: readBytes(value).bytes };
    case 'xml':
      if (typeof value !== 'string') throw new UnsendableValue('must be the XML document as text');
      return { contentType, content: value };
    default:
      return body.kind satisfies never;
  }
}

function fields(value: Json): JsonObject {
  if (!isJsonObject(value))
    throw new UnsendableValue('must be an object: its properties are the fields of a form');
  return value;
}

const repeated: ValueEncoding = { style: 'form', explode: true, allowReserved: false, contentType: null };

/** Arrays are repeated, `encoding` is obeyed, other objects are JSON text (B8). */
function encodeForm(body: Body, value: JsonObject, isTaken: IsTaken): string {
  const pairs: Pair[] = [];
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined || item === null) continue;
    const stated = body.encoding.get(name);
    const fallback = isJsonObject(item) ? { ...repeated, contentType: 'application/json' } : repeated;
    const own = naming(name, () => serializeQuery(name, item, stated ?? fallback));
    const foreign = own.find(
      (pair) => pair.name !== name && (Object.hasOwn(value, pair.name) || isTaken(pair.name)),
    );
    if (foreign)
      throw new UnsendableValue(`must not hold the name "${foreign.name}", which is another field`, name);
    pairs.push(...own);
  }
  return pairs.map((pair) => pair.text).join('&');
}
