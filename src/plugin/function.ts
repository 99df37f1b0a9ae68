// An operation as the model sees it: a legal, self-contained function definition, and the way back to the operation.
import type { Json, JsonObject } from '../openai/chat.ts';
import { createReport, type Diagnostic, type Report } from '../openapi/diagnostic.ts';
import { entriesOf, freezeDeep, listMember, member, setMember } from '../openapi/value.ts';
import { collectArguments, type Argument } from './function-argument.ts';
import { findFault } from './common-profile.ts';
import { showSchema } from './model-schema.ts';
import { cutText, joinTexts } from './model-text.ts';
import { trimParameters, type Level } from './model-trim.ts';
import type { Operation, Overrides } from './operation.ts';
import { reportOverrides } from './override.ts';
import { countTokens, exceedsTokens } from './token-count.ts';

export type { Argument, ArgumentTarget } from './function-argument.ts';

/** A function definition exactly as injected into `tools`. Frozen. */
export interface FunctionDefinition {
  readonly type: 'function';
  readonly function: { readonly name: string; readonly description: string; readonly parameters: JsonObject };
}

/** A function that may be injected. Frozen; made once when its plugin is loaded. */
export interface PluginFunction {
  /** Legal, unique over all plugins (`openapi.md` N1 to N5). */
  readonly name: string;
  /** `name_for_model` of its plugin. */
  readonly plugin: string;
  readonly operation: Operation;
  readonly definition: FunctionDefinition;
  /** `JSON.stringify(definition)`: the bytes that are injected, the same in every step and replica. */
  readonly text: string;
  /** Tokens of `text` (o200k). Counted at the first look. */
  readonly tokens: number;
  readonly arguments: ReadonlyMap<string, Argument>;
  /** Parameter and top-level body property names that the model may not set, in lower case. */
  readonly hidden: ReadonlySet<string>;
}

/** What the operator and the manifest take out of the model's hands. */
export interface FunctionOptions {
  readonly params: Overrides;
  /** Names of headers that are sent anyway, in lower case (M17 to M19). */
  readonly hiddenHeaders: ReadonlySet<string>;
}

/** S6: no function may cost more. */
const mostTokens = 5000;
const longestMade = 400_000;
/** S9: Azure enforced it for long. */
const longestDescription = 1024;

/**
 * Makes the function of an operation under the `common` profile (S1 to S9): complete where it fits the budget of 5,000
 * tokens, else trimmed level by level. `function` is `null` when no model would take it, and a diagnostic says why.
 * The source of the diagnostics is the plugin, their pointer that of the operation.
 */
export function makeFunction(
  name: string,
  plugin: string,
  operation: Operation,
  options: FunctionOptions,
): { function: PluginFunction | null; diagnostics: Diagnostic[] } {
  const report = createReport(plugin);
  reportOverrides(operation, options.params, report);
  const collected = collectArguments(operation, options.params, options.hiddenHeaders);
  const description = describe(operation, collected.bodyText, report);
  const full = showArguments([...collected.arguments.values()], operation, report);
  const { definition, text } = fitBudget({ name, description, parameters: full }, operation, report);
  const fault = findFault(definition.function);
  if (fault !== null) {
    report.warning('function-rejected', operation.pointer, `The function ${name} is left out: ${fault}.`);
    return { function: null, diagnostics: report.diagnostics };
  }
  let tokens: number | undefined;
  const made: PluginFunction = {
    name,
    plugin,
    operation,
    definition: freezeDeep(definition),
    text,
    get tokens() {
      return (tokens ??= countTokens(text));
    },
    arguments: collected.arguments,
    hidden: collected.hidden,
  };
  return { function: Object.freeze(made), diagnostics: report.diagnostics };
}

function describe(operation: Operation, bodyText: string, report: Report): string {
  const own = joinTexts(operation.summary, operation.description);
  const text = joinTexts(own || `${operation.method} ${operation.path}`, bodyText);
  if (text.length <= longestDescription) return text;
  const message = `The description of ${operation.id} has ${text.length} characters; it is cut to ${longestDescription}.`;
  report.warning('description-cut', operation.pointer, message);
  return cutText(text, longestDescription);
}

/** The `parameters` of the definition: one property per argument, required ones listed. */
function showArguments(list: readonly Argument[], operation: Operation, report: Report): JsonObject {
  const onConflict = (keyword: string): void => {
    const message = `Parts of an "allOf" of ${operation.id} contradict each other in "${keyword}"; one of them is shown.`;
    report.warning('allof-conflict', operation.pointer, message);
  };
  const properties: JsonObject = {};
  for (const argument of list) {
    const { name, required, target } = argument;
    const shown = showSchema(argument.schema, { name, required, onConflict });
    const own = target.kind === 'parameter' ? target.parameter.description : '';
    const notes = [
      target.kind === 'parameter' && target.parameter.deprecated ? 'deprecated' : '',
      argument.note ?? '',
    ];
    const { type, description, ...rest } = shown;
    const text = joinTexts(own, typeof description === 'string' ? description : '', ...notes);
    setMember(properties, name, {
      ...(type !== undefined && { type }),
      ...(text !== '' && { description: text }),
      ...rest,
    });
  }
  const required = list.filter((argument) => argument.required).map((argument) => argument.name);
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

interface Parts {
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonObject;
}

function tooLong(text: string): boolean {
  return text.length > longestMade || exceedsTokens(text, mostTokens);
}

/** A definition and its bytes. */
interface Made {
  readonly definition: FunctionDefinition;
  readonly text: string;
}

function makeDefinition(parts: Parts): Made {
  const { name, description, parameters } = parts;
  const definition: FunctionDefinition = { type: 'function', function: { name, description, parameters } };
  return { definition, text: JSON.stringify(definition) };
}

/** A complete definition at a lower level. */
export function trimDefinition(complete: FunctionDefinition, level: Level): FunctionDefinition {
  const { name, description, parameters } = complete.function;
  return {
    type: 'function',
    function: {
      name,
      description: cutText(description, 240),
      parameters: trimParameters(parameters, level),
    },
  };
}

/** S6: L1, else L2, else L3, each with an `info`. */
function fitBudget(parts: Parts, operation: Operation, report: Report): Made {
  const complete = makeDefinition(parts);
  if (!tooLong(complete.text)) return complete;
  for (const level of [2, 3] as const) {
    const trimmed = makeDefinition(trimDefinition(complete.definition, level).function);
    if (tooLong(trimmed.text)) continue;
    const message = `The function of ${operation.id} needs more than ${mostTokens} tokens; it is trimmed to level ${level}.`;
    report.info('function-trimmed', operation.pointer, message);
    return trimmed;
  }
  return cutToBudget(parts, operation, report);
}

/**
 * Beyond L3: arguments lose their inner shape, the largest first, then the last optional ones go, until what is left
 * fits. Sizes are added up, not measured again and again: a document may have 20,000 properties.
 */
function cutToBudget(parts: Parts, operation: Operation, report: Report): Made {
  const message = `The function of ${operation.id} is too large at every level; its largest arguments are shown without their inner shape, the last optional ones not at all.`;
  report.warning('function-large', operation.pointer, message);
  const parameters = trimParameters(parts.parameters, 3);
  const description = cutText(parts.description, 240);
  let made: Made = makeDefinition({ ...parts, description, parameters });
  for (let most = mostTokens * 4; tooLong(made.text) && most > 100; most /= 2) {
    made = makeDefinition({ ...parts, description, parameters: cutProperties(parameters, most) });
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
