// An operation as the model sees it: a legal, self-contained function definition, and the way back to the operation.
import type { JsonObject } from '../openai/chat.ts';
import { createReport, type Diagnostic, type Report } from '../openapi/diagnostic.ts';
import { freezeDeep, setMember } from '../openapi/value.ts';
import { collectArguments, type Argument } from './function-argument.ts';
import { fitBudget, type FunctionDefinition } from './function-budget.ts';
import { findFault } from './function-fault.ts';
import { showSchema } from './model-schema.ts';
import { cutText, joinTexts } from './model-text.ts';
import type { Operation, Overrides } from './operation.ts';
import { reportOverrides } from './override.ts';
import { profiles } from './profile.ts';
import { countTokens } from './token-count.ts';

export type { Argument, ArgumentTarget } from './function-argument.ts';

/** A function that may be injected. Frozen; made once when its plugin is loaded. */
export interface PluginFunction {
  /** Legal, unique over all plugins (`openapi.md` N1 to N5). */
  readonly name: string;
  /** `name_for_model` of its plugin. */
  readonly plugin: string;
  readonly operation: Operation;
  /** In the `common` profile; `function-form.ts` makes the others of it. Read from `text` at each look. */
  readonly definition: FunctionDefinition;
  /** The description before it was cut for the profile. */
  readonly description: string;
  /** `JSON.stringify(definition)`: the bytes that are injected, the same in every step and replica. */
  readonly text: string;
  /** Tokens of `text` (o200k). Counted at the first look. */
  readonly tokens: number;
  readonly arguments: ReadonlyMap<string, Argument>;
}

/** What the operator and the manifest take out of the model's hands. */
export interface FunctionOptions {
  readonly params: Overrides;
  /** Names of headers that are sent anyway, in lower case (M17 to M19). */
  readonly hiddenHeaders: ReadonlySet<string>;
}

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
  const description = describe(operation, collected.bodyText);
  const parts = {
    name,
    description: cutDescription(description, operation, report),
    parameters: showArguments([...collected.arguments.values()], operation, report),
  };
  const { definition, text } = fitBudget(parts, operation, report, (complete) => complete);
  const fault = findFault(definition.function, profiles.common);
  if (fault !== null) {
    report.warning('function-rejected', operation.pointer, `The function ${name} is left out: ${fault}.`);
    return { function: null, diagnostics: report.diagnostics };
  }
  const made = new MadeFunction({
    name,
    plugin,
    operation,
    description,
    text,
    arguments: collected.arguments,
  });
  return { function: made, diagnostics: report.diagnostics };
}

/**
 * A class, without its definition as objects: tens of thousands of functions may be installed, the collector walks through
 * all of them, and a frozen literal with a getter would be a table each.
 */
class MadeFunction implements PluginFunction {
  readonly name: string;
  readonly plugin: string;
  readonly operation: Operation;
  readonly description: string;
  readonly text: string;
  readonly arguments: ReadonlyMap<string, Argument>;
  #tokens: number | undefined;

  constructor(made: Omit<PluginFunction, 'definition' | 'tokens'>) {
    this.name = made.name;
    this.plugin = made.plugin;
    this.operation = made.operation;
    this.description = made.description;
    this.text = made.text;
    this.arguments = made.arguments;
    Object.freeze(this);
  }

  get definition(): FunctionDefinition {
    return freezeDeep(JSON.parse(this.text) as FunctionDefinition);
  }

  get tokens(): number {
    return (this.#tokens ??= countTokens(this.text));
  }
}

function describe(operation: Operation, bodyText: string): string {
  const own = joinTexts(operation.summary, operation.description);
  return joinTexts(own || `${operation.method} ${operation.path}`, bodyText);
}

function cutDescription(text: string, operation: Operation, report: Report): string {
  const most = profiles.common.longestDescription;
  if (text.length <= most) return text;
  const message = `The description of ${operation.id} has ${text.length} characters; it is cut to ${most}.`;
  report.warning('description-cut', operation.pointer, message);
  return cutText(text, most);
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
