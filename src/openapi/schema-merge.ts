// `allOf` written out as one schema, as far as one schema can say it (`openapi.md` S4).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, member, setMember } from './value.ts';

/** Called for what cannot be said in one schema; the validator still knows it. */
export type OnConflict = (keyword: string) => void;

const tightest: Readonly<Record<string, (a: number, b: number) => number>> = {
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  minProperties: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
  maxProperties: Math.min,
};

const annotations = new Set([
  'title',
  'description',
  'default',
  'example',
  'examples',
  'deprecated',
  'writeOnly',
  'discriminator',
]);

/**
 * The schema without `allOf` at its top: properties joined, `required` united, bounds tightened; what stands beside
 * `allOf` wins over its members. A property that several members describe gets an `allOf` of its own, merged when it
 * is looked at.
 */
export function mergeAllOf(schema: JsonObject, onConflict: OnConflict = () => {}): JsonObject {
  const members = schema['allOf'];
  if (!Array.isArray(members)) return schema;
  const { allOf: _, ...own } = schema;
  const merged: JsonObject = {};
  for (const one of members)
    if (isObject(one)) mergeInto(merged, mergeAllOf(one, onConflict), false, onConflict);
  mergeInto(merged, own, true, onConflict);
  return merged;
}

function mergeInto(merged: JsonObject, one: JsonObject, wins: boolean, onConflict: OnConflict): void {
  for (const [keyword, value] of entriesOf(one)) {
    const present = member(merged, keyword);
    if (present === undefined) setMember(merged, keyword, value);
    else if (keyword === 'description' && typeof present === 'string' && typeof value === 'string') {
      merged[keyword] = wins ? joinLines(value, present) : joinLines(present, value);
    } else if (annotations.has(keyword)) {
      if (wins) merged[keyword] = value;
    } else setMember(merged, keyword, join(keyword, present, value, wins, onConflict));
  }
}

/** Thousands of members would make a text that nobody reads, in quadratic time. */
const longestJoined = 20_000;

/** Both texts, unless one says the other: nothing that a document says about a value is lost (S2). */
function joinLines(first: string, second: string): string {
  return first.length > longestJoined || first.includes(second) ? first : `${first}\n${second}`;
}

function join(keyword: string, a: Json, b: Json, wins: boolean, onConflict: OnConflict): Json {
  if (keyword === 'properties') return joinProperties(a, b);
  if (keyword === 'required' && Array.isArray(a) && Array.isArray(b)) return [...new Set([...a, ...b])];
  if (keyword === 'type') return joinTypes(a, b, wins, onConflict);
  const tighter = tightest[keyword];
  if (tighter && typeof a === 'number' && typeof b === 'number') return tighter(a, b);
  if (keyword === 'enum' && Array.isArray(a) && Array.isArray(b)) {
    const other = new Set(b.map((value) => JSON.stringify(value)));
    const common = a.filter((value) => other.has(JSON.stringify(value)));
    if (common.length > 0) return common;
  }
  if (keyword === 'items' && isObject(a) && isObject(b)) return both(a, b);
  // one member's "no more" does not know the other members' properties
  if (keyword === 'additionalProperties') return isObject(a) ? a : b;
  if (JSON.stringify(a) !== JSON.stringify(b)) onConflict(keyword);
  return wins ? b : a;
}

function joinProperties(a: Json, b: Json): JsonObject {
  const properties: JsonObject = {};
  for (const [name, schema] of entriesOf(a)) setMember(properties, name, schema);
  for (const [name, schema] of entriesOf(b)) {
    const present = member(properties, name);
    setMember(properties, name, isObject(present) && isObject(schema) ? both(present, schema) : schema);
  }
  return properties;
}

/** Two schemas of one property. The later one stands nearer to the reader of the document: it comes first, and wins. */
function both(a: JsonObject, b: JsonObject): JsonObject {
  const members = Array.isArray(a['allOf']) && Object.keys(a).length === 1 ? a['allOf'] : [a];
  if (JSON.stringify(members[0]) === JSON.stringify(b)) return a;
  return { allOf: [b, ...members] };
}

function listOf(value: Json): Json[] {
  return Array.isArray(value) ? value : [value];
}

/** The narrower of two types: what both lists have, `integer` rather than `number`. */
function joinTypes(a: Json, b: Json, wins: boolean, onConflict: OnConflict): Json {
  const first = listOf(a);
  const second = listOf(b);
  const common = first.filter((type) => second.includes(type));
  if (first.includes('integer') && second.includes('number') && !common.includes('integer'))
    common.push('integer');
  if (first.includes('number') && second.includes('integer') && !common.includes('integer'))
    common.push('integer');
  if (common.length === 0) {
    onConflict('type');
    return wins ? b : a;
  }
  return common.length === 1 ? (common[0] ?? a) : common;
}
