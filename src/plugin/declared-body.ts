// The body of one operation: of all declared media types the one that is sent (`openapi.md` B6).
import type { Json, JsonObject } from '../openai/chat.ts';
import type { Report } from '../openapi/diagnostic.ts';
import type { References } from '../openapi/reference.ts';
import type { SchemaReader } from '../openapi/schema-reader.ts';
import type { Schema } from '../openapi/schema.ts';
import type { ParameterStyle, PropertyEncoding } from '../openapi/serialize.ts';
import { entriesOf, isObject, member, pointerTo, setMember, textMember } from '../openapi/value.ts';

export type BodyKind = 'json' | 'form' | 'multipart' | 'text' | 'binary' | 'xml';

/** The declared body, of the one media type that is sent (`openapi.md` B6). */
export interface Body {
  /** As declared, with its parameters; `application/json` for a wildcard. */
  readonly contentType: string;
  readonly kind: BodyKind;
  readonly required: boolean;
  readonly description: string;
  readonly schema: Schema;
  /** By property name; only what the document states. */
  readonly encoding: ReadonlyMap<string, PropertyEncoding>;
}

/** What a body is read with. */
export interface BodyContext {
  readonly references: References;
  readonly schemas: SchemaReader;
  readonly report: Report;
}

/** Preference (B6) and kind by media type, the first that matches. */
const order: readonly [kind: BodyKind, matches: (type: string) => boolean][] = [
  ['json', (type) => type === 'application/json'],
  ['json', (type) => type.endsWith('+json') || type === 'text/json'],
  ['json', (type) => type === '*/*' || type === 'application/*' || type === '*'],
  ['form', (type) => type === 'application/x-www-form-urlencoded'],
  ['multipart', (type) => type.startsWith('multipart/')],
  ['text', (type) => type.startsWith('text/') && type !== 'text/xml'],
  ['binary', (type) => type === 'application/octet-stream'],
  ['xml', (type) => type.endsWith('/xml') || type.endsWith('+xml')],
  ['binary', () => true],
];

const encodingStyles: readonly ParameterStyle[] = ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'];

/** Reads `requestBody`; `null` when none is declared; a text when the operation cannot be called without it. */
export function readBody(
  written: Json | undefined,
  pointer: string,
  context: BodyContext,
): Body | string | null {
  if (written === undefined || written === null) return null;
  const target = context.references.follow(written, pointer);
  if (target.kind !== 'found')
    return `its body is the reference ${target.reference}, which cannot be followed`;
  const declared = target.value;
  if (!isObject(declared)) {
    context.report.warning('misplaced', pointer, '"requestBody" is no object; it is ignored.');
    return null;
  }
  const choice = chooseMedia(entriesOf(member(declared, 'content')));
  if (!choice) return bareBody(declared, target.pointer, context);
  const { type, media, kind } = choice;
  const at = pointerTo(target.pointer, 'content', type);
  if (kind === 'xml')
    context.report.warning('xml-body', at, 'The body is XML: the model writes it as one text.');
  return {
    contentType: type.includes('*') ? 'application/json' : type,
    kind,
    // "Required as its schema says unless explicitly false": absent on 89 of 542 real bodies (N12)
    required: member(declared, 'required') !== false,
    description: textMember(declared, 'description') ?? '',
    schema: inField(
      kind,
      context.schemas.read(member(media, 'schema'), pointerTo(at, 'schema')),
      at,
      context,
    ),
    encoding: readEncoding(member(media, 'encoding')),
  };
}

/** A multipart body consists of fields: where a document describes one text instead, it is that of the field `file`. */
function inField(kind: BodyKind, schema: Schema, pointer: string, context: BodyContext): Schema {
  if (kind !== 'multipart' || !isObject(schema) || schema['type'] !== 'string') return schema;
  context.report.warning(
    'misplaced',
    pointer,
    'A multipart body is an object of fields; the text is sent as "file".',
  );
  return { type: 'object', properties: { file: schema }, required: ['file'] };
}

function chooseMedia(
  content: readonly [string, Json][],
): { type: string; media: Json; kind: BodyKind } | null {
  for (const [kind, matches] of order) {
    const found = content.find(([type]) => matches(plainType(type)));
    if (found) return { type: found[0], media: found[1], kind };
  }
  return null;
}

/** The media type alone, without parameters, in lower case. */
function plainType(type: string): string {
  return (type.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** A body whose `content` is missing: its schema may stand right there (D10). */
function bareBody(declared: JsonObject, pointer: string, context: BodyContext): Body | null {
  const schema = member(declared, 'schema');
  if (schema === undefined) {
    if (member(declared, 'required') === true)
      context.report.warning('misplaced', pointer, 'The body declares no content; none is sent.');
    return null;
  }
  context.report.warning('misplaced', pointer, '"schema" belongs into "content" of the body; JSON is taken.');
  return jsonBody(context.schemas.read(schema, pointerTo(pointer, 'schema')), declared);
}

function jsonBody(schema: Schema, declared: JsonObject): Body {
  return {
    contentType: 'application/json',
    kind: 'json',
    required: member(declared, 'required') !== false,
    description: textMember(declared, 'description') ?? '',
    schema,
    encoding: new Map(),
  };
}

/** The body made of parameters with `in: body` or `in: formData`, which 3.x does not have (D10). */
export function bodyOfParameters(
  parts: readonly { readonly value: JsonObject; readonly pointer: string }[],
  context: BodyContext,
): Body | null {
  const whole = parts.find((part) => part.value['in'] === 'body');
  if (whole) {
    context.report.warning(
      'misplaced',
      whole.pointer,
      '"in: body" is Swagger 2.0; it is read as the JSON request body.',
    );
    return jsonBody(
      context.schemas.read(member(whole.value, 'schema'), pointerTo(whole.pointer, 'schema')),
      whole.value,
    );
  }
  const first = parts[0];
  if (!first) return null;
  context.report.warning(
    'misplaced',
    first.pointer,
    '"in: formData" is Swagger 2.0; it is read as a form body.',
  );
  const properties: JsonObject = {};
  const required: string[] = [];
  for (const { value, pointer } of parts) {
    const name = textMember(value, 'name');
    if (name === undefined) continue;
    const { name: _, in: __, required: needed, schema, ...rest } = value;
    setMember(properties, name, context.schemas.read(schema ?? rest, pointer));
    if (needed === true) required.push(name);
  }
  const form = { type: 'object', properties, required };
  return { ...jsonBody(form, {}), contentType: 'application/x-www-form-urlencoded', kind: 'form' };
}

function readEncoding(written: Json | undefined): ReadonlyMap<string, PropertyEncoding> {
  const encoding = new Map<string, PropertyEncoding>();
  for (const [name, value] of entriesOf(written)) {
    const style = encodingStyles.find((one) => one === member(value, 'style')) ?? 'form';
    const explode = member(value, 'explode');
    encoding.set(name, {
      contentType: textMember(value, 'contentType') ?? null,
      style,
      explode: typeof explode === 'boolean' ? explode : style === 'form',
      allowReserved: member(value, 'allowReserved') === true,
    });
  }
  return encoding;
}
