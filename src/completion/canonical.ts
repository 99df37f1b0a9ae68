// One text for arguments that mean the same.
import type { Json } from '../openai/chat.ts';
import { isJsonObject, parseExact } from '../openai/exact-json.ts';

/**
 * The arguments with their keys sorted and blanks removed; text that is no JSON, or nested too deep, stays as it is.
 * Numbers are what a plugin gets: long ids that a double cannot tell apart are two.
 */
export function canonicalArguments(text: string): string {
  try {
    return JSON.stringify(sorted(parseExact(text)));
  } catch {
    return text;
  }
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member ?? null)]));
}
