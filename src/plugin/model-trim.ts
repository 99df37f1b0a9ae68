// Shorter forms of a shown schema, for functions that would cost too much (levels L2 and L3 of `openapi.md` section 5).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, member, setMember } from '../openapi/value.ts';
import { repeats } from './model-schema.ts';
import { cutText } from './model-text.ts';

export type Level = 2 | 3;

const longestText = 100;
const longestPattern = 60;
const longestDefault = 40;
const mostValues = 24;
const mostVariants = 3;
/** L3: optional properties below this depth are left out. */
const deepestOptional = 3;

const droppedBounds = new Set([
  'minLength',
  'maxLength',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'multipleOf',
]);

/** The `parameters` of a definition at a lower level. */
export function trimParameters(parameters: JsonObject, level: Level): JsonObject {
  return trim(parameters, level, 0);
}

function trim(schema: JsonObject, level: Level, depth: number): JsonObject {
  const trimmed: JsonObject = {};
  for (const [keyword, value] of entriesOf(schema)) {
    const kept = trimMember(keyword, value, schema, level, depth);
    if (kept !== undefined) setMember(trimmed, keyword, kept);
  }
  return trimmed;
}

function trimMember(
  keyword: string,
  value: Json,
  schema: JsonObject,
  level: Level,
  depth: number,
): Json | undefined {
  if (droppedBounds.has(keyword)) return undefined;
  if (keyword === 'description' && typeof value === 'string')
    return cutText(withoutMarkdown(value), longestText);
  if (keyword === 'pattern' && typeof value === 'string' && value.length > longestPattern) return undefined;
  if (keyword === 'default' && JSON.stringify(value).length > longestDefault) return undefined;
  if (keyword === 'enum' && Array.isArray(value) && level === 3) return value.slice(0, mostValues);
  if (keyword === 'anyOf' && Array.isArray(value)) {
    const variants = level === 3 ? value.slice(0, mostVariants) : value;
    return variants.map((one) => (isObject(one) ? trim(one, level, depth) : one));
  }
  if ((keyword === 'items' || keyword === 'additionalProperties') && isObject(value))
    return trim(value, level, depth + 1);
  if (keyword === 'properties' && isObject(value)) return trimProperties(value, schema, level, depth);
  return value;
}

function trimProperties(properties: JsonObject, schema: JsonObject, level: Level, depth: number): JsonObject {
  const needed = member(schema, 'required');
  const required = new Set(Array.isArray(needed) ? needed : []);
  const kept: JsonObject = {};
  for (const [name, property] of entriesOf(properties)) {
    const optional = !required.has(name);
    const text = member(property, 'description');
    if (optional && typeof text === 'string' && /(?:^|\n)deprecated$/m.test(text)) continue;
    if (optional && level === 3 && depth >= deepestOptional) continue;
    const trimmed = isObject(property) ? trim(property, level, depth + 1) : property;
    if (isObject(trimmed) && typeof text === 'string' && repeats(text, name)) delete trimmed['description'];
    setMember(kept, name, trimmed);
  }
  return kept;
}

function withoutMarkdown(text: string): string {
  return text.replaceAll(/!?\[([^[\]]*)\]\([^()]*\)/g, '$1').replaceAll(/\*\*|__|`+|^#{1,6} /gm, '');
}
