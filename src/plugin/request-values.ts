// Which value each parameter of a request is sent with: the override's, or the model's.
import type { Json } from '../openai/chat.ts';
import { naming, UnsendableValue, type Pair, type serializeQuery } from '../openapi/serialize.ts';
import type { Credential } from './credential.ts';
import type { PluginFunction } from './function.ts';
import type { Operation, Overrides, Parameter } from './operation.ts';
import { baseSpelling, planOverrides, spelling, type OverridePlan } from './override.ts';

/** What the requests of a plugin carry besides the model's arguments, whoever calls. */
export interface RequestSettings {
  readonly params: Overrides;
  /** `headers` of manifest and settings, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly credential: Credential;
  readonly userAgent: string;
  /** Makes a multipart boundary; random by default. */
  readonly boundary?: () => string;
}

/** The header that carries the consumer's id (M18). */
export interface UserId {
  readonly header: string;
  readonly value: string;
}

/** The model's values by argument name. */
export type Values = ReadonlyMap<string, Json>;

/** Where the values of all requests of one function come from. */
export interface Sources {
  readonly fn: PluginFunction;
  readonly overrides: OverridePlan;
  /** The name that the model uses for a parameter of the operation; absent: the model does not set it. */
  readonly argumentNames: ReadonlyMap<Parameter, string>;
}

export function findSources(fn: PluginFunction, params: Overrides): Sources {
  const argumentNames = new Map<Parameter, string>();
  for (const parameter of fn.operation.parameters) {
    const name = argumentName(fn, parameter);
    if (name !== null) argumentNames.set(parameter, name);
  }
  return { fn, overrides: planOverrides(fn.operation, params), argumentNames };
}

function argumentName(fn: PluginFunction, parameter: Parameter): string | null {
  for (const { name, target } of fn.arguments.values()) {
    if (target.kind !== 'parameter') continue;
    if (target.parameter.name === parameter.name && target.parameter.in === parameter.in) return name;
  }
  return null;
}

/** What a parameter is sent with: the override if there is one, else the model's value; `undefined`: not sent. */
export function valueOf(
  { overrides, argumentNames }: Sources,
  values: Values,
  parameter: Parameter,
): Json | undefined {
  const override = overrides.parameters.get(parameter);
  if (override !== undefined) return override ?? undefined;
  // No server reads a path by its variables' names, so there another spelling is another variable.
  if (parameter.in !== 'path' && overrides.isOverridden(parameter.name)) return undefined;
  const name = argumentNames.get(parameter);
  return name === undefined ? undefined : (values.get(name) ?? undefined);
}

export function parametersIn(operation: Operation, place: Parameter['in']): Parameter[] {
  return operation.parameters.filter((parameter) => parameter.in === place);
}

/**
 * Makes the way to the pairs of several parameters. A parameter gives its own name, or names below it (`filter[a]`); a
 * name of another parameter, of an override or of `reserved` is refused: an object's keys are the model's to choose
 * (B4, A5).
 */
export function planPairs(
  sources: Sources,
  parameters: readonly Parameter[],
  reserved: readonly string[],
  serialize: typeof serializeQuery,
): (values: Values) => Pair[] {
  const declared = new Map(reserved.map((name) => [spelling(name), null as Parameter | null]));
  const spellings = new Map(parameters.map((parameter) => [parameter, spelling(parameter.name)]));
  for (const [parameter, key] of spellings) declared.set(key, parameter);

  return (values) => {
    const owners = new Map(declared);

    function isForeign(name: string, parameter: Parameter): boolean {
      if (sources.overrides.isOverridden(name)) return true;
      return [spelling(name), baseSpelling(name)].some(
        (key) => owners.has(key) && owners.get(key) !== parameter,
      );
    }

    return Array.from(spellings).flatMap(([parameter, key]) => {
      const value = valueOf(sources, values, parameter);
      if (value === undefined) return [];
      const own = naming(sources.argumentNames.get(parameter) ?? parameter.name, () => {
        const pairs = serialize(parameter.name, value, parameter);
        const foreign = pairs.find(({ name }) => name !== parameter.name && isForeign(name, parameter));
        if (!foreign) return pairs;
        throw new UnsendableValue(`must not hold the name "${foreign.name}", which is another parameter`);
      });
      for (const { name } of own) owners.set(name === parameter.name ? key : spelling(name), parameter);
      return own;
    });
  };
}
