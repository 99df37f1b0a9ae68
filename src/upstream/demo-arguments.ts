// How the demo model fills the arguments of a function: from the words of a clause, and from earlier results.
import type { Json, JsonObject } from '../openai/chat.ts';
import { idNames, take, takeId, takeKind, takeRest, type Work } from './demo-take.ts';
import { asObject, enumOf, textWords, type Tool } from './demo-tools.ts';
import { isStopWord, meaning, nameWords, numberOf, stem, type Clause, type Token } from './demo-words.ts';

/** Arguments of one call, and the required ones for which nothing was found. */
export interface Filled {
  readonly arguments: JsonObject;
  readonly missing: readonly string[];
}

const maxCalls = 8;
const maxDepth = 6;
const freeTextNames = /^(q|query|search|text|keywords?|terms?|prompt|question|input|message|content|title)$/i;

/** One call for each thing that the clause names; one with `missing` if not even the first can be filled. */
export function fillCalls(message: string, clause: Clause, tool: Tool, results: readonly string[]): Filled[] {
  const spent = new Set<Token | string>();
  const calls: Filled[] = [];
  while (calls.length < maxCalls) {
    const before = spent.size;
    const used = new Set<Token>();
    const work: Work = { message, tokens: clause.tokens, tool, results, used, spent, depth: 0 };
    const filled = fillObject(tool.parameters, work);
    if (calls.length > 0 && (filled.missing.length > 0 || spent.size === before)) break;
    calls.push(filled);
    if (filled.missing.length > 0 || spent.size === before) break;
  }
  return calls;
}

function fillObject(schema: JsonObject, work: Work): Filled {
  const names = Object.entries(asObject(schema['properties']));
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  const values = new Map<string, Json>();
  // Free text is what the others leave over, so it comes last; an enum may look at the number beside it.
  for (const pass of ['number', 'enum', 'other', 'text']) {
    for (const [name, value] of names) {
      const property = asObject(value);
      if (passOf(name, property) !== pass) continue;
      const found = fillValue(name, property, required.has(name), work);
      if (found !== undefined) values.set(name, found);
    }
  }
  const missing = names.map(([name]) => name).filter((name) => required.has(name) && !values.has(name));
  const ordered = names.flatMap(([name]) => (values.has(name) ? [[name, values.get(name)]] : []));
  return { arguments: Object.fromEntries(ordered) as JsonObject, missing };
}

function typeOf(schema: JsonObject): string {
  const type = Array.isArray(schema['type'])
    ? schema['type'].find((name) => name !== 'null')
    : schema['type'];
  if (typeof type === 'string') return type;
  if (Array.isArray(schema['anyOf'])) return typeOf(asObject(schema['anyOf'][0]));
  return schema['properties'] ? 'object' : 'string';
}

function passOf(name: string, schema: JsonObject): string {
  if (enumOf(schema).length > 0) return 'enum';
  const type = typeOf(schema);
  if (type === 'number' || (type === 'integer' && !idNames.test(name))) return 'number';
  if (type === 'string' && !schema['format'] && !idNames.test(name)) return 'text';
  return type === 'array' && typeOf(asObject(schema['items'])) === 'string' ? 'text' : 'other';
}

function fillValue(name: string, schema: JsonObject, required: boolean, work: Work): Json | undefined {
  if (schema['const'] !== undefined) return required ? schema['const'] : undefined;
  if (work.depth > maxDepth) return undefined;
  const choices = enumOf(schema);
  const found =
    choices.length > 0
      ? fillEnum(name, schema, choices, required, work)
      : fillPlain(name, schema, required, work);
  return found ?? (required ? schema['default'] : undefined);
}

function fillPlain(name: string, schema: JsonObject, required: boolean, work: Work): Json | undefined {
  switch (typeOf(schema)) {
    case 'boolean':
      return fillBoolean(name, required, work);
    case 'number':
      return fillNumber(name, schema, required, work);
    case 'integer':
      return idNames.test(name)
        ? takeId(name, required, work, true)
        : fillNumber(name, schema, required, work);
    case 'array':
      return fillArray(name, asObject(schema['items']), required, work);
    case 'object': {
      const { arguments: inner, missing } = fillObject(schema, { ...work, depth: work.depth + 1 });
      return missing.length === 0 && (required || Object.keys(inner).length > 0) ? inner : undefined;
    }
    default:
      return fillString(name, schema, required, work);
  }
}

