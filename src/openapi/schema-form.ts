// One schema object brought into its 3.1 form: 2.0's and 3.0's spellings, and what authors write by mistake (D9, D10).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, member, setMember, textMember } from './value.ts';

const types = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']);

/** What authors write for a type of JSON Schema; `null`: any type. */
const meantTypes = new Map<string, { type: string; format?: string } | null>([
  ['str', { type: 'string' }],
  ['text', { type: 'string' }],
  ['uuid', { type: 'string', format: 'uuid' }],
  ['date', { type: 'string', format: 'date' }],
  ['datetime', { type: 'string', format: 'date-time' }],
  ['date-time', { type: 'string', format: 'date-time' }],
  ['file', { type: 'string', format: 'binary' }],
  ['int', { type: 'integer' }],
  ['int32', { type: 'integer' }],
  ['int64', { type: 'integer' }],
  ['long', { type: 'integer' }],
  ['float', { type: 'number' }],
  ['double', { type: 'number' }],
  ['decimal', { type: 'number' }],
  ['bool', { type: 'boolean' }],
  ['list', { type: 'array' }],
  ['dict', { type: 'object' }],
  ['map', { type: 'object' }],
  ['json', { type: 'object' }],
  ['any', null],
]);

/** Keywords and the type that their value must have to mean anything. */
const forms = Object.entries<(value: Json) => boolean>({
  description: (value) => typeof value === 'string',
  title: (value) => typeof value === 'string',
  format: (value) => typeof value === 'string',
  pattern: (value) => typeof value === 'string',
  enum: Array.isArray,
  required: Array.isArray,
  minimum: Number.isFinite,
  maximum: Number.isFinite,
  multipleOf: (value) => typeof value === 'number' && value > 0,
  minLength: Number.isInteger,
  maxLength: Number.isInteger,
  minItems: Number.isInteger,
  maxItems: Number.isInteger,
  minProperties: Number.isInteger,
  maxProperties: Number.isInteger,
  uniqueItems: (value) => typeof value === 'boolean',
});

type Warn = (code: string, message: string) => void;

/** The schema with its own keywords (not those of its parts, which have been through this) in 3.1's form. */
export function modernise(schema: JsonObject, warn: Warn): JsonObject {
  for (const [keyword, fits] of forms) {
    const value = schema[keyword];
    if (value === undefined || fits(value)) continue;
    delete schema[keyword];
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
    if (fits(number)) {
      schema[keyword] = number;
      warn('misplaced', `"${keyword}" is written as the text ${describe(value)}; it is read as a number.`);
      continue;
    }
    // a boolean `required` has its own rule (D9), the parent's
    if (keyword === 'required' && typeof value === 'boolean') continue;
    if (value !== null)
      warn('misplaced', `"${keyword}" cannot be ${describe(value)} in a schema; it is ignored.`);
  }
  moderniseType(schema, warn);
  moderniseValues(schema, warn);
  moderniseBound(schema, 'exclusiveMinimum', 'minimum');
  moderniseBound(schema, 'exclusiveMaximum', 'maximum');
  return moderniseNull(schema);
}

function describe(value: Json): string {
  return JSON.stringify(value).slice(0, 40);
}

function moderniseType(schema: JsonObject, warn: Warn): void {
  const declared = schema['type'];
  if (declared === undefined) return;
  const list = (Array.isArray(declared) ? declared : [declared]).map((type) =>
    type === null ? 'null' : type,
  );
  const known = list.filter((type): type is string => typeof type === 'string' && types.has(type));
  if (known.length === list.length && known.length > 0) {
    schema['type'] = Array.isArray(declared) && known.length > 1 ? known : (known[0] ?? null);
    // "type: null" alone is an empty YAML value, not a wish for null
    if (declared === null) delete schema['type'];
    return;
  }
  warn('misplaced', `${describe(declared)} is no type of JSON Schema; the nearest meaning is taken.`);
  const meant = list.length === 1 && typeof list[0] === 'string' ? findMeaning(list[0]) : null;
  if (meant)
    Object.assign(schema, { format: schema['format'] ?? meant.format ?? undefined, type: meant.type });
  else if (known.length > 0) schema['type'] = known;
  else delete schema['type'];
  if (schema['format'] === undefined) delete schema['format'];
}

function findMeaning(written: string): { type: string; format?: string } | null {
  const plain = written.trim().toLowerCase();
  return types.has(plain) ? { type: plain } : (meantTypes.get(plain) ?? null);
}

