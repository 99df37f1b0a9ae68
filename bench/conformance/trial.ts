// One call of one function, from generated arguments to what the loopback API reads.
import { isDeepStrictEqual } from 'node:util';
import { createArgumentReader } from '../../src/plugin/arguments.ts';
import type { Credential } from '../../src/plugin/credential.ts';
import type { Argument, PluginFunction } from '../../src/plugin/function.ts';
import { buildRequest, type RequestContext } from '../../src/plugin/request.ts';
import type { Declared } from './declared.ts';
import type { Loopback } from './loopback.ts';
import { findDeviations, type Meant } from './read-back.ts';
import { at, entries, type Tree, type TreeObject } from './tree.ts';
import { anyPieces, createRandom, makeValue, type Making } from './values.ts';

/** Which optional arguments the calls of one function give. */
export const callKinds = ['all', 'none', 'some', 'some'] as const;

/** What a call went wrong with; empty: the API read what was meant. */
export interface Trial {
  readonly arguments: TreeObject;
  readonly deviations: readonly string[];
  /** No request: an exploded map would have taken over another parameter's name (B4). */
  readonly ambiguous?: true;
}

const latinPieces = [' ', '/', ':', ';', '@', '(x)', '-', '.', '?', '*', 'ä', '"'];

const delimiters = new Map<string, string>([
  ['spaceDelimited', ' '],
  ['pipeDelimited', '|'],
  ['tabDelimited', '\t'],
]);

/** Pieces that the style of a place can hold at all: some have delimiters that nothing can mask. */
function piecesFor({ target }: Argument, { key }: Declared): readonly string[] {
  if (target.kind !== 'parameter') return anyPieces;
  const { parameter } = target;
  if (parameter.in === 'header') return latinPieces;
  if (parameter.allowReserved) return ['-', '~', ' ', '/', ':', 'ä'];
  // several variables in one segment: only what cannot be a separator
  if (parameter.in === 'path')
    return /\}[^/{}]*\{|[^/]\{|\}[^/]/.test(key.split('?')[0] ?? '') ? ['x'] : anyPieces;
  const delimiter = delimiters.get(parameter.style);
  return delimiter === undefined ? anyPieces : anyPieces.filter((piece) => piece !== delimiter);
}

function makeArguments(
  fn: PluginFunction,
  declared: Declared,
  making: Omit<Making, 'pieces'>,
  isTrimmed: boolean,
): TreeObject {
  const made: TreeObject = {};
  const { parameters } = fn.definition.function;
  const required = at(parameters, 'required');
  for (const [name, schema] of entries(at(parameters, 'properties'))) {
    const argument = fn.arguments.get(name);
    if (argument === undefined) continue;
    const isRequired = Array.isArray(required) && required.includes(name);
    const wanted = making.optional === 'all' || (making.optional === 'some' && making.random() < 0.5);
    if (!isRequired && !wanted) continue;
    const filled = argument.target.kind === 'parameter';
    const source = isTrimmed ? argument.schema : schema;
    made[name] = makeValue(source, { ...making, filled, pieces: piecesFor(argument, declared) });
  }
  return made;
}

/** The values by the places that the document names. */
function meantBy(fn: PluginFunction, values: TreeObject): Meant {
  const parameters = new Map<string, Tree>();
  const properties: TreeObject = {};
  let body: Tree;
  let isFlat = false;
  for (const { name, target } of fn.arguments.values()) {
    if (target.kind === 'property') isFlat = true;
    if (!Object.hasOwn(values, name)) continue;
    const value = values[name];
    if (target.kind === 'parameter') parameters.set(`${target.parameter.in} ${target.parameter.name}`, value);
    else if (target.kind === 'body') body = value;
    else Object.defineProperty(properties, target.property, { value, enumerable: true });
  }
  if (Object.keys(properties).length > 0) body = properties;
  const { body: declared } = fn.operation;
  // a required body whose properties are all optional is an empty one
  if (body === undefined && declared?.required === true && (isFlat || declared.kind === 'json')) body = {};
  return { parameters, body };
}

const reader = createArgumentReader();

/** One call to be tried. */
export interface Call {
  readonly fn: PluginFunction;
  readonly declared: Declared;
  readonly optional: Making['optional'];
  /** Another one gives other values. */
  readonly round: number;
  readonly credential: Credential;
  /** The function is shortened: it does not say every bound, so that values are made from the full schemas. */
  readonly isTrimmed: boolean;
}

/** Calls a function with generated arguments and reads back what arrived. */
export async function tryCall(call: Call, loopback: Loopback): Promise<Trial> {
  const { fn, declared, optional, round, credential } = call;
  const random = createRandom(`${fn.name} ${String(round)}`);
  const values = makeArguments(fn, declared, { random, optional }, call.isTrimmed);
  const failed = (why: string): Trial => ({ arguments: values, deviations: [why] });
  const read = await reader(fn, JSON.stringify(values));
  if ('problem' in read) return failed(`arguments refused: ${read.problem}`);
  const plain = JSON.parse(JSON.stringify(Object.fromEntries(read.values))) as unknown;
  if (!isDeepStrictEqual(plain, JSON.parse(JSON.stringify(values)))) return failed('arguments changed');
  const context: RequestContext = {
    params: new Map(),
    headers: new Map(),
    userId: null,
    credential,
    userAgent: 'plugin-gateway/conformance',
  };
  const built = buildRequest(fn, read.values, context);
  if ('problem' in built && /which is another (?:parameter|field)/.test(built.problem))
    return { arguments: values, deviations: [], ambiguous: true };
  if ('problem' in built) return failed(`no request: ${built.problem}`);
  const { request } = built;
  const server = new URL(fn.operation.server ?? '');
  if (request.origin !== server.origin) return failed(`the origin became ${request.origin}`);
  const arrived = await loopback.send(request);
  const base = server.pathname.replace(/\/+$/, '');
  return { arguments: values, deviations: findDeviations(declared, arrived, meantBy(fn, values), base) };
}
