// Shortens what is too long for its share of a run, so that what is left still reads as what it was (`openapi.md` R2, R4).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject, nesting, parseExact } from '../openai/exact-json.ts';
import { pointerTo } from '../openapi/value.ts';

/** How much of a value is kept. */
interface Limits {
  /** Elements of each array. */
  readonly items: number;
  /** Characters of each string. */
  readonly characters: number;
  readonly depth: number;
  /** Members of each object. */
  readonly members: number;
}

/** What was left out, by JSON pointer. */
interface Notice {
  characters: number;
  arrays?: JsonObject;
  objects?: JsonObject;
  strings?: number;
  depth?: number;
}

const all = Number.POSITIVE_INFINITY;
const maxNesting = 500;
/** Arrays and objects that the notice names. */
const maxNoted = 20;

/**
 * The least that is kept, tried in this order: array tails go first, then long strings, then depth, at last members of
 * objects. What fits is grown again until the room is used.
 */
const floors: readonly Limits[] = [
  { items: 1, characters: all, depth: all, members: all },
  { items: 1, characters: 2000, depth: all, members: all },
  ...[10, 7, 5, 4, 3, 2].map((depth) => ({ items: 1, characters: 500, depth, members: all })),
  { items: 1, characters: 200, depth: 3, members: 3 },
];

/**
 * Valid JSON of at most `characters`: `{"truncated":{...},"data":...}`, the data in its own shape with as many elements
 * per array as fit. `text` is valid JSON. Falls back to {@link cutText} where no shape can be kept.
 */
export function cutJson(text: string, characters: number): string {
  if (nesting(text) > maxNesting) return cutText(text, characters);
  const root = parseExact(text);
  const largest = largestSizes(root);
  const measure = createMeasure();
  let budget = characters;
  for (let round = 0; round < 6 && budget > 0; round += 1) {
    const limits = fitLimits(root, largest, budget, measure);
    if (limits === null) break;
    const cut = render(root, limits, text.length);
    if (cut.length <= characters) return cut;
    // The notice has its length too: so much less of the data.
    budget = measure(root, limits, budget) - (cut.length - characters);
  }
  return cutText(text, characters);
}

type Sizes = Pick<Limits, 'items' | 'characters' | 'members'>;

/** The widest limits that fit, above the first floor that does; `null` when none does. */
function fitLimits(root: Json, largest: Sizes, budget: number, measure: Measure): Limits | null {
  const fits = (limits: Limits): boolean => measure(root, limits, budget) <= budget;
  const floor = floors.find(fits);
  if (floor === undefined) return null;
  let limits = floor;
  for (const size of ['items', 'members', 'characters'] as const) {
    let low = limits[size];
    let high = largest[size] + 1;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (fits({ ...limits, [size]: middle })) low = middle;
      else high = middle;
    }
    limits = { ...limits, [size]: low };
  }
  return limits;
}

/** The longest array, string and object, above which no limit means anything. */
function largestSizes(root: Json): Sizes {
  const largest = { items: 1, characters: 1, members: 1 };

  function visit(value: Json): void {
    if (typeof value === 'string') largest.characters = Math.max(largest.characters, value.length);
    if (typeof value !== 'object' || value === null) return;
    const items = Object.values(value);
    const size = Array.isArray(value) ? 'items' : 'members';
    largest[size] = Math.max(largest[size], items.length);
    for (const item of items) if (item !== undefined) visit(item);
  }

  visit(root);
  return largest;
}

type Measure = (value: Json, limits: Limits, enough: number, depth?: number) => number;

/** Measures a value within limits. Members are listed once, because a value is measured some fifty times. */
function createMeasure(): Measure {
  const listed = new Map<JsonObject, [name: number, item: Json][]>();

  /** The lengths of the names with what they add, and the items. */
  function members(value: JsonObject): [name: number, item: Json][] {
    const known = listed.get(value);
    if (known) return known;
    const made = Object.entries(value).map(([name, item]): [number, Json] => [
      JSON.stringify(name).length + 2,
      item ?? null,
    ]);
    listed.set(value, made);
    return made;
  }

  /** The length of the JSON text; counting ends soon after `enough`. */
  return function measure(value, limits, enough, depth = 0): number {
    if (typeof value === 'string') return JSON.stringify(cutString(value, limits.characters)).length;
    const isArray = Array.isArray(value);
    if (!isArray && !isJsonObject(value)) return JSON.stringify(value).length;
    let length = 2;
    if (depth >= limits.depth) return length;
    const shown = isArray
      ? Math.min(value.length, limits.items)
      : Math.min(members(value).length, limits.members);
    for (let at = 0; at < shown && length <= enough; at += 1) {
      const [name, item] = isArray ? [1, value[at] ?? null] : (members(value)[at] ?? [0, null]);
      length += name + measure(item, limits, enough - length, depth + 1);
    }
    return length;
  };
}

function render(root: Json, limits: Limits, characters: number): string {
  const notice: Notice = { characters };
  let noted = 0;

  function note(kind: 'arrays' | 'objects', pointer: string, shown: number, total: number): void {
    if (shown === total) return;
    if (shown === 0) notice.depth = limits.depth;
    noted += 1;
    if (noted <= maxNoted && pointer.length <= 200) (notice[kind] ??= {})[pointer] = { shown, total };
  }

  function cut(value: Json, pointer: string, depth: number): Json {
    if (typeof value === 'string') {
      if (value.length > limits.characters) notice.strings = (notice.strings ?? 0) + 1;
      return cutString(value, limits.characters);
    }
    if (Array.isArray(value)) {
      const shown = depth >= limits.depth ? 0 : Math.min(value.length, limits.items);
      note('arrays', pointer, shown, value.length);
      return value.slice(0, shown).map((item, at) => cut(item, `${pointer}/${at}`, depth + 1));
    }
    if (!isJsonObject(value)) return value;
    const entries = Object.entries(value);
    const shown = depth >= limits.depth ? 0 : Math.min(entries.length, limits.members);
    note('objects', pointer, shown, entries.length);
    const result = Object.create(null) as JsonObject;
    for (const [name, item] of entries.slice(0, shown)) {
      result[name] = cut(item ?? null, pointerTo(pointer, name), depth + 1);
    }
    return result;
  }

  const data = cut(root, '', 0);
  return JSON.stringify({ truncated: notice, data });
}

function cutString(text: string, characters: number): string {
  if (text.length <= characters) return text;
  return `${head(text, characters)}... [${text.length - characters} more characters]`;
}

/** The first characters, without half a surrogate pair at the end. */
function head(text: string, characters: number): string {
  const start = text.slice(0, characters);
  return start.isWellFormed() ? start : start.replace(/[\ud800-\udbff]$/, '');
}

/** The beginning of a text of at most `characters`, ended at a line where one is near, saying how much is left out (R4). */
export function cutText(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const room = Math.max(0, characters - `\n[${text.length} more characters left out]`.length);
  const line = text.lastIndexOf('\n', room);
  const shown = head(text, line > room / 2 ? line : room);
  return `${shown}\n[${text.length - shown.length} more characters left out]`.slice(0, characters);
}
