// How well a model can use the functions of a plugin: a plain score, and one line for each thing that lowers it.
import { isObject, member } from '../openapi/value.ts';
import type { PluginFunction } from './function.ts';
import { pathName } from './legal-name.ts';

/** How well a model can use a plugin. */
export interface Usability {
  /** 0 to 100; `null` without functions. */
  readonly score: number | null;
  /** What lowers the score, the gravest first. */
  readonly reasons: readonly UsabilityReason[];
}

/** One thing that lowers the score. */
export interface UsabilityReason {
  readonly code:
    | 'no-description'
    | 'argument-no-description'
    | 'name-unclear'
    | 'names-alike'
    | 'tokens'
    | 'many';
  /** How much it takes from the score, at least 1. */
  readonly points: number;
  /** What it is and where, with a few examples. */
  readonly message: string;
}

/** What each thing takes from the score at most, when all functions (or arguments) have it. They add up to 100. */
const most = { noDescription: 30, argument: 25, unclear: 10, alike: 15, tokens: 10, many: 10 } as const;

/** Tokens of one function on average: fine up to the first, too many from the second on. */
const tokensOf = { fine: 300, tooMany: 1500 } as const;
/** Functions of one plugin: fine up to the first, too many from the second on. */
const countOf = { fine: 20, tooMany: 128 } as const;

const examples = 3;

/** Rates the functions of one plugin. The same functions give the same score. */
export function rateUsability(functions: readonly PluginFunction[]): Usability {
  if (functions.length === 0) return { score: null, reasons: [] };
  const reasons = [
    rateDescriptions(functions),
    rateArguments(functions),
    rateNames(functions),
    rateLikeness(functions),
    rateTokens(functions),
    rateCount(functions),
  ].filter((reason) => reason !== null);
  const lost = reasons.reduce((sum, { points }) => sum + points, 0);
  return { score: Math.max(0, 100 - lost), reasons: reasons.toSorted((a, b) => b.points - a.points) };
}

/** The part of `most` that a share of all costs, at least one point; `null` where nothing is wrong. */
function reasonFor(
  code: UsabilityReason['code'],
  share: number,
  highest: number,
  message: string,
): UsabilityReason | null {
  return share > 0 ? { code, points: Math.max(1, Math.round(share * highest)), message } : null;
}

function rateDescriptions(functions: readonly PluginFunction[]): UsabilityReason | null {
  const bare = functions.filter(
    ({ operation }) => `${operation.summary}${operation.description}`.trim() === '',
  );
  const message = `${bare.length} of ${functions.length} functions have neither summary nor description: ${some(bare.map(idOf))}.`;
  return reasonFor('no-description', bare.length / functions.length, most.noDescription, message);
}

/** Arguments of the first level; an enum explains itself. */
function rateArguments(functions: readonly PluginFunction[]): UsabilityReason | null {
  const all = functions.flatMap((fn) => {
    const properties = fn.definition.function.parameters['properties'];
    return isObject(properties) ? Object.entries(properties).map(([name, schema]) => ({ name, schema })) : [];
  });
  const bare = all.filter(
    ({ schema }) => member(schema, 'description') === undefined && member(schema, 'enum') === undefined,
  );
  const names = [...new Set(bare.map(({ name }) => name))];
  const message = `${bare.length} of ${all.length} arguments have no description: ${some(names)}.`;
  return reasonFor('argument-no-description', bare.length / Math.max(1, all.length), most.argument, message);
}

/** Without an operationId a function is called after its method and path. */
function rateNames(functions: readonly PluginFunction[]): UsabilityReason | null {
  const unnamed = functions.filter(
    ({ operation }) => operation.id === pathName(operation.method, operation.path),
  );
  const message = `${unnamed.length} of ${functions.length} operations have no operationId, so method and path name them: ${some(unnamed.map(idOf))}.`;
  return reasonFor('name-unclear', unnamed.length / functions.length, most.unclear, message);
}

/** Names of the same words: a model takes one for the other. */
function rateLikeness(functions: readonly PluginFunction[]): UsabilityReason | null {
  const groups = Map.groupBy(functions, ({ operation }) => wordsOf(operation.id));
  const alike = [...groups.values()].filter((group) => group.length > 1);
  const count = alike.reduce((sum, group) => sum + group.length, 0);
  const message = `${count} of ${functions.length} function names are nearly equal to another: ${some(alike.map((group) => group.slice(0, examples).map(idOf).join(' and ')))}.`;
  return reasonFor('names-alike', count / functions.length, most.alike, message);
}

/** What a name says, whatever its spelling: words in any order, without plural, version and number. */
function wordsOf(name: string): string {
  const words = name
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .map((word) => (word.length > 3 ? word.replace(/s$/, '') : word))
    .filter((word) => word !== '' && word !== 'v');
  return words.length === 0 ? name : words.toSorted().join(' ');
}

function rateTokens(functions: readonly PluginFunction[]): UsabilityReason | null {
  const average = Math.round(functions.reduce((sum, { tokens }) => sum + tokens, 0) / functions.length);
  const largest = functions.toSorted((a, b) => b.tokens - a.tokens).slice(0, examples);
  const message = `A function takes ${average} tokens of each request on average: ${largest.map((fn) => `${idOf(fn)} ${fn.tokens}`).join(', ')}.`;
  return reasonFor('tokens', shareBetween(average, tokensOf), most.tokens, message);
}

function rateCount(functions: readonly PluginFunction[]): UsabilityReason | null {
  const message = `${functions.length} functions stand in each request; a model chooses better among ${countOf.fine}. Leave some out with "operations".`;
  return reasonFor('many', shareBetween(functions.length, countOf), most.many, message);
}

function shareBetween(value: number, { fine, tooMany }: { fine: number; tooMany: number }): number {
  return Math.min(1, Math.max(0, (value - fine) / (tooMany - fine)));
}

function idOf({ operation }: PluginFunction): string {
  return operation.id;
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, examples).join(', ');
  return names.length > examples ? `${shown} and ${names.length - examples} more` : shown;
}
