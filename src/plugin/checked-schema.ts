// The part of a foreign schema that is enforced, copied so that nothing of the rest can run (`openapi.md` A4).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isObject } from '../openapi/value.ts';
import type { Schema } from './operation.ts';

type JsonType = 'array' | 'boolean' | 'integer' | 'null' | 'number' | 'object' | 'string';

/**
 * A copy of a schema with nothing but the keywords that are enforced, each of its right shape. Boolean schemas are `{}`
 * and `{ not: {} }`.
 */
export interface CheckedSchema {
  type?: JsonType | JsonType[];
  const?: Json;
  enum?: Json[];
  default?: Json;
  required?: string[];
  properties?: Record<string, CheckedSchema>;
  additionalProperties?: CheckedSchema | false;
  items?: CheckedSchema;
  prefixItems?: CheckedSchema[];
  anyOf?: CheckedSchema[];
  allOf?: CheckedSchema[];
  not?: CheckedSchema;
  /** Limits: `minimum`, `maxLength` and the like. */
  [keyword: string]: Json | undefined | CheckedSchema | CheckedSchema[] | Record<string, CheckedSchema>;
}

const maxNodes = 20_000;
const typeNames: ReadonlySet<unknown> = new Set<JsonType>([
  'array',
  'boolean',
  'integer',
  'null',
  'number',
  'object',
  'string',
]);
const numberKeywords = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const countKeywords = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'];

/** A schema that is too large to be copied. */
class TooLarge extends Error {}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'boolean' || isObject(value);
}

export function emptyRecord<T>(): Record<string, T> {
  // Foreign names: `__proto__` is a name like any other here (security D8).
  return Object.create(null) as Record<string, T>;
}

/**
 * The part of a schema that is enforced: type, required, enum, const, ranges, lengths, properties, items, unions.
 * Left out: `pattern`, `patternProperties` and `format`, because foreign expressions never run; `uniqueItems`, which is
 * quadratic; keywords of the wrong shape. `oneOf` counts as `anyOf`, as the model was shown it. Empty when the schema
 * is larger than 20,000 nodes: then nothing is enforced.
 */
export function checkedSchema(schema: Schema): CheckedSchema {
  let nodes = 0;

  function copy(source: Schema): CheckedSchema {
    nodes += 1;
    if (nodes > maxNodes) throw new TooLarge();
    if (typeof source === 'boolean') return source ? {} : { not: {} };
    const result: CheckedSchema = emptyRecord();
    copyPlainKeywords(source, result);
    copyObjectKeywords(source, result);
    copyArrayKeywords(source, result);
    copyUnions(source, result);
    return result;
  }

  function copyList(source: Json | undefined): CheckedSchema[] | null {
    if (!Array.isArray(source) || source.length === 0) return null;
    return source.filter(isSchema).map((item) => copy(item));
  }

  function copyObjectKeywords(source: JsonObject, result: CheckedSchema): void {
    const readOnly = new Set<string>();
    const properties = source['properties'];
    if (isObject(properties)) {
      const copied = emptyRecord<CheckedSchema>();
      for (const [name, value] of Object.entries(properties)) {
        if (!isSchema(value)) continue;
        copied[name] = copy(value);
        if (isObject(value) && value['readOnly'] === true) readOnly.add(name);
      }
      result.properties = copied;
    }
    const required = source['required'];
    if (Array.isArray(required)) {
      const names = required.filter((name) => typeof name === 'string');
      const asked = names.filter((name) => !readOnly.has(name) && isDescribed(source, name));
      if (asked.length > 0) result.required = asked;
    }
    // What a pattern allows cannot be told from what nothing allows once the pattern is gone.
    const extra = source['additionalProperties'];
    if (isSchema(extra) && !isObject(source['patternProperties'])) {
      result.additionalProperties = extra === false ? false : copy(extra);
    }
  }

  function copyArrayKeywords(source: JsonObject, result: CheckedSchema): void {
    const prefix = copyList(source['prefixItems']);
    if (prefix) result.prefixItems = prefix;
    if (isSchema(source['items'])) result.items = copy(source['items']);
  }

  function copyUnions(source: JsonObject, result: CheckedSchema): void {
    const anyOf = copyList(source['anyOf']);
    const oneOf = copyList(source['oneOf']);
    const allOf = copyList(source['allOf']) ?? [];
    if (anyOf && oneOf) allOf.push({ anyOf: oneOf });
    const union = anyOf ?? oneOf;
    if (union && union.length > 0) result.anyOf = union;
    if (allOf.length > 0) result.allOf = allOf;
    if (isSchema(source['not'])) result.not = copy(source['not']);
  }

  try {
    return copy(schema);
  } catch (error) {
    if (error instanceof TooLarge || error instanceof RangeError) return {};
    throw error;
  }
}

function copyPlainKeywords(source: JsonObject, result: CheckedSchema): void {
  const type = source['type'];
  const types = [type].flat().filter((name): name is JsonType => typeNames.has(name));
  // `type: file` and the like say nothing that could be enforced.
  if (types.length === 1 && !Array.isArray(type)) result.type = types[0] as JsonType;
  else if (Array.isArray(type) && types.length > 0) result.type = types;
  if (source['const'] !== undefined) result.const = source['const'];
  if (source['default'] !== undefined) result.default = source['default'];
  const values = source['enum'];
  if (Array.isArray(values) && values.length > 0) {
    result.enum = values;
    // Real documents contradict themselves (`enum: [MALE, ...]` with `maxLength: 1`); the enum says more.
    return;
  }
  for (const keyword of numberKeywords) {
    const value = source[keyword];
    if (typeof value === 'number' && Number.isFinite(value)) result[keyword] = value;
  }
  for (const keyword of countKeywords) {
    const value = source[keyword];
    if (Number.isInteger(value)) result[keyword] = value as number;
  }
}

/** The model was never shown what is read-only, nor what is asked for and described nowhere (3 operations of the store). */
function isDescribed(source: JsonObject, name: string): boolean {
  const properties = source['properties'];
  if (!isObject(properties) || Object.hasOwn(properties, name)) return true;
  return ['allOf', 'anyOf', 'oneOf', 'patternProperties'].some((keyword) => source[keyword] !== undefined);
}
