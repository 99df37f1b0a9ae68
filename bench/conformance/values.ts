// Values that a model could send, made from a function's own schema; the same seed gives the same values.
import { entries, isTree, listAt, textAt, type Tree, type TreeObject } from './tree.ts';

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export type Random = () => number;

export function createRandom(seed: string): Random {
  let state = 2166136261;
  for (const sign of seed) state = Math.imul(state ^ (sign.codePointAt(0) ?? 0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Texts that may stand in the value, by where it goes. */
export interface Making {
  readonly random: Random;
  /** Pieces that texts are made of. */
  readonly pieces: readonly string[];
  /** Optional properties: always, never, or as it falls. */
  readonly optional: 'all' | 'none' | 'some';
  /** No empty objects and texts: most styles of parameters cannot say them. */
  readonly filled?: boolean;
}

/** Pieces that nothing on the way may take for its own. */
export const anyPieces = [
  ' ',
  '&',
  '=',
  '#',
  '?',
  '/',
  '%',
  '%41',
  '+',
  ';',
  ',',
  ':',
  '@',
  '"',
  "'",
  '(x)',
  '[0]',
  '{y}',
  '$&',
  '|',
  '~',
  'ä',
  '日本',
  '😀',
  '.',
  '-',
  '_',
  '<b>',
  '\\',
];

const words = ['alpha', 'beta', 'gamma', 'delta', 'omega'];
const deepest = 7;

/** A value for a schema. Formats are met, `pattern` is not: no model is held to it (A4). */
export function makeValue(schema: Tree, making: Making, depth = 0): unknown {
  if (!isTree(schema)) return makeText({}, making);
  const values = listAt(schema, 'enum').filter((value) => making.filled !== true || value !== '');
  if (values.length > 0) return pick(values, making);
  if ('const' in schema) return schema['const'];
  const whole = withVariant(schema, making);
  if (whole !== schema) return makeValue(whole, making, depth);
  switch (typeOf(schema)) {
    case 'string':
      return makeText(schema, making);
    case 'integer':
    case 'number':
      return makeNumber(schema, making);
    case 'boolean':
      return making.random() < 0.5;
    case 'array':
      return makeList(schema, making, depth);
    case 'object':
      return makeObject(schema, making, depth);
    default:
      return makeText(schema, making);
  }
}

function pick<T>(list: readonly T[], { random }: Making): T | undefined {
  return list[Math.floor(random() * list.length)];
}

function typeOf(schema: TreeObject): string {
  const type = schema['type'];
  if (typeof type === 'string') return type;
  if (Array.isArray(type)) return String(type.find((one) => one !== 'null') ?? 'string');
  if (isTree(schema['properties'])) return 'object';
  return isTree(schema['items']) ? 'array' : 'string';
}

/** One variant of a union, and all of `allOf`, written into the schema. */
function withVariant(schema: TreeObject, making: Making): TreeObject {
  const { anyOf, oneOf, allOf, ...own } = schema;
  const union = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : [];
  const chosen =
    union.length > 0
      ? [
          pick(
            union.filter((one) => !isTree(one) || one['type'] !== 'null'),
            making,
          ),
        ]
      : [];
  const parts = [...(Array.isArray(allOf) ? allOf : []), ...chosen].filter(isTree);
  if (parts.length === 0)
    return anyOf === undefined && oneOf === undefined && allOf === undefined ? schema : own;
  let joined: TreeObject = own;
  for (const part of parts) {
    const properties = {
      ...(isTree(joined['properties']) ? joined['properties'] : {}),
      ...(isTree(part['properties']) ? part['properties'] : {}),
    };
    const required = [...new Set([...listAt(joined, 'required'), ...listAt(part, 'required')])];
    joined = {
      ...joined,
      ...part,
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(required.length > 0 && { required }),
    };
  }
  return joined;
}

const formats: Record<string, (making: Making) => string> = {
  date: ({ random }) =>
    `20${String(10 + Math.floor(random() * 89))}-0${String(1 + Math.floor(random() * 9))}-1${String(Math.floor(random() * 9))}`,
  'date-time': ({ random }) => `2024-05-1${String(Math.floor(random() * 9))}T10:30:00Z`,
  time: () => '10:30:00Z',
  email: () => 'someone@example.com',
  uri: () => 'https://example.com/a%20b?c=d&e=f#g',
  url: () => 'https://example.com/a%20b?c=d&e=f#g',
  uuid: () => '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  ipv4: () => '192.0.2.1',
  ipv6: () => '2001:db8::1',
  hostname: () => 'host.example.com',
};

/** Whether the function says that a text holds bytes. */
function holdsBytes(schema: TreeObject): boolean {
  const format = textAt(schema, 'format');
  return format === 'binary' || format === 'byte' || /base64/.test(textAt(schema, 'description') ?? '');
}

function makeText(schema: TreeObject, making: Making): string {
  if (holdsBytes(schema)) return makeBytes(schema, making);
  const known = formats[textAt(schema, 'format') ?? ''];
  const least = numberAt(schema, 'minLength') ?? 0;
  const most = numberAt(schema, 'maxLength') ?? Number.POSITIVE_INFINITY;
  const given = known?.(making);
  if (given !== undefined && given.length >= least && given.length <= most) return given;
  let text = `v${pick(words, making) ?? ''}`;
  for (let piece = 0; piece < 3; piece += 1)
    text += `${pick(making.pieces, making) ?? ''}${pick(words, making) ?? ''}`;
  while (Array.from(text).length < least && text.length < 10_000) text += pick(words, making) ?? 'x';
  const signs = Array.from(text);
  // ends in a letter, so that no one on the way takes a blank off
  return signs.length <= most
    ? text
    : `${signs.slice(0, Math.max(0, most - 1)).join('')}${most > 0 ? 'z' : ''}`;
}

function makeBytes(schema: TreeObject, { random }: Making): string {
  const bytes = Buffer.from(Array.from({ length: 12 }, () => Math.floor(random() * 256)));
  const text = bytes.toString('base64');
  const least = numberAt(schema, 'minLength') ?? 0;
  return text.length >= least ? text : Buffer.alloc(least, 7).toString('base64');
}

function numberAt(schema: TreeObject, name: string): number | undefined {
  const value = schema[name];
  return typeof value === 'number' ? value : undefined;
}

function makeNumber(schema: TreeObject, { random }: Making): number {
  const isInteger = typeOf(schema) === 'integer';
  const step = numberAt(schema, 'multipleOf') ?? (isInteger ? 1 : 0.25);
  const over = numberAt(schema, 'exclusiveMinimum');
  const under = numberAt(schema, 'exclusiveMaximum');
  const least = numberAt(schema, 'minimum') ?? (over === undefined ? undefined : over + step);
  const most = numberAt(schema, 'maximum') ?? (under === undefined ? undefined : under - step);
  const from = least ?? (most === undefined ? 1 : Math.min(1, most - 10 * step));
  const to = most ?? Math.max(from, 0) + 100 * step;
  const value =
    Math.ceil(from / step) * step + Math.floor(random() * Math.min(100, (to - from) / step)) * step;
  const tidy = Number(value.toFixed(6));
  return tidy < from || tidy > to ? from : tidy + 0;
}

function makeList(schema: TreeObject, making: Making, depth: number): unknown[] {
  const least = Math.max(1, numberAt(schema, 'minItems') ?? 0);
  const most = Math.max(numberAt(schema, 'maxItems') ?? 3, depth > deepest ? 0 : 1);
  const length = Math.min(
    Math.max(least, 1 + Math.floor(making.random() * 3)),
    Math.max(most, numberAt(schema, 'minItems') ?? 0),
  );
  const list: unknown[] = [];
  const seen = new Set<string>();
  for (let tries = 0; list.length < length && tries < length * 8; tries += 1) {
    const value = makeValue(schema['items'] ?? {}, making, depth + 1);
    const text = JSON.stringify(value);
    if (schema['uniqueItems'] === true && seen.has(text)) continue;
    seen.add(text);
    list.push(value);
  }
  return list;
}

function makeObject(schema: TreeObject, making: Making, depth: number): TreeObject {
  const made: TreeObject = {};
  const required = new Set(listAt(schema, 'required'));
  for (const [name, property] of entries(schema['properties'])) {
    const wanted = making.optional === 'all' || (making.optional === 'some' && making.random() < 0.5);
    if (required.has(name) || (wanted && depth < deepest))
      setOwn(made, name, makeValue(property, making, depth + 1));
  }
  const [first] = entries(schema['properties']);
  if (making.filled === true && first && Object.keys(made).length === 0)
    setOwn(made, first[0], makeValue(first[1], making, depth + 1));
  const further = schema['additionalProperties'];
  const isFree = entries(schema['properties']).length === 0 && further !== false;
  const least = numberAt(schema, 'minProperties') ?? 0;
  const most = numberAt(schema, 'maxProperties') ?? Number.POSITIVE_INFINITY;
  if (isFree || (isTree(further) && making.optional !== 'none') || Object.keys(made).length < least) {
    const own = Object.keys(made).length;
    const count = Math.min(Math.max(depth < deepest ? 2 : 0, least - own), most - own);
    for (let index = 1; index <= count; index += 1)
      setOwn(
        made,
        `extra${String(index)}`,
        makeValue(isTree(further) ? further : { type: 'string' }, making, depth + 1),
      );
  }
  return made;
}

function setOwn(object: TreeObject, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
