// What the demo model takes from a clause: a piece of some kind, an id, or the words that nothing else speaks for.
import { findIds } from './demo-results.ts';
import type { Tool } from './demo-tools.ts';
import { isStopWord, isVerb, joins, numberOf, type Token } from './demo-words.ts';

/** What the fillers of one call share. */
export interface Work {
  readonly message: string;
  readonly tokens: readonly Token[];
  readonly tool: Tool;
  /** Texts of earlier results, to take ids from. */
  readonly results: readonly string[];
  /** Tokens that have become a value of this call. */
  readonly used: Set<Token>;
  /** What no further call of the same clause may use again: tokens, ids. */
  readonly spent: Set<Token | string>;
  /** How many objects and arrays we are in. */
  readonly depth: number;
}

/** Names whose values the user does not invent: they come from the message or from a result. */
export const idNames = /(^|[a-z_-])(id|ids|uuid|isbn|sku|slug|key|code|ref|number|token)$/i;

/** Takes a token as a value, once. */
export function take(token: Token, work: Work): string | undefined {
  if (work.used.has(token) || work.spent.has(token)) return undefined;
  work.used.add(token);
  work.spent.add(token);
  return token.text;
}

/** Takes the first token of a kind. */
export function takeKind(kind: Token['kind'], work: Work): string | undefined {
  const token = work.tokens.find((one) => one.kind === kind && !work.used.has(one) && !work.spent.has(one));
  return token && take(token, work);
}

/** An id: a number or a word with digits or hyphens in the clause, else that of an earlier result which the clause names. */
export function takeId(
  name: string,
  required: boolean,
  work: Work,
  numeric: boolean,
): string | number | undefined {
  if (!required) return undefined;
  const token = work.tokens.find(
    (one) =>
      !work.used.has(one) &&
      !work.spent.has(one) &&
      (numeric ? Number.isInteger(numberOf(one)) && one.kind === 'number' : looksLikeId(one, work.tool)),
  );
  if (token) {
    const text = take(token, work);
    return numeric ? Number(text) : text;
  }
  const id = findIds(name, work.results, work.tokens).find((one) => !work.spent.has(`id ${one}`));
  if (id !== undefined) work.spent.add(`id ${id}`);
  return id;
}

function looksLikeId(token: Token, tool: Tool): boolean {
  if (token.kind === 'number' || token.kind === 'quoted') return !/\s/.test(token.text);
  return token.kind === 'word' && /\d|[-_]/.test(token.text) && !tool.words.has(token.stem);
}

/**
 * The longest run of words that are neither spoken for nor words of the function, else those that are merely no verb.
 * Lists give their members one by one.
 */
export function takeRest(work: Work): string | undefined {
  const known = (token: Token) => work.tool.words.has(token.stem);
  const own = longestGroup(work, known);
  const runs = own.some(isTelling) ? own : longestGroup(work, (token) => isVerb(token.stem));
  for (const run of runs) {
    const first = run.find((token) => !isStopWord(token));
    const last = run.findLast((token) => !isStopWord(token));
    if (!first || !last || work.spent.has(first)) continue;
    work.spent.add(first);
    return work.message.slice(first.start, last.end);
  }
  return undefined;
}

function isTelling(run: readonly Token[]): boolean {
  return run.some((token) => !isStopWord(token));
}

/** The longest group of runs between words that are used or `known`; within a group, commas and "and" part the runs. */
function longestGroup(work: Work, known: (token: Token) => boolean): Token[][] {
  const groups: Token[][][] = [[[]]];
  for (const token of work.tokens) {
    const taken = work.used.has(token) || (token.kind === 'word' && !isStopWord(token) && known(token));
    if (taken || (token.kind === 'mark' && !joins(token))) groups.push([[]]);
    else if (joins(token)) groups.at(-1)?.push([]);
    else groups.at(-1)?.at(-1)?.push(token);
  }
  const sizes = groups.map((group) => group.flat().filter((token) => !isStopWord(token)).length);
  return groups[sizes.indexOf(Math.max(...sizes))] ?? [];
}
