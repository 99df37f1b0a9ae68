// Reads the arguments text that a model wrote, and mends what models get wrong (`openapi.md` A1).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject, nesting, parseExact } from '../openai/exact-json.ts';
import { mendJson } from './mend-json.ts';

const maxBytes = 1024 * 1024;
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
 * What stands in a code fence or before further text, whole as it is; behind a first `{}`, which some upstreams send
 * before the real arguments, the object that follows.
 */
function findObject(text: string): string | null {
  const first = balancedObject(text, 0);
  if (first === null || !/^\{\s*\}$/.test(first)) return first;
  return balancedObject(text, text.indexOf('{') + first.length) ?? first;
}

function tryParse(text: string): Json | undefined {
  if (nesting(text) > maxDepth) return undefined;
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

/** The object that a broken text most likely means. */
async function repair(text: string): Promise<Json | undefined> {
  const start = text.indexOf('{');
  if (start < 0) return undefined;
  const found = findObject(text);
  const whole = found === null ? undefined : tryParse(found);
  if (isJsonObject(whole)) return whole;
  for (const broken of [text.slice(start), balancedObject(text, 0)]) {
    const mended = broken === null ? null : await mendJson(broken);
    const value = mended === null ? undefined : tryParse(mended);
    if (isJsonObject(value)) return value;
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
  return trimmed === '' || trimmed === 'null' ? {} : tryParse(trimmed);
}

/**
 * Reads the arguments of a tool call (A1, security A1). Empty and `null` are `{}`; a string that holds JSON is
 * unwrapped once; fences, trailing text and broken JSON are mended. The model is told about anything else.
 */
export async function parseArguments(text: string): Promise<ReadText> {
  if (Buffer.byteLength(text) > maxBytes) return { problem: 'The arguments are larger than 1 MiB.' };
  let value = readValue(text) ?? (await repair(text.trim()));
  if (typeof value === 'string') value = readValue(value) ?? (await repair(value.trim()));
  if (value === undefined) {
    const cause = nesting(text) > maxDepth ? `nested deeper than ${maxDepth} levels` : 'not valid JSON';
    return { problem: `The arguments are ${cause}. Send one JSON object.` };
  }
  if (!isJsonObject(value)) return { problem: 'The arguments must be one JSON object.' };
  if (countValues(value) > maxValues) return { problem: `The arguments hold more than ${maxValues} values.` };
  return { value };
}
