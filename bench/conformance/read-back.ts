// The independent reader: a request that arrived, read by the raw document alone, against the values that were meant.
import { isDeepStrictEqual } from 'node:util';
import {
  bareType,
  credentialNames,
  declaredBody,
  declaredParameters,
  type Declared,
  type DeclaredBody,
  type DeclaredParameter,
} from './declared.ts';
import { readMultipart, type ReadPart } from './multipart-reader.ts';
import {
  decodeForm,
  decodePart,
  loosen,
  readForm,
  readSimple,
  shapeOf,
  splitPairs,
  type Loose,
  type RawPair,
} from './styles.ts';
import { at, isTree, resolve, textAt, type Tree, type TreeObject } from './tree.ts';

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** What was meant: values by `in name`, and the body. */
export interface Meant {
  readonly parameters: ReadonlyMap<string, Tree>;
  readonly body: Tree;
}

const plainHeaders = new Set(
  'host connection user-agent accept accept-encoding accept-language sec-fetch-mode content-type content-length transfer-encoding authorization cookie'.split(
    ' ',
  ),
);

/** What of a request is not as meant; empty when all is. `base`: the path of the server, without its last slash. */
export function findDeviations(declared: Declared, arrived: Arrived, meant: Meant, base: string): string[] {
  const deviations: string[] = [];
  const parameters = declaredParameters(declared);
  const attempt = (what: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      deviations.push(`${what}: ${String(error)}`);
    }
  };
  const compare = (parameter: DeclaredParameter, got: Loose | undefined): void => {
    const expected = loosen(meant.parameters.get(`${parameter.in} ${parameter.name}`));
    if (!isDeepStrictEqual(got, expected))
      deviations.push(`${parameter.in} ${parameter.name}: ${brief(got)} instead of ${brief(expected)}`);
  };
  if (arrived.method !== declared.method) deviations.push(`method ${arrived.method}`);
  attempt('path', () => readPathPart(declared, parameters, arrived, meant, base, compare));
  attempt('query', () => deviations.push(...readQueryPart(declared, parameters, arrived, meant, compare)));
  attempt('headers', () => deviations.push(...readHeaderPart(declared, parameters, arrived, meant, compare)));
  attempt('body', () => deviations.push(...readBodyPart(declared, arrived, meant.body)));
  return deviations;
}

type Compare = (parameter: DeclaredParameter, got: Loose | undefined) => void;

function brief(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 120);
}

function of(parameters: readonly DeclaredParameter[], place: string): DeclaredParameter[] {
  return parameters.filter((one) => one.in === place);
}

