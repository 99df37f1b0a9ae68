// Strict mode: the API holds the model to the schema, if the schema is of the few shapes that it can hold it to (S8).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, listMember, member, setMember } from '../openapi/value.ts';
import type { StrictLimits } from './profile.ts';

/** What a schema holds altogether. */
interface Size {
  properties: number;
  levels: number;
  characters: number;
  enumValues: number;
}

/**
 * Why parameters have no strict form; `null` when they have one. Words that follow "it has".
 */
export function findStrictFault(parameters: JsonObject, limits: StrictLimits): string | null {
  const size: Size = { properties: 0, levels: 0, characters: 0, enumValues: 0 };
  const fault = measure(parameters, 0, size);
  if (fault !== null) return fault;
  if (size.properties > limits.properties) return `more than ${limits.properties} properties`;
  if (size.levels > limits.levels) return `more than ${limits.levels} levels`;
  if (size.enumValues > limits.enumValues) return `more than ${limits.enumValues} enum values`;
  return size.characters > limits.characters
    ? `more than ${limits.characters} characters of names and enums`
    : null;
}

function measure(schema: Json, level: number, size: Size): string | null {
  if (!isObject(schema)) return 'a value of any type';
  const { type, anyOf: variants, items } = schema;
  size.levels = Math.max(size.levels, level);
  if (schema['additionalProperties'] !== undefined) return 'an object with free names';
  const properties = entriesOf(schema['properties']);
  if (type === 'object' && level > 0 && properties.length === 0) return 'an object of any shape';
  if (Array.isArray(variants) && (properties.length > 0 || items !== undefined))
    return 'a union beside properties';
  if (type === undefined && variants === undefined) return 'a value of any type';
  const values = listMember(schema, 'enum');
  size.enumValues += values.length;
  for (const value of values) size.characters += JSON.stringify(value).length;
  size.properties += properties.length;
  for (const [name] of properties) size.characters += name.length;
  const below = [...properties.map(([, one]) => one), ...(items === undefined ? [] : [items])];
  for (const one of below) {
    const fault = measure(one, level + 1, size);
    if (fault !== null) return fault;
  }
  for (const one of Array.isArray(variants) ? variants : []) {
    const fault = measure(one, level, size);
    if (fault !== null) return fault;
  }
  return null;
}

/**
 * Parameters that passed {@link findStrictFault} in their strict form: objects are closed, every property is required,
 * and one that was optional may be `null`, which stands for its absence (`withoutNulls` takes it out again).
 */
export function makeStrict(schema: JsonObject): JsonObject {
  const strict: JsonObject = {};
  for (const [keyword, value] of entriesOf(schema)) {
    if (keyword === 'required') continue;
    if (keyword === 'items' && isObject(value)) strict[keyword] = makeStrict(value);
    else if (keyword === 'anyOf' && Array.isArray(value))
      strict[keyword] = value.map((one) => (isObject(one) ? makeStrict(one) : one));
    else strict[keyword] = value;
  }
  if (schema['type'] !== 'object') return strict;
  const required = new Set(listMember(schema, 'required'));
  const properties: JsonObject = {};
  for (const [name, one] of entriesOf(member(schema, 'properties'))) {
    const own = isObject(one) ? makeStrict(one) : {};
    setMember(properties, name, required.has(name) ? own : nullable(own));
  }
  const names = Object.keys(properties);
  // Groq refuses an empty `required`.
  return {
    ...strict,
    properties,
    ...(names.length > 0 && { required: names }),
    additionalProperties: false,
  };
}

function nullable(schema: JsonObject): JsonObject {
  const { anyOf, type, description, ...rest } = schema;
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  if (rest['enum'] === undefined && type !== undefined) return { ...schema, type: [type, 'null'] };
  return {
    ...(description !== undefined && { description }),
    anyOf: [{ ...(type !== undefined && { type }), ...rest }, { type: 'null' }],
  };
}
