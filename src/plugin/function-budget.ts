// No function may cost more than its budget: complete where it fits, else level by level with less detail (S6).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, listMember, member, setMember } from '../openapi/value.ts';
import type { Report } from '../openapi/diagnostic.ts';
import { cutText } from './model-text.ts';
import { trimParameters, type Level } from './model-trim.ts';
import type { Operation } from './operation.ts';
import { exceedsTokens } from './token-count.ts';

/** A function definition exactly as injected into `tools`. Frozen. */
export interface FunctionDefinition {
  readonly type: 'function';
  readonly function: FunctionParts;
}

/** What a function definition is made of. */
export interface FunctionParts {
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonObject;
  /** The upstream holds the model to `parameters` (S8). */
  readonly strict?: true;
}

/** A definition and its bytes. */
export interface Made {
  readonly definition: FunctionDefinition;
  readonly text: string;
}

/** Tokens (o200k) of a definition's text. */
const mostTokens = 5000;
const longestMade = 400_000;

/** Writes complete parts down, in whatever form. */
type Write = (parts: FunctionParts) => FunctionParts;

/**
 * The definition of the parts as they are written: complete (L1) if that fits the budget, else L2, else L3, each with
 * an `info`, else with what still fits.
 */
export function fitBudget(parts: FunctionParts, operation: Operation, report: Report, write: Write): Made {
  const complete = makeDefinition(write(parts));
  if (!tooLong(complete.text)) return complete;
  for (const level of [2, 3] as const) {
    const trimmed = makeDefinition(write(trimParts(parts, level)));
    if (tooLong(trimmed.text)) continue;
    const message = `The function of ${operation.id} needs more than ${mostTokens} tokens; it is trimmed to level ${level}.`;
    report.info('function-trimmed', operation.pointer, message);
    return trimmed;
  }
  return cutToBudget(parts, operation, report, write);
}

/** A complete definition at a lower level. */
export function trimDefinition(complete: FunctionDefinition, level: Level): FunctionDefinition {
  return { type: 'function', function: trimParts(complete.function, level) };
}

function trimParts({ name, description, parameters }: FunctionParts, level: Level): FunctionParts {
  return { name, description: cutText(description, 240), parameters: trimParameters(parameters, level) };
}

/** Whether a definition's text is larger than S6 allows. */
export function tooLong(text: string): boolean {
  return text.length > longestMade || exceedsTokens(text, mostTokens);
}

/** The definition of parts, and its bytes. */
export function makeDefinition(parts: FunctionParts): Made {
  const definition: FunctionDefinition = { type: 'function', function: parts };
  return { definition, text: JSON.stringify(definition) };
}

/**
 * Beyond L3: arguments lose their inner shape, the largest first, then the last optional ones go, until what is left
 * fits. Sizes are added up, not measured again and again: a document may have 20,000 properties.
 */
function cutToBudget(parts: FunctionParts, operation: Operation, report: Report, write: Write): Made {
  const message = `The function of ${operation.id} is too large at every level; its largest arguments are shown without their inner shape, the last optional ones not at all.`;
  report.warning('function-large', operation.pointer, message);
  const least = trimParts(parts, 3);
  let made = makeDefinition(write(least));
  for (let most = mostTokens * 4; tooLong(made.text) && most > 100; most /= 2) {
    made = makeDefinition(write({ ...least, parameters: cutProperties(least.parameters, most) }));
  }
  return made;
}

/** The parameters in about `most` characters. */
function cutProperties(parameters: JsonObject, most: number): JsonObject {
  const required = new Set(listMember(parameters, 'required'));
  const shown = new Map(entriesOf(member(parameters, 'properties')));
  const sizeOf = (name: string): number => name.length + JSON.stringify(shown.get(name)).length;
  const sizes = [...shown.keys()].map((name): [string, number] => [name, sizeOf(name)]);
  let total = sizes.reduce((sum, [, size]) => sum + size, 0);
  for (const [name, size] of sizes.toSorted((a, b) => b[1] - a[1])) {
    if (total <= most) break;
    shown.set(name, withoutShape(shown.get(name)));
    total -= size - sizeOf(name);
  }
  for (const name of [...shown.keys()].toReversed()) {
    if (total <= most) break;
    if (required.has(name)) continue;
    total -= sizeOf(name);
    shown.delete(name);
  }
  const properties: JsonObject = {};
  for (const [name, value] of shown) setMember(properties, name, value);
  return { ...parameters, properties };
}

function withoutShape(value: Json | undefined): JsonObject {
  const bare: JsonObject = {};
  for (const keyword of ['type', 'description']) {
    const kept = member(value, keyword);
    if (kept !== undefined) bare[keyword] = kept;
  }
  return bare['type'] === 'array' ? { ...bare, items: {} } : bare;
}