function readPathPart(
  declared: Declared,
  parameters: readonly DeclaredParameter[],
  arrived: Arrived,
  meant: Meant,
  base: string,
  compare: Compare,
): void {
  const path = arrived.target.split('?', 1)[0] ?? '';
  if (!path.startsWith(base)) throw new Error(`${path} is not below ${base}`);
  const key = declared.key.split(/[?#]/, 1)[0]?.trim() ?? '';
  const template = key.startsWith('/') ? key : `/${key}`;
  const names: string[] = [];
  const pattern = template
    .split(/(\{[^{}]*\})/)
    .map((piece) => {
      if (!piece.startsWith('{')) return escapePattern(encodeURI(decodeURI(piece)));
      names.push(piece.slice(1, -1));
      return '([^/]+?)';
    })
    .join('');
  const match = new RegExp(`^${pattern}$`).exec(path.slice(base.length));
  if (match === null) throw new Error(`${path} does not fit ${template}`);
  for (const [index, name] of names.entries()) {
    const parameter = of(parameters, 'path').find((one) => one.name === name);
    if (parameter === undefined) continue;
    const sent = meant.parameters.get(`path ${name}`);
    compare(parameter, readSimple(match[index + 1] ?? '', parameter, sent, decodePart));
  }
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A query: fixed pairs of the path key, then parameters; maps without a name of their own come last. */
function readQueryPart(
  declared: Declared,
  parameters: readonly DeclaredParameter[],
  arrived: Arrived,
  meant: Meant,
  compare: Compare,
): string[] {
  const mark = arrived.target.indexOf('?');
  const pairs = splitPairs(mark < 0 ? '' : arrived.target.slice(mark + 1), '&');
  const fixed = splitPairs(declared.key.split('#', 1)[0]?.split('?')[1] ?? '', '&');
  const deviations: string[] = [];
  const fixedNames = new Set<string>();
  for (const { name, value } of fixed) {
    if (value.startsWith('{')) continue;
    fixedNames.add(name);
    const found = pairs.filter((pair) => pair.name === name);
    for (const pair of found) pair.used = true;
    if (found.length !== 1 || decodeForm(found[0]?.value ?? '') !== decodeForm(value))
      deviations.push(`fixed ${name}`);
  }
  const inQuery = of(parameters, 'query').filter(({ name }) => !fixedNames.has(name));
  readPairs(pairs, inQuery, 'query', meant, compare);
  const secret = credentialNames(declared.root);
  const left = pairs.filter((pair) => !pair.used && !secret.has(`query ${pair.name}`));
  return [...deviations, ...left.map((pair) => `undeclared in the query: ${pair.name}`)];
}

function readPairs(
  pairs: readonly RawPair[],
  parameters: readonly DeclaredParameter[],
  place: string,
  meant: Meant,
  compare: Compare,
): void {
  const isNameless = (one: DeclaredParameter): boolean =>
    one.explode &&
    one.style !== 'deepObject' &&
    one.media === null &&
    shapeOf(meant.parameters.get(`${place} ${one.name}`)) === 'map';
  const ordered = [...parameters.filter((one) => !isNameless(one)), ...parameters.filter(isNameless)];
  for (const parameter of ordered) {
    const sent = meant.parameters.get(`${place} ${parameter.name}`);
    const foreign = new Set(
      parameters.filter((one) => one !== parameter && !isNameless(one)).map((one) => one.name),
    );
    const others = parameters.filter((one) => one !== parameter && isNameless(one));
    // several maps without names: each takes the names that were sent in it
    const visible =
      others.length === 0 || !isNameless(parameter)
        ? pairs
        : pairs.filter((pair) => isTree(sent) && pair.name in sent);
    compare(
      parameter,
      sent === undefined ? absent(pairs, parameter.name) : readForm(visible, parameter, sent, foreign),
    );
  }
}

/** What was not sent must not be there. */
function absent(pairs: readonly RawPair[], name: string): Loose | undefined {
  const found = pairs.find((pair) => pair.name === name && !pair.used);
  return found && decodeForm(found.value);
}

function readHeaderPart(
  declared: Declared,
  parameters: readonly DeclaredParameter[],
  arrived: Arrived,
  meant: Meant,
  compare: Compare,
): string[] {
  const credentials = credentialNames(declared.root);
  const known = new Set(plainHeaders);
  for (const parameter of of(parameters, 'header')) {
    const name = parameter.name.toLowerCase();
    if (plainHeaders.has(name) || credentials.has(`header ${name}`)) continue;
    known.add(name);
    const text = arrived.headers.get(name);
    const sent = meant.parameters.get(`header ${parameter.name}`);
    compare(parameter, text === undefined ? undefined : readSimple(text, parameter, sent, (one) => one));
  }
  const cookies = of(parameters, 'cookie').filter(({ name }) => !credentials.has(`cookie ${name}`));
  readPairs(splitPairs(arrived.headers.get('cookie') ?? '', '; '), cookies, 'cookie', meant, compare);
  return [...arrived.headers.keys()]
    .filter((name) => !known.has(name) && !credentials.has(`header ${name}`))
    .map((name) => `undeclared header: ${name}`);
}

function readBodyPart(declared: Declared, { headers, body }: Arrived, meant: Tree): string[] {
  const declaredHere = declaredBody(declared);
  const type = headers.get('content-type');
  if (meant === undefined || declaredHere === null) {
    return body.length === 0 && type === undefined
      ? []
      : [`a body of ${type ?? 'no type'} that was not meant`];
  }
  if (type === undefined) return ['a body without a type'];
  const bare = bareType(type);
  const fits = declaredHere.types.some((one) => bareType(one) === bare || one.includes('*'));
  if (!fits) return [`the body is ${bare}, declared are ${declaredHere.types.join(', ')}`];
  const got = readBody(declared.root, declaredHere, type, body, meant);
  return isDeepStrictEqual(got.read, got.expected)
    ? got.deviations
    : [`body: ${brief(got.read)} instead of ${brief(got.expected)}`];
}

interface ReadBody {
  readonly read: unknown;
  readonly expected: unknown;
  readonly deviations: string[];
}

function readBody(root: Tree, declared: DeclaredBody, type: string, body: Buffer, meant: Tree): ReadBody {
  const same = (read: unknown, expected: unknown): ReadBody => ({ read, expected, deviations: [] });
  switch (declared.kind) {
    case 'json':
      return same(JSON.parse(body.toString('utf8')), JSON.parse(JSON.stringify(meant)));
    case 'text':
    case 'xml':
      return same(body.toString('utf8'), typeof meant === 'string' ? meant : JSON.stringify(meant));
    case 'binary':
      return same(body.toString('base64'), Buffer.from(String(meant), 'base64').toString('base64'));
    case 'form':
      return readFields(declared, body.toString('utf8'), meant);
    case 'multipart':
      return readParts(root, declared, readMultipart(body, type), meant);
    default:
      return declared.kind satisfies never;
  }
}

/** Fields of a form: lists repeated and maps as JSON, unless `encoding` states a style. */
function readFields(declared: DeclaredBody, text: string, meant: Tree): ReadBody {
  const pairs = splitPairs(text, '&');
  const fields = isTree(meant) ? meant : {};
  const names = Object.keys(fields);
  const read: TreeObject = {};
  for (const name of names) {
    const sent = fields[name];
    const stated = at(declared.encoding, name);
    const style = textAt(stated, 'style');
    const explode = at(stated, 'explode');
    const isMap = shapeOf(sent) === 'map';
    const media =
      textAt(stated, 'contentType') ?? (isMap && stated === undefined ? 'application/json' : null);
    const how = {
      name,
      style: style ?? 'form',
      explode: typeof explode === 'boolean' ? explode : (style ?? 'form') === 'form',
      media,
    };
    const foreign = new Set(names.filter((one) => one !== name));
    const got = readForm(pairs, how, sent, foreign);
    if (got !== undefined) read[name] = got;
  }
  const left = pairs.filter((pair) => !pair.used).map((pair) => `undeclared field: ${pair.name}`);
  return { read, expected: loosen(meant) ?? {}, deviations: left };
}

function readParts(root: Tree, declared: DeclaredBody, parts: readonly ReadPart[], meant: Tree): ReadBody {
  const fields = isTree(meant) ? meant : {};
  const deviations: string[] = [];
  const read: TreeObject = {};
  const expected: TreeObject = {};
  for (const [name, sent] of Object.entries(fields)) {
    const own = parts.filter((part) => part.name === name);
    // one text instead of fields: it is sent as a field
    const isText = textAt(resolve(root, declared.schema).value, 'type') === 'string';
    const schema = isText ? declared.schema : propertyOf(root, declared.schema, name, 0);
    const isFile = holdsFile(root, schema);
    if (isFile && own.some((part) => part.fileName === null))
      deviations.push(`the file ${name} has no file name`);
    const loose = loosen(sent);
    if (loose !== undefined) expected[name] = Array.isArray(sent) ? loose : [loose];
    const each = Array.isArray(sent) ? sent : [sent];
    const got = own.map((part, index) => readOnePart(part, isFile, each[index]));
    if (got.length > 0) read[name] = got;
  }
  const left = parts
    .filter((part) => !Object.hasOwn(fields, part.name))
    .map((part) => `undeclared part: ${part.name}`);
  return { read, expected, deviations: [...deviations, ...left] };
}

function readOnePart(part: ReadPart, isFile: boolean, sent: Tree): Loose {
  if (isFile) return part.content.toString('base64');
  const text = part.content.toString('utf8');
  const isJson = /json/i.test(part.type ?? '') || (typeof sent === 'object' && sent !== null);
  return isJson ? (loosen(JSON.parse(text)) ?? '') : text;
}

function propertyOf(root: Tree, schema: Tree, name: string, depth: number): Tree {
  const { value } = resolve(root, schema);
  if (!isTree(value) || depth > 6) return undefined;
  const own = at(value, 'properties', name);
  if (own !== undefined) return own;
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    const members = value[keyword];
    for (const one of Array.isArray(members) ? (members as Tree[]) : []) {
      const found = propertyOf(root, one, name, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Binary, or a list of it. */
function holdsFile(root: Tree, schema: Tree): boolean {
  const { value } = resolve(root, schema);
  if (!isTree(value)) return false;
  if (value['type'] === 'array') return holdsFile(root, value['items']);
  if (value['type'] === 'file' || value['format'] === 'binary') return true;
  const media = textAt(value, 'contentMediaType');
  if (media !== undefined && value['contentEncoding'] === undefined && !/json|^text\//i.test(media))
    return true;
  const members = [value['allOf'], value['anyOf'], value['oneOf']].find(Array.isArray);
  return Array.isArray(members) && members.some((one) => holdsFile(root, one));
}
