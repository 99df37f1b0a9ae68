// Which value each parameter of a request is sent with: the override's, or the model's.
import type { Json } from '../openai/chat.ts';
import { naming, UnsendableValue, type Pair, type serializeQuery } from '../openapi/serialize.ts';
import type { Credential } from './credential.ts';
import type { PluginFunction } from './function.ts';
import type { Operation, Overrides, Parameter } from './operation.ts';
import { baseSpelling, spelling, type OverridePlan } from './override.ts';

/** What a request carries besides the model's arguments. */
export interface RequestContext {
  readonly params: Overrides;
  /** `headers` of manifest and settings, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The header that carries the consumer's id (M18). */
  readonly userId: { readonly header: string; readonly value: string } | null;
  readonly credential: Credential;
  readonly userAgent: string;
  /** Makes a multipart boundary; random by default. */
  readonly boundary?: () => string;
}

/** Where the values of one request come from. */
export interface Sources {
  readonly fn: PluginFunction;
  readonly values: ReadonlyMap<string, Json>;
  readonly plan: OverridePlan;
}

/** The name that the model uses for a parameter. */
export function argumentName(fn: PluginFunction, parameter: Parameter): string | null {
  for (const { name, target } of fn.arguments.values()) {
    if (target.kind !== 'parameter') continue;
    if (target.parameter.name === parameter.name && target.parameter.in === parameter.in) return name;
  }
  return null;
}

/** What a parameter is sent with: the override if there is one, else the model's value; `undefined`: not sent. */
export function valueOf({ fn, values, plan }: Sources, parameter: Parameter): Json | undefined {
  const override = plan.parameters.get(parameter);
  if (override !== undefined) return override ?? undefined;
  // No server reads a path by its variables' names, so there another spelling is another variable.
  if (parameter.in !== 'path' && plan.isOverridden(parameter.name)) return undefined;
  const name = argumentName(fn, parameter);
  return name === null ? undefined : (values.get(name) ?? undefined);
}

export function parametersIn(operation: Operation, place: Parameter['in']): Parameter[] {
  return operation.parameters.filter((parameter) => parameter.in === place);
}

/**
 * The pairs of several parameters. A parameter gives its own name, or names below it (`filter[a]`); a name of another
 * parameter, of an override or of `reserved` is refused: an object's keys are the model's to choose (B4, A5).
 */
export function pairsOf(
  sources: Sources,
  parameters: readonly Parameter[],
  reserved: readonly string[],
  serialize: typeof serializeQuery,
): Pair[] {
  const owners = new Map(reserved.map((name) => [spelling(name), null as Parameter | null]));
  for (const parameter of parameters) owners.set(spelling(parameter.name), parameter);

  function isForeign(name: string, parameter: Parameter): boolean {
    if (sources.plan.isOverridden(name)) return true;
    return [spelling(name), baseSpelling(name)].some(
      (key) => owners.has(key) && owners.get(key) !== parameter,
    );
  }

  return parameters.flatMap((parameter) => {
    const value = valueOf(sources, parameter);
    if (value === undefined) return [];
    const own = naming(argumentName(sources.fn, parameter) ?? parameter.name, () => {
      const pairs = serialize(parameter.name, value, parameter);
      const foreign = pairs.find(({ name }) => name !== parameter.name && isForeign(name, parameter));
      if (!foreign) return pairs;
      throw new UnsendableValue(`must not hold the name "${foreign.name}", which is another parameter`);
    });
    for (const { name } of own) owners.set(spelling(name), parameter);
    return own;
  });
}