/**
 * `enum: [1, 2, dc]` beside `type: string`, as YAML makes it: values that no argument could ever equal are read in the
 * declared type, where their text means the same.
 */
function moderniseValues(schema: JsonObject, warn: Warn): void {
  const declared = schema['type'];
  const known = (Array.isArray(declared) ? declared : [declared]).filter((type) => typeof type === 'string');
  if (known.length === 0) return;
  const read = (value: Json): Json =>
    known.some((type) => isOfType(value, type)) ? value : inType(value, known);
  for (const keyword of ['enum', 'const', 'default']) {
    const value = schema[keyword];
    if (value === undefined) continue;
    const typed = keyword === 'enum' && Array.isArray(value) ? value.map(read) : read(value);
    if (JSON.stringify(typed) === JSON.stringify(value)) continue;
    schema[keyword] = typed;
    warn(
      'misplaced',
      `"${keyword}" has values that are not of type ${known.join(' or ')}; they are read as such.`,
    );
  }
}

function isOfType(value: Json, type: string): boolean {
  if (value === null) return type === 'null';
  if (Array.isArray(value)) return type === 'array';
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/** A scalar in the first type that its text can be read in; `null` and what fits none stay. */
function inType(value: Json, types: readonly string[]): Json {
  if (value === null || typeof value === 'object') return value;
  for (const type of types) {
    if (type === 'string') return String(value);
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
    if ((type === 'integer' && Number.isInteger(number)) || (type === 'number' && Number.isFinite(number)))
      return number;
    if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  }
  return value;
}

/** 3.0: `exclusiveMinimum: true` beside `minimum: 5` is 3.1's `exclusiveMinimum: 5`. */
function moderniseBound(schema: JsonObject, exclusive: string, inclusive: string): void {
  const value = schema[exclusive];
  if (value === undefined || typeof value === 'number') return;
  delete schema[exclusive];
  const bound = schema[inclusive];
  if (value !== true || bound === undefined) return;
  schema[exclusive] = bound;
  delete schema[inclusive];
}

function moderniseNull(schema: JsonObject): JsonObject {
  const nullable = schema['nullable'];
  if (nullable === undefined) return schema;
  delete schema['nullable'];
  if (nullable !== true) return schema;
  const enumeration = schema['enum'];
  if (Array.isArray(enumeration) && !enumeration.includes(null)) schema['enum'] = [...enumeration, null];
  const type = schema['type'];
  if (type !== undefined) {
    const list = Array.isArray(type) ? type : [type];
    schema['type'] = list.includes('null') ? type : [...list, 'null'];
    return schema;
  }
  for (const union of ['anyOf', 'oneOf']) {
    const variants = schema[union];
    if (Array.isArray(variants)) {
      schema[union] = [...variants, { type: 'null' }];
      return schema;
    }
  }
  if (!Array.isArray(schema['allOf'])) return schema;
  const { description, default: value, ...rest } = schema;
  const wrapped: JsonObject = { anyOf: [rest, { type: 'null' }] };
  if (description !== undefined) wrapped['description'] = description;
  if (value !== undefined) wrapped['default'] = value;
  return wrapped;
}

/**
 * A variant of a union with a discriminator, its tag stated as a one-value enum (S4): references are gone after
 * inlining, so nothing else would say which tag means which variant.
 */
export function tagVariant(
  variant: boolean | JsonObject,
  written: Json,
  discriminator: Json | undefined,
): boolean | JsonObject {
  const property = textMember(discriminator, 'propertyName');
  const reference = textMember(written, '$ref');
  if (property === undefined || reference === undefined || !isObject(variant)) return variant;
  const name = reference.split('/').at(-1) ?? reference;
  const mapped = entriesOf(member(discriminator, 'mapping'))
    .filter(([, target]) => target === reference || target === name)
    .map(([tag]) => tag);
  const stated = member(member(variant, 'properties'), property);
  if (
    mapped.length === 0 &&
    isObject(stated) &&
    (stated['enum'] !== undefined || stated['const'] !== undefined)
  ) {
    return variant;
  }
  const tag: JsonObject = {
    ...(isObject(stated) ? stated : { type: 'string' }),
    enum: mapped.length > 0 ? mapped : [name],
  };
  delete tag['const'];
  const properties: JsonObject = {};
  setMember(properties, property, tag);
  for (const [key, value] of entriesOf(member(variant, 'properties')))
    if (key !== property) setMember(properties, key, value);
  const required = Array.isArray(variant['required']) ? variant['required'] : [];
  return {
    ...variant,
    properties,
    required: required.includes(property) ? required : [property, ...required],
  };
}
