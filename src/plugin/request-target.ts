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
import { assertPathValue, fillPath, templateVariables } from './path.ts';
import { argumentName, pairsOf, parametersIn, valueOf, type Sources } from './request-values.ts';

/** The path of the operation, every variable filled. Throws `UnsendableValue`. */
export function buildPath(sources: Sources): string {
  const { operation } = sources.fn;
  const variables = new Map<string, string>();
  for (const name of new Set(templateVariables(operation.path))) {
    const parameter = operation.parameters.find((one) => one.in === 'path' && one.name === name);
    const value = parameter && valueOf(sources, parameter);
    const argument = (parameter && argumentName(sources.fn, parameter)) ?? name;
    const text = naming(argument, () => {
      if (!parameter || value === undefined) throw new UnsendableValue('is required: it is part of the path');
      assertPathValue(value);
      return serializePath(name, value, parameter);
    });
    if (text === '') throw new UnsendableValue('must not be empty', argument);
    variables.set(name, text);
  }
  return fillPath(operation.path, variables);
}

const plainQuery: ValueEncoding = { style: 'form', explode: true, allowReserved: false, contentType: null };

/**
 * The query with its `?`, empty when there is none: declared parameters, then the path's fixed query (B3), then `params`
 * (A9), then credentials. A name comes from one of them only. Throws `UnsendableValue`.
 */
export function buildQuery(sources: Sources, credentials: readonly Placement[]): string {
  const { operation } = sources.fn;
  const { plan } = sources;
  const secrets = credentials.filter((placement) => placement.in === 'query');
  const secretNames = new Set(secrets.map(({ name }) => name));
  const fixedNames = new Set(operation.fixedQuery.map(([name]) => name));
  const inFixed = new Set(operation.fixedQuery.flatMap(([, value]) => templateVariables(value)));
  const declared = parametersIn(operation, 'query').filter(
    ({ name }) => !secretNames.has(name) && !inFixed.has(name),
  );
  const ofModel = declared.filter(
    (parameter) => !plan.parameters.has(parameter) && !fixedNames.has(parameter.name),
  );
  const overridden = declared.filter((parameter) => plan.parameters.has(parameter));
  const pairs = [
    ...pairsOf(sources, ofModel, [...fixedNames, ...secretNames], serializeQuery),
    ...fixedPairs(sources),
    ...overridden.flatMap((parameter) =>
      serializeQuery(parameter.name, valueOf(sources, parameter) ?? null, parameter),
    ),
    ...plan.appended
      .filter(([name]) => !secretNames.has(name))
      .flatMap(([name, value]) => serializeQuery(name, value, plainQuery)),
    ...secrets.flatMap(({ name, value }) => serializeQuery(name, value, plainQuery)),
  ];
  return pairs.length === 0 ? '' : `?${pairs.map((pair) => pair.text).join('&')}`;
}

/** The `?a=1&b={x}` part of the path key: a variable in it is a query value, declared however (B3). */
function fixedPairs(sources: Sources): Pair[] {
  const { operation } = sources.fn;
  return operation.fixedQuery.flatMap(([name, template]) => {
    if (sources.plan.isOverridden(name)) return [];
    const values = new Map(
      templateVariables(template).map((variable) => [variable, variableValue(sources, variable)]),
    );
    if (values.size > 0 && [...values.values()].every((value) => value === undefined)) return [];
    const text = template.replaceAll(/\{([^{}]*)\}/g, (_, variable: string) =>
      scalarText(values.get(variable) ?? ''),
    );
    return [{ name, text: naming(name, () => `${percentEncode(name)}=${percentEncode(text)}`) }];
  });
}

function variableValue(sources: Sources, name: string): Json | undefined {
  const parameter = sources.fn.operation.parameters.find(
    (one) => one.name === name && (one.in === 'path' || one.in === 'query'),
  );
  return parameter && valueOf(sources, parameter);
}
