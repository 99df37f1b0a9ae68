// How the demo model reads tool results: ids for the next call, sentences for the answer.
import type { Json, JsonObject } from '../openai/chat.ts';
import { asObject } from './demo-tools.ts';
import { isStopWord, nameWords, stem, type Token } from './demo-words.ts';

const maxObjects = 500;
const maxRows = 10;
const maxIndent = 8;

/**
 * Ids under a name (`id`, `bookId`) in results, those first whose object shares most words with the clause. An object
 * that shares none counts only when there is no other, or when the clause says "it", "first" or the like.
 */
export function findIds(
  name: string,
  results: readonly string[],
  clause: readonly Token[],
): (string | number)[] {
  const wanted = new Set(
    clause.flatMap((token) => (isStopWord(token) ? [] : token.text.split(/\s+/).map(stem))),
  );
  const found = new Map<string | number, Set<string>>();
  for (const object of results.flatMap((text) => objectsOf(parse(text)))) {
    const id = idOf(name, object);
    if (id === undefined) continue;
    const texts = Object.values(object).filter((value) => typeof value === 'string');
    found.set(id, new Set([...(found.get(id) ?? []), ...texts.flatMap(nameWords).map(stem)]));
  }
  const objects = [...found.values()];
  // What stands in every object, such as the name of the list, tells none of them from the others.
  const telling = [...wanted].filter(
    (word) => objects.length === 1 || !objects.every((words) => words.has(word)),
  );
  const shares = [...found].map(
    ([id, words]) => [id, telling.filter((word) => words.has(word)).length] as const,
  );
  const ranked = shares.toSorted(([, a], [, b]) => b - a);
  if (ranked.length === 1 || clause.some((token) => /^(it|first|that|this|one)$/i.test(token.text))) {
    return ranked.slice(0, 1).map(([id]) => id);
  }
  return ranked.filter(([, shared]) => shared > 0).map(([id]) => id);
}

function idOf(name: string, object: JsonObject): string | number | undefined {
  const last = plain(nameWords(name).at(-1) ?? name);
  for (const wanted of [plain(name), last]) {
    const entry = Object.entries(object).find(([key]) => plain(key) === wanted);
    if (entry && (typeof entry[1] === 'string' || typeof entry[1] === 'number')) return entry[1];
  }
  return undefined;
}

function plain(name: string): string {
  return nameWords(name).join('').toLowerCase();
}

/** The objects inside a value, outer ones first, at most 500. */
function objectsOf(value: Json): JsonObject[] {
  const objects: JsonObject[] = [];
  const open: Json[] = [value];
  for (const next of open) {
    if (objects.length >= maxObjects) break;
    if (Array.isArray(next)) open.push(...next.slice(0, maxObjects));
    else if (typeof next === 'object' && next !== null) {
      objects.push(next);
      open.push(...Object.values(next).filter((inner) => inner !== undefined));
    }
  }
  return objects;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** A tool result in words: its plain values, lists as lines, errors as what went wrong. */
export function describeResult(text: string): string {
  const value = parse(text);
  const { error, truncated, data } = asObject(value);
  if (error !== undefined) return `it failed: ${describe(error, '')}`;
  return describe(truncated !== undefined && data !== undefined ? data : value, '');
}

function describe(value: Json, indent: string): string {
  if (indent.length > maxIndent) return '...';
  if (Array.isArray(value)) return describeList(value, indent);
  if (typeof value !== 'object' || value === null) return shorten(String(value));
  const entries = Object.entries(value).filter(
    ([, inner]) => inner !== undefined && inner !== null && inner !== '',
  );
  const values = entries.flatMap(([key, inner]) =>
    typeof inner === 'object' ? [] : [`${key} ${shorten(String(inner))}`],
  );
  const nested = entries.flatMap(([key, inner]) =>
    typeof inner !== 'object' || inner === null || (Array.isArray(inner) && inner.length === 0)
      ? []
      : [`${indent}  ${key}: ${describe(inner, `${indent}  `)}`.replace(': \n', ':\n')],
  );
  return [values.slice(0, 12).join(', '), ...nested.slice(0, 6)].filter((part) => part !== '').join('\n');
}

function describeList(list: readonly Json[], indent: string): string {
  if (list.length === 0) return 'an empty list';
  if (list.every((item) => typeof item !== 'object')) return shorten(list.join(', '));
  const rows = list.slice(0, maxRows).map((item) => `${indent}  - ${describe(item, `${indent}  `)}`);
  const rest = list.length > maxRows ? [`${indent}  and ${list.length - maxRows} more`] : [];
  return ['', ...rows, ...rest].join('\n');
}

function shorten(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}...` : text;
}
