// One text for arguments that mean the same.
import type { Json } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';

/** The arguments with their keys sorted and blanks removed; text that is no JSON stays as it is. */
export function canonicalArguments(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text) as Json));
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