function fillEnum(name: string, schema: JsonObject, choices: readonly Json[], required: boolean, work: Work) {
  // "3 pounds to kg, 5 km to miles": what follows the number of this call comes before what precedes it.
  const anchor = work.tokens.findLastIndex((token) => work.used.has(token) && numberOf(token) !== null);
  const found = work.tokens.flatMap((token, at) => {
    const choice =
      token.kind === 'mark' || work.used.has(token)
        ? undefined
        : choices.find((item) => says(work.tokens, at, item));
    return choice === undefined ? [] : [{ at, token, choice, before: work.tokens[at - 1] }];
  });
  const matches = [...found.filter(({ at }) => at > anchor), ...found.filter(({ at }) => at < anchor)];
  const afterCue = matches.find(({ before }) => before && isCue(name, before));
  const afterNumber =
    required && matches.find(({ before }) => before && numberOf(before) !== null && work.used.has(before));
  const match = afterCue || afterNumber || matches[0];
  if (!match) return undefined;
  if (typeOf(schema) === 'array') {
    for (const { token } of matches) work.used.add(token);
    return [...new Set(matches.map(({ choice }) => choice))];
  }
  work.used.add(match.token);
  return match.choice;
}

/** Whether the token, with the next one if the value has two words, says a value of an enum. */
function says(tokens: readonly Token[], at: number, value: Json): boolean {
  const wanted = typeof value === 'string' ? nameWords(value).map(stem) : [JSON.stringify(value)];
  return wanted.length > 0 && wanted.every((word, offset) => stem(tokens[at + offset]?.text ?? '') === word);
}

function isCue(name: string, token: Token): boolean {
  if (token.kind !== 'word') return false;
  if (nameWords(name).some((word) => stem(word) === stem(token.text))) return true;
  return /^(to|target)$/i.test(name) && /^(in|into)$/i.test(token.text);
}

function fillBoolean(name: string, required: boolean, work: Work): boolean | undefined {
  const wanted = nameWords(name).map(meaning);
  const at = work.tokens.findIndex((_token, index) =>
    wanted.every((word, offset) => work.tokens[index + offset]?.stem === word),
  );
  if (at < 0) return required ? false : undefined;
  for (const token of work.tokens.slice(at, at + wanted.length)) work.used.add(token);
  return !/^(not|no|without)$/i.test(work.tokens[at - 1]?.text ?? '');
}

function fillNumber(name: string, schema: JsonObject, required: boolean, work: Work): number | undefined {
  const numbers = work.tokens.filter(
    (token) =>
      numberOf(token) !== null &&
      !work.used.has(token) &&
      !work.spent.has(token) &&
      (typeOf(schema) !== 'integer' || Number.isInteger(numberOf(token))),
  );
  const token =
    numbers.find((candidate) => isMeant(name, schema, candidate, work.tokens)) ??
    (required ? numbers[0] : undefined);
  if (!token) return undefined;
  work.used.add(token);
  if (required) work.spent.add(token);
  return numberOf(token) ?? undefined;
}

/** Whether the words around a number speak of a parameter: "limit 5", "3 copies", "under 20" for `maxPrice`. */
function isMeant(name: string, schema: JsonObject, token: Token, tokens: readonly Token[]): boolean {
  const at = tokens.indexOf(token);
  const words = new Set(nameWords(name).map(meaning));
  const around = [...tokens.slice(Math.max(0, at - 2), at), ...tokens.slice(at + 1, at + 2)];
  if (around.some((other) => other.kind === 'word' && words.has(other.stem))) return true;
  const before = tokens.slice(Math.max(0, at - 3), at).map((other) => other.text.toLowerCase());
  if (
    words.has('max') &&
    before.some((word) => /^(under|below|less|most|than|cheaper|within|max)$/.test(word))
  )
    return true;
  if (words.has('min') && before.some((word) => /^(over|above|more|least|min)$/.test(word))) return true;
  const next = tokens[at + 1];
  return next?.kind === 'word' && !isStopWord(next) && textWords(schema['description']).includes(next.stem);
}

function fillArray(name: string, items: JsonObject, required: boolean, work: Work): Json[] | undefined {
  const values: Json[] = [];
  const inner = { ...work, depth: work.depth + 1 };
  while (values.length < maxCalls) {
    const before = work.spent.size;
    const value = fillValue(name, items, required || values.length > 0, inner);
    if (value === undefined || (values.length > 0 && work.spent.size === before)) break;
    values.push(value);
    if (work.spent.size === before) break;
  }
  return values.length > 0 ? values : undefined;
}

function fillString(name: string, schema: JsonObject, required: boolean, work: Work): string | undefined {
  const format = typeof schema['format'] === 'string' ? schema['format'] : '';
  if (format.startsWith('date')) return takeKind('date', work);
  if (/^ur[il]/.test(format) || /ur[il]$|link$/i.test(name)) return takeKind('url', work);
  if (format === 'email' || /e?mail$/i.test(name)) return takeKind('email', work);
  if (idNames.test(name)) return takeId(name, required, work, false)?.toString();
  const cue = work.tokens.findIndex((token) => isCue(name, token));
  const next = work.tokens[cue + 1];
  if (
    cue >= 0 &&
    next &&
    (next.kind === 'quoted' || (!required && next.kind === 'word' && !isStopWord(next)))
  )
    return take(next, work);
  if (!required && !freeTextNames.test(name)) return undefined;
  return takeKind('quoted', work) ?? takeRest(work);
}
