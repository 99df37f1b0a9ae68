// Arguments that a model might write, made from the schemas of a function.
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import { isJsonObject } from '../../src/openai/exact-json.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';

/** A value of a schema; something plain where the schema says little. */
export function sampleValue(schema: Json | undefined, depth = 0): Json {
  if (!isJsonObject(schema) || depth > 12) return 'x';
  if (schema['const'] !== undefined) return schema['const'];
  if (Array.isArray(schema['enum']))
    return schema['enum'].find((value) => value !== null && value !== '') ?? 'x';
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const variants = schema[keyword];
    if (!Array.isArray(variants) || variants.length === 0) continue;
    if (keyword !== 'allOf') return sampleValue(variants[0], depth + 1);
    const parts = variants.map((variant) => sampleValue(variant, depth + 1));
    return parts.every(isJsonObject) ? Object.assign({}, ...parts) : (parts[0] ?? 'x');
  }
  const type = [schema['type']].flat().find((name) => name !== 'null');
  if (type === 'object' || isJsonObject(schema['properties'])) return sampleObject(schema, depth);
  return sampleScalar(schema, type ?? 'string', depth);
}

function sampleObject(schema: JsonObject, depth: number): JsonObject {
  const result: JsonObject = {};
  for (const [name, property] of Object.entries(schema['properties'] ?? {})) {
    if (!(isJsonObject(property) && property['readOnly'] === true))
      result[name] = sampleValue(property, depth + 1);
  }
  return result;
}

function sampleScalar(schema: JsonObject, type: Json, depth: number): Json {
  const least = schema['minimum'] ?? schema['exclusiveMinimum'];
  switch (type) {
    case 'array':
      return Array.from({ length: Math.max(1, Number(schema['minItems'] ?? 1)) }, () =>
        sampleValue(schema['items'], depth + 1),
      );
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return Math.min(
        Math.ceil(Number(least ?? 0)) + 1,
        Number(schema['maximum'] ?? Number.MAX_SAFE_INTEGER),
      );
    default: {
      const text = schema['format'] === 'binary' ? 'AAAA' : 'a/b c';
      return text.padEnd(Number(schema['minLength'] ?? 0), 'x').slice(0, Number(schema['maxLength'] ?? 1000));
    }
  }
}

/** All arguments of a function. */
export function sampleArguments(fn: PluginFunction): JsonObject {
  return Object.fromEntries(
    Array.from(fn.arguments.values(), ({ name, schema }) => [name, sampleValue(schema)]),
  );
}
