// How the demo model chooses a function: by the words of a clause against names, descriptions and parameters.
import type { Json, JsonObject } from '../openai/chat.ts';
import { isStopWord, isVerb, meaning, nameWords, reads, type Clause } from './demo-words.ts';

/** A function that the request offers. */
export interface Tool {
  readonly name: string;
  /** What stands before `__` in its name; empty without. */
  readonly plugin: string;
  /** First sentence of its description. */
  readonly summary: string;
  readonly parameters: JsonObject;
  /** Meanings of its words: how strongly each speaks for it. */
  readonly words: ReadonlyMap<string, number>;
  /** First word of its own name, and its meaning. */
  readonly verbText: string;
  readonly verb: string;
}

/** Weights of a word by where it stands. A noun of the name or the plugin's name is enough, a verb needs another sign. */
const weights = { noun: 3, verb: 2, ask: 0.5, plugin: 2.5, parameter: 1.5, description: 1, detail: 0.75 };
const needed = 2.5;

/** Reads the function tools of a request; other kinds of tools are left out. */
export function readTools(texts: readonly string[]): Tool[] {
  return texts.flatMap((text) => {
    const { type, function: definition } = JSON.parse(text) as { type?: Json; function?: JsonObject };
    const name = definition?.['name'];
    return type === 'function' && definition && typeof name === 'string' ? [readTool(name, definition)] : [];
  });
}

function readTool(name: string, definition: JsonObject): Tool {
  const cut = name.indexOf('__');
  const plugin = cut < 0 ? '' : name.slice(0, cut);
  const ownName = nameWords(cut < 0 ? name : name.slice(cut + 2));
  const ownWords = ownName.map(meaning);
  const description = typeof definition['description'] === 'string' ? definition['description'] : '';
  const parameters = asObject(definition['parameters']);
  const words = new Map<string, number>();
  const note = (word: string, weight: number) => words.set(word, Math.max(words.get(word) ?? 0, weight));
  for (const word of ownWords) note(word, weightOf(word));
  for (const word of nameWords(plugin)) note(meaning(word), weights.plugin);
  for (const word of textWords(description)) note(word, word === '=get' ? weights.ask : weights.description);
  noteParameters(parameters, note, 0);
  const summary = /^[^.\n]{0,160}/.exec(description)?.[0] ?? '';
  const verbText = (ownName[0] ?? '').toLowerCase();
  return { name, plugin, summary, parameters, words, verbText, verb: ownWords[0] ?? '' };
}

/** Words of parameters and of what is inside them, a few levels deep. */
function noteParameters(
  schema: JsonObject,
  note: (word: string, weight: number) => void,
  depth: number,
): void {
  if (depth > 3) return;
  for (const [key, value] of Object.entries(asObject(schema['properties']))) {
    const property = asObject(value);
    for (const word of nameWords(key)) note(meaning(word), weights.parameter);
    for (const item of enumOf(property))
      note(meaning(JSON.stringify(item).replaceAll('"', '')), weights.parameter);
    for (const word of textWords(property['description'])) note(word, weights.detail);
    noteParameters(property, note, depth + 1);
    noteParameters(asObject(property['items']), note, depth + 1);
  }
}

function weightOf(word: string): number {
  if (reads(word)) return word === '=get' ? weights.ask : weights.verb;
  return isVerb(word) ? weights.verb : weights.noun;
}

/**
 * The function that fits a clause best; `null` if none fits well enough. `context` is the plugin of the clause before:
 * it adds to the weak signs of "and delete the eggs".
 */
export function chooseTool(clause: Clause, tools: readonly Tool[], context: string): Tool | null {
  const said = clause.tokens.filter((token) => token.kind === 'word' && !isStopWord(token));
  // `order-3` speaks of an order, `to-do` is one word
  const words = [...new Set(said.flatMap(({ stem, text }) => [stem, ...nameWords(text).map(meaning)]))];
  const verb = words.find(isVerb);
  let best: Tool | null = null;
  let bestScore = 0;
  for (const tool of tools) {
    const matched = words.filter((word) => tool.words.has(word));
    const weight = matched.reduce((sum, word) => sum + (tool.words.get(word) ?? 0), 0);
    const inContext = context !== '' && tool.plugin === context && namesVerb(clause, tool);
    if (weight + (inContext ? 2 : 0) < needed) continue;
    const score =
      matched.reduce(
        (sum, word) => sum + (tool.words.get(word) ?? 0) * rarity(word, tools),
        inContext ? 2 : 0,
      ) + fitOfVerbs(verb, tool.verb);
    if (score > bestScore) [best, bestScore] = [tool, score];
  }
  return best;
}

/** Whether the clause says the function's verb; of the many words that ask, its own. */
function namesVerb(clause: Clause, tool: Tool): boolean {
  return clause.tokens.some((token) =>
    tool.verb === '=get' ? token.text.toLowerCase() === tool.verbText : token.stem === tool.verb,
  );
}

/** A word that few functions know tells more. */
function rarity(word: string, tools: readonly Tool[]): number {
  return Math.log(1 + tools.length / tools.filter((tool) => tool.words.has(word)).length);
}

function fitOfVerbs(wanted: string | undefined, own: string): number {
  if (wanted === own) return 3;
  if (wanted === undefined || reads(wanted)) return reads(own) || !isVerb(own) ? 1 : -2;
  return reads(own) ? -3 : 0;
}

/** The value as an object; an empty one if it is none. */
export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** The values that a schema, or the items of its array, may take; none when it does not say. */
export function enumOf(schema: JsonObject): Json[] {
  if (Array.isArray(schema['enum'])) return schema['enum'];
  const items = asObject(schema['items'])['enum'];
  return Array.isArray(items) ? items : [];
}

/** Meanings of the words of a text that say something, its first 2,000 characters. */
export function textWords(text: unknown): string[] {
  if (typeof text !== 'string') return [];
  return (text.slice(0, 2000).match(/[\p{L}\p{N}]+(?:-[\p{L}\p{N}]+)*/gu) ?? [])
    .filter((word) => word.length > 2)
    .map(meaning);
}
