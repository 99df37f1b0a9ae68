// Functions made by hand, for the tests of arguments and requests.
import type { Json } from '../../src/openai/chat.ts';
import { isJsonObject } from '../../src/openai/exact-json.ts';
import { noCredential } from '../../src/plugin/credential.ts';
import type { Argument, PluginFunction } from '../../src/plugin/function.ts';
import type {
  Body,
  Operation,
  OperationContext,
  Parameter,
  ParameterPlace,
  Schema,
} from '../../src/plugin/operation.ts';
import { buildRequest, type PluginRequest, type RequestContext } from '../../src/plugin/request.ts';

/** Where a local document's operations are read: no URL, no manifest, all operations. */
export const localContext: OperationContext = {
  documentUrl: null,
  manifestUrl: null,
  domain: null,
  server: null,
  operations: { include: [], exclude: [] },
};

/** A parameter with the defaults of its place. */
export function parameter(name: string, place: ParameterPlace, more: Partial<Parameter> = {}): Parameter {
  const isForm = place === 'query' || place === 'cookie';
  return {
    name,
    in: place,
    required: place === 'path',
    description: '',
    deprecated: false,
    allowEmptyValue: false,
    schema: {},
    style: isForm ? 'form' : 'simple',
    explode: isForm,
    allowReserved: false,
    contentType: null,
    ...more,
  };
}

/** A body; JSON by default. */
export function body(schema: Schema, more: Partial<Body> = {}): Body {
  return {
    contentType: 'application/json',
    kind: 'json',
    required: true,
    description: '',
    schema,
    encoding: new Map(),
    ...more,
  };
}

function argumentsOf(operation: Operation): Argument[] {
  const made: Argument[] = operation.parameters.map((one) => ({
    name: one.name,
    target: { kind: 'parameter', parameter: one },
    required: one.required,
    schema: one.schema,
  }));
  const schema = operation.body?.schema;
  if (schema === undefined) return made;
  const properties = typeof schema === 'object' ? schema['properties'] : undefined;
  if (!isJsonObject(properties))
    return [...made, { name: 'body', target: { kind: 'body' }, required: true, schema }];
  const required = typeof schema === 'object' ? schema['required'] : undefined;
  const flat = Object.entries(properties).map(([name, property]): Argument => ({
    name: made.some((one) => one.name === name) ? `body_${name}` : name,
    target: { kind: 'property', property: name },
    required: Array.isArray(required) && required.includes(name),
    schema: property as Schema,
  }));
  return [...made, ...flat];
}

/** A function of an operation; its arguments follow from parameters and body. */
export function makeFunction(operation: Partial<Operation>): PluginFunction {
  const whole: Operation = {
    id: 'op',
    method: 'GET',
    path: '/',
    fixedQuery: [],
    summary: '',
    description: '',
    tags: [],
    deprecated: false,
    consequential: false,
    parameters: [],
    body: null,
    server: 'https://api.example.com',
    security: null,
    produces: ['application/json'],
    pointer: '/paths/~1/get',
    line: null,
    ...operation,
  };
  const definition = {
    type: 'function',
    function: { name: 'made__op', description: '', parameters: {} },
  } as const;
  return {
    name: 'made__op',
    plugin: 'made',
    operation: whole,
    definition,
    description: '',
    text: JSON.stringify(definition),
    tokens: 1,
    arguments: new Map(argumentsOf(whole).map((argument) => [argument.name, argument])),
  };
}

/** A function whose arguments are the given schemas. */
export function makeArguments(
  schemas: Readonly<Record<string, Json>>,
  required: readonly string[] = [],
): PluginFunction {
  return makeFunction({
    method: 'POST',
    body: body({ type: 'object', properties: schemas, required: [...required] }),
  });
}

export const context: RequestContext = {
  params: new Map(),
  headers: new Map(),
  userId: null,
  credential: noCredential,
  userAgent: 'plugin-gateway/test',
};

/** What building gives: the request, or the error that the model reads. */
export function build(
  fn: PluginFunction,
  values: Readonly<Record<string, Json>> = {},
  more: Partial<RequestContext> = {},
): { request: PluginRequest | null; code: string | null; problem: string } {
  const built = buildRequest(fn, new Map(Object.entries(values)), { ...context, ...more });
  if ('request' in built) return { request: built.request, code: null, problem: '' };
  const { error } = JSON.parse(built.problem) as { error: { code: string } };
  return { request: null, code: error.code, problem: built.problem };
}

/** As {@link build}, where a request must come. */
export function request(...of: Parameters<typeof build>): PluginRequest {
  const built = build(...of);
  if (built.request === null) throw new Error(built.problem);
  return built.request;
}
