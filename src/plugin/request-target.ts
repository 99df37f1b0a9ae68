// The path and query of a request (`openapi.md` B1 to B4).
import type { Json } from '../openai/chat.ts';
import {
  naming,
  percentEncode,
  scalarText,
  serializePath,
  serializeQuery,
  UnsendableValue,
  type Pair,
  type ValueEncoding,
} from '../openapi/serialize.ts';
import type { Placement } from './credential.ts';
import type { Parameter } from './operation.ts';
import { assertPathValue, fillPath, templateVariables } from './path.ts';
import { parametersIn, planPairs, valueOf, type Sources, type Values } from './request-values.ts';

/** Makes the way to the path of an operation, every variable filled. It throws `UnsendableValue`. */
export function planPath(sources: Sources): (values: Values) => string {
  const { operation } = sources.fn;
  const names = [...new Set(templateVariables(operation.path))];
  const variables = names.map((name) => {
    const parameter = operation.parameters.find((one) => one.in === 'path' && one.name === name);
    return { name, parameter, argument: (parameter && sources.argumentNames.get(parameter)) ?? name };
  });
  if (variables.length === 0) {
    const path = fillPath(operation.path, new Map());
    return () => path;
  }
  return (values) => {
    const texts = new Map<string, string>();
    for (const { name, parameter, argument } of variables) {
      const value = parameter && valueOf(sources, values, parameter);
      const text = naming(argument, () => {
        if (!parameter || value === undefined)
          throw new UnsendableValue('is required: it is part of the path');
        assertPathValue(value);
        return serializePath(name, value, parameter);
      });
      if (text === '') throw new UnsendableValue('must not be empty', argument);
      texts.set(name, text);
    }
    return fillPath(operation.path, texts);
  };
}

const plainQuery: ValueEncoding = { style: 'form', explode: true, allowReserved: false, contentType: null };

/**
 * Makes the way to the query with its `?`, empty when there is none: declared parameters, then the path's fixed query
 * (B3), then `params` (A9), then credentials. A name comes from one of them only. It throws `UnsendableValue`.
 */
export function planQuery(sources: Sources, credentials: readonly Placement[]): (values: Values) => string {
  const { operation } = sources.fn;
  const { parameters: overridden, appended } = sources.overrides;
  const secrets = credentials.filter((placement) => placement.in === 'query');
  const secretNames = new Set(secrets.map(({ name }) => name));
  const fixedNames = new Set(operation.fixedQuery.map(([name]) => name));
  const inFixed = new Set(operation.fixedQuery.flatMap(([, value]) => templateVariables(value)));
  const declared = parametersIn(operation, 'query').filter(
    ({ name }) => !secretNames.has(name) && !inFixed.has(name),
  );
  const ofModel = declared.filter(
    (parameter) => !overridden.has(parameter) && !fixedNames.has(parameter.name),
  );
  const buildPairs = planPairs(sources, ofModel, [...fixedNames, ...secretNames], serializeQuery);
  const last = [
    ...declared.flatMap((parameter) => overriddenPairs(parameter, overridden)),
    ...[...appended.filter(([name]) => !secretNames.has(name)), ...secrets.map(pairOf)].flatMap(
      ([name, value]) => serializeQuery(name, value, plainQuery),
    ),
  ];
  return (values) => {
    const pairs = [...buildPairs(values), ...fixedPairs(sources, values), ...last];
    return pairs.length === 0 ? '' : `?${pairs.map((pair) => pair.text).join('&')}`;
  };
}

function pairOf({ name, value }: Placement): [name: string, value: Json] {
  return [name, value];
}

function overriddenPairs(parameter: Parameter, overridden: ReadonlyMap<Parameter, Json>): Pair[] {
  const value = overridden.get(parameter);
  return value === undefined ? [] : serializeQuery(parameter.name, value, parameter);
}

/** The `?a=1&b={x}` part of the path key: a variable in it is a query value, declared however (B3). */
function fixedPairs(sources: Sources, given: Values): Pair[] {
  const { operation } = sources.fn;
  return operation.fixedQuery.flatMap(([name, template]) => {
    if (sources.overrides.isOverridden(name)) return [];
    const values = new Map(
      templateVariables(template).map((variable) => [variable, variableValue(sources, given, variable)]),
    );
    if (values.size > 0 && [...values.values()].every((value) => value === undefined)) return [];
    const text = template.replaceAll(/\{([^{}]*)\}/g, (_, variable: string) =>
      scalarText(values.get(variable) ?? ''),
    );
    return [{ name, text: naming(name, () => `${percentEncode(name)}=${percentEncode(text)}`) }];
  });
}

function variableValue(sources: Sources, values: Values, name: string): Json | undefined {
  const parameter = sources.fn.operation.parameters.find(
    (one) => one.name === name && (one.in === 'path' || one.in === 'query'),
  );
  return parameter && valueOf(sources, values, parameter);
}
