// Keywords that a profile has no room for, as words of the description: moved, never lost (`openapi.md` S2).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf } from '../openapi/value.ts';

/** Pairs of bounds, and what they count. */
const ranges = [
  { least: 'minimum', most: 'maximum', one: '', many: '' },
  { least: 'minLength', most: 'maxLength', one: ' character', many: ' characters' },
  { least: 'minItems', most: 'maxItems', one: ' item', many: ' items' },
  { least: 'minProperties', most: 'maxProperties', one: ' property', many: ' properties' },
] as const;

/** Keywords that are said on their own. */
const sayings: Readonly<Record<string, (value: Json) => string>> = {
  properties: () => '', // moved only when there are none
  enum: (value) => `one of ${(Array.isArray(value) ? value : [value]).map(said).join(', ')}`,
  anyOf: (value) => `one of ${said(value)}`,
  exclusiveMinimum: (value) => `more than ${said(value)}`,
  exclusiveMaximum: (value) => `less than ${said(value)}`,
  multipleOf: (value) => `a multiple of ${said(value)}`,
  uniqueItems: (value) => (value === true ? 'no item twice' : ''),
  additionalProperties: (value) =>
    Object.keys(Object(value)).length === 0
      ? 'further names are free'
      : `further names are free, their values: ${said(value)}`,
};

/** The keywords of one schema, by name, in words: `default: 7`, `format: date`, `1 to 100`. */
export function wordsFor(moved: JsonObject): string[] {
  const words: string[] = [];
  const told = new Set<string>();
  for (const { least, most, one, many } of ranges) {
    const { [least]: from, [most]: to } = moved;
    if (from === undefined && to === undefined) continue;
    told.add(least).add(most);
    const unit = (to ?? from) === 1 ? one : many;
    if (to === undefined) words.push(`at least ${said(from)}${unit}`);
    else if (from === undefined) words.push(`at most ${said(to)}${unit}`);
    else words.push(from === to ? `exactly ${said(to)}${unit}` : `${said(from)} to ${said(to)}${unit}`);
  }
  for (const [keyword, value] of entriesOf(moved)) {
    if (told.has(keyword)) continue;
    const word =
      sayings[keyword]?.(value) ?? `${keyword}: ${keyword === 'default' ? said(value) : plain(value)}`;
    if (word !== '') words.push(word);
  }
  return words;
}

function said(value: Json | undefined): string {
  return JSON.stringify(value);
}

function plain(value: Json): string {
  return typeof value === 'string' ? value : said(value);
}

/** The text with the words behind it, without those that it says already. */
export function withWords(text: string, words: readonly string[]): string {
  const added = words.filter((word) => !says(text, word)).join('; ');
  if (added === '') return text;
  return text === '' ? added : `${text}\n${added}`;
}

/** Whether a text has the word, and not as a part of another: "1 to 10" is not said by "11 to 100". */
function says(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const end = at + word.length;
    const begins = !/[\w.,-]/.test(text.charAt(at - 1));
    if (begins && !/^(?:[\w-]|[.,]\w)/.test(text.slice(end, end + 2))) return true;
  }
  return false;
}
