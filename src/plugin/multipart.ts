// A multipart body: one part per value, files from base64 or a data URL (`openapi.md` B9).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { naming, scalarText, UnsendableValue } from '../openapi/serialize.ts';
import { readBytes } from './binary-text.ts';
import { isHeaderValue } from './header.ts';
import type { Body, Schema } from './operation.ts';

interface Part {
  readonly name: string;
  readonly fileName: string | null;
  /** `null` where the default, text/plain, says it. */
  readonly type: string | null;
  readonly content: Uint8Array;
}

/** Tries for a boundary that occurs in no part; random ones succeed at once. */
const maxBoundaries = 4;

/** Encodes the fields. `boundary` is asked again when what it gave occurs in a part (security A8). */
export function encodeMultipart(
  body: Body,
  contentType: string,
  fields: JsonObject,
  boundary: () => string,
): { readonly contentType: string; readonly content: Uint8Array } {
  const parts = Object.entries(fields).flatMap(([name, value]) => fieldParts(body, name, value));
  const bare = contentType.split(';')[0]?.trim() ?? contentType;
  for (let round = 0; round < maxBoundaries; round += 1) {
    const mark = boundary();
    if (parts.some((part) => Buffer.from(part.content).includes(`--${mark}`))) continue;
    return { contentType: `${bare}; boundary=${mark}`, content: join(parts, mark) };
  }
  throw new UnsendableValue('cannot be separated from the other parts');
}

function fieldParts(body: Body, name: string, value: Json | undefined): Part[] {
  if (value === undefined || value === null) return [];
  const schema = propertySchema(body.schema, name);
  const items = Array.isArray(value) ? value.filter((item) => item !== null) : [value];
  const itemSchema = Array.isArray(value) && isJsonObject(schema) ? schema['items'] : schema;
  return items.map((item) => makePart(body, name, item, itemSchema));
}

function propertySchema(schema: Schema, name: string): Json | undefined {
  const properties = typeof schema === 'object' ? schema['properties'] : undefined;
  return isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

function makePart(body: Body, name: string, value: Json, schema: Json | undefined): Part {
  const stated = statedType(body.encoding.get(name)?.contentType ?? null);
  if (isFile(schema)) {
    const { bytes, type } = naming(name, () => readBytes(value));
    const own = stated ?? statedType(type) ?? statedType(mediaType(schema)) ?? 'application/octet-stream';
    return { name, fileName: fileName(name, own), type: own, content: bytes };
  }
  const type = stated ?? (typeof value === 'object' ? 'application/json' : null);
  const text =
    typeof value === 'object' || /json/i.test(type ?? '') ? JSON.stringify(value) : scalarText(value);
  return { name, fileName: null, type, content: Buffer.from(text, 'utf8') };
}

/** Of a list of types the first that is no range. */
function statedType(types: string | null): string | null {
  const first = types
    ?.split(',')
    .map((type) => type.trim())
    .find((type) => type !== '' && !type.includes('*'));
  return first !== undefined && /^[^/\s]+\/[^/\s]+/.test(first) && isHeaderValue(first) ? first : null;
}

function mediaType(schema: Json | undefined): string | null {
  const type = isJsonObject(schema) ? schema['contentMediaType'] : undefined;
  return typeof type === 'string' ? type : null;
}

/** Binary in the words of 3.0 (`format: binary`), 3.1 (`contentMediaType` alone) or 2.0 (`type: file`). */
function isFile(schema: Json | undefined): boolean {
  if (!isJsonObject(schema)) return false;
  if (schema['type'] === 'file' || schema['format'] === 'binary') return true;
  const type = mediaType(schema);
  return type !== null && schema['contentEncoding'] === undefined && !/json|^text\//i.test(type);
}

/** A file name: some servers take a part for a file only if it has one. */
function fileName(name: string, type: string): string {
  const ending = /\/(?:x-)?([a-z0-9]{1,5})(?:;|$)/i.exec(type)?.[1];
  return ending === undefined ? name : `${name}.${ending.toLowerCase()}`;
}

/** As browsers escape a name, so that it cannot end its quotes or its line. */
function quote(text: string): string {
  const escaped = text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `"${escaped}"`;
}

function join(parts: readonly Part[], mark: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const { name, fileName: file, type, content } of parts) {
    const disposition = `form-data; name=${quote(name)}${file === null ? '' : `; filename=${quote(file)}`}`;
    const typeLine = type === null ? '' : `Content-Type: ${type}\r\n`;
    chunks.push(Buffer.from(`--${mark}\r\nContent-Disposition: ${disposition}\r\n${typeLine}\r\n`, 'utf8'));
    chunks.push(content, Buffer.from('\r\n', 'utf8'));
  }
  chunks.push(Buffer.from(`--${mark}--\r\n`, 'utf8'));
  return Buffer.concat(chunks);
}
