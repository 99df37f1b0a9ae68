// Reads the arguments text that a model wrote, and mends what models get wrong (`openapi.md` A1).
import { jsonrepair } from 'jsonrepair';

import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject, nesting, parseExact } from '../openai/exact-json.ts';

const maxBytes = 1024 * 1024;
/** The repair's time grows faster than its text: 150 ms here, 3 s for four times as much. */
const maxRepairBytes = 64 * 1024;
const maxDepth = 100;
/** More values than any model writes: it bounds the work of checking them. */
const maxValues = 20_000;

/** The arguments, or what was wrong with them, in words for the model. */
export type ReadText = { readonly value: JsonObject } | { readonly problem: string };

/** The first balanced object of a text, without a look at what is in it. */
function balancedObject(text: string, from: number): string | null {
  const start = text.indexOf('{', from);
  if (start < 0) return null;
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign === '\\') at += 1;
      else if (sign === '"') quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === '{') depth += 1;
    else if (sign === '}') {
      depth -= 1;
      if (depth === 0) return text.slice(start, at + 1);
    }
  }
  return null;
}

/**
 * Texts that may be the object meant, the likeliest first: what stands in a code fence or before further text (some
 * upstreams send `{}` before the real arguments), then the text repaired, then its balanced part repaired.
 */
function* candidates(text: string): Generator<() => string> {
  const first = balancedObject(text, 0);
  if (first !== null) {
    const rest = text.indexOf('{') + first.length;
    const second = /^\{\s*\}$/.test(first) ? balancedObject(text, rest) : null;
    yield () => second ?? first;
  }
  // 5,000 open brackets overflow jsonrepair's stack; counted without regard to quotes, which may be what is broken.
  if (Buffer.byteLength(text) > maxRepairBytes || openBrackets(text) > maxDepth) return;
  const start = text.indexOf('{');
  if (start < 0) return;
  yield () => jsonrepair(text.slice(start));
  if (first !== null) yield () => jsonrepair(first);
}

/** The greatest surplus of opening over closing brackets, those in strings counted too. */
function openBrackets(text: string): number {
  let open = 0;
  let most = 0;
  for (const [bracket] of text.matchAll(/[{}[\]]/g)) {
    open += bracket === '{' || bracket === '[' ? 1 : -1;
    if (open > most) most = open;
  }
  return most;
}

function tryParse(text: string): Json | undefined {
  if (nesting(text) > maxDepth) return undefined;
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

function repair(text: string): Json | undefined {
  for (const candidate of candidates(text)) {
    try {
      const value = tryParse(candidate());
      if (isJsonObject(value)) return value;
    } catch {
      // The next candidate may do.
    }
  }
  return undefined;
}

/** Counts values up to the limit. */
function countValues(root: Json): number {
  const open: Json[] = [root];
  let count = 0;
  for (let value = open.pop(); value !== undefined && count <= maxValues; value = open.pop()) {
    count += 1;
    if (typeof value !== 'object' || value === null) continue;
    for (const item of Object.values(value)) if (item !== undefined) open.push(item);
  }
  return count;
}

function readValue(text: string): Json | undefined {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === 'null') return {};
  return tryParse(trimmed) ?? repair(trimmed);
}

/**
 * Reads the arguments of a tool call (A1, security A1). Empty and `null` are `{}`; a string that holds JSON is
 * unwrapped once; fences, trailing text and broken JSON are mended. The model is told about anything else.
 */
export function parseArguments(text: string): ReadText {
  if (Buffer.byteLength(text) > maxBytes) return { problem: 'The arguments are larger than 1 MiB.' };
  let value = readValue(text);
  if (typeof value === 'string') value = readValue(value);
  if (value === undefined) {
    const cause = nesting(text) > maxDepth ? `nested deeper than ${maxDepth} levels` : 'not valid JSON';
    return { problem: `The arguments are ${cause}. Send one JSON object.` };
  }
  if (!isJsonObject(value)) return { problem: 'The arguments must be one JSON object.' };
  if (countValues(value) > maxValues) return { problem: `The arguments hold more than ${maxValues} values.` };
  return { value };
}
