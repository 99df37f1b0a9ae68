// What the raw document declares for one operation: parameters and body in one form for Swagger 2.0 and OpenAPI 3.x.
import { at, entries, isTree, listAt, resolve, textAt, type Tree, type TreeObject } from './tree.ts';

export type Place = 'path' | 'query' | 'header' | 'cookie';

/** One operation where it stands. */
export interface Declared {
  readonly root: Tree;
  /** `GET`. */
  readonly method: string;
  /** The path as the document writes it. */
  readonly key: string;
  readonly item: TreeObject;
  readonly operation: TreeObject;
  /** 2.0, 3.0: beside a reference only a description counts. */
  readonly strictReferences: boolean;
  readonly isSwagger: boolean;
}

/** A parameter that is sent in path, query, header or cookie. */
export interface DeclaredParameter {
  readonly name: string;
  readonly in: Place;
  readonly description: string;
  readonly schema: Tree;
  readonly style: string;
  readonly explode: boolean;
  /** Media type of a parameter with `content`. */
  readonly media: string | null;
}

/** The body in the one media type that is preferred of those declared. */
export interface DeclaredBody {
  readonly types: readonly string[];
  readonly kind: 'json' | 'form' | 'multipart' | 'text' | 'binary' | 'xml';
  readonly description: string;
  readonly schema: Tree;
  readonly encoding: Tree;
}

const methods = ['get', 'put', 'post', 'delete', 'patch', 'head', 'query', 'options', 'trace'];

/** The operations of a document that can be called at all: those whose path stays on its host. */
export function declaredOperations(root: Tree): Declared[] {
  const isSwagger =
    at(root, 'swagger') !== undefined ||
    (at(root, 'openapi') === undefined && at(root, 'definitions') !== undefined);
  const version = JSON.stringify(at(root, 'openapi') ?? '').replaceAll(/["'\s]/g, '');
  const strictReferences = isSwagger || !/^3\.[12]/.test(version);
  const found: Declared[] = [];
  for (const [key, written] of entries(at(root, 'paths'))) {
    if (key.startsWith('x-')) continue;
    const target = resolve(root, written).value;
    const item = isTree(target) ? { ...target, ...(isTree(written) ? written : {}) } : written;
    if (!isTree(item)) continue;
    const sites = [...entries(item), ...entries(item['additionalOperations'])];
    for (const [name, operation] of sites) {
      const known =
        methods.includes(name.toLowerCase()) || at(item, 'additionalOperations', name) !== undefined;
      if (!known || !isTree(operation)) continue;
      const method = name.toUpperCase();
      found.push({ root, method, key, item, operation, strictReferences, isSwagger });
    }
  }
  return found;
}

/** `GET /path`, as the document writes it: the name of an operation between the parts of this program. */
export function siteOf({ method, key }: Pick<Declared, 'method' | 'key'>): string {
  return `${method} ${key}`;
}

interface Written {
  readonly name: string;
  readonly in: string;
  readonly value: TreeObject;
}

/** Path-level parameters first; the operation's own override them by name and place. */
function writtenParameters(declared: Declared): Written[] {
  const { root, item, operation } = declared;
  const found = new Map<string, Written>();
  for (const one of [...listAt(item, 'parameters'), ...listAt(operation, 'parameters')]) {
    const { value } = resolve(root, one);
    const name = textAt(value, 'name');
    if (!isTree(value) || name === undefined || name === '') continue;
    const place = textAt(value, 'in') ?? (declared.key.includes(`{${name}}`) ? 'path' : 'query');
    found.set(`${place} ${place === 'header' ? name.toLowerCase() : name}`, { name, in: place, value });
  }
  return [...found.values()];
}

/** The variables in the path part of a key. */
function pathVariables(key: string): string[] {
  const path = key.split(/[?#]/, 1)[0] ?? '';
  return [...new Set(Array.from(path.matchAll(/\{([^{}]+)\}/g), (match) => match[1] ?? ''))];
}

/** Every parameter that a request carries, undeclared path variables too. */
export function declaredParameters(declared: Declared): DeclaredParameter[] {
  const variables = pathVariables(declared.key);
  const inQuery = queryVariables(declared.key);
  const found: DeclaredParameter[] = [];
  for (const { name, in: place, value } of writtenParameters(declared)) {
    if (place !== 'path' && place !== 'query' && place !== 'header' && place !== 'cookie') continue;
    const moved = place === 'path' && !variables.includes(name);
    if (moved && !inQuery.has(name)) continue;
    const own = readParameter(name, place, value, declared.isSwagger);
    found.push(
      moved || inQuery.has(name)
        ? { ...own, name: inQuery.get(name) ?? name, in: 'query', style: 'form', explode: true }
        : own,
    );
  }
  const has = (name: string, place: Place) => found.some((one) => one.name === name && one.in === place);
  for (const name of variables) if (!has(name, 'path')) found.push(undeclared(name, 'path'));
  for (const name of inQuery.values()) if (!has(name, 'query')) found.push(undeclared(name, 'query'));
  return found;
}

/** `?q={x}` in a path key: variable -> query name. */
function queryVariables(key: string): Map<string, string> {
  const query = key.split('#', 1)[0]?.split('?')[1] ?? '';
  const found = new Map<string, string>();
  for (const pair of query.split('&')) {
    const match = /^([^=]*)=\{([^{}]+)\}$/.exec(pair);
    if (match) found.set(match[2] ?? '', match[1] ?? '');
  }
  return found;
}

function undeclared(name: string, place: Place): DeclaredParameter {
  const style = place === 'path' ? 'simple' : 'form';
  return { name, in: place, description: '', schema: { type: 'string' }, style, explode: false, media: null };
}

const collectionStyles: Record<string, string> = {
  ssv: 'spaceDelimited',
  pipes: 'pipeDelimited',
  tsv: 'tab',
};

function readParameter(name: string, place: Place, value: TreeObject, isSwagger: boolean): DeclaredParameter {
  const normal = place === 'path' || place === 'header' ? 'simple' : 'form';
  const description = textAt(value, 'description') ?? '';
  if (isSwagger) {
    const format = textAt(value, 'collectionFormat') ?? 'csv';
    const style = collectionStyles[format] ?? normal;
    const { description: _, name: __, in: ___, required: ____, ...schema } = value;
    return { name, in: place, description, schema, style, explode: format === 'multi', media: null };
  }
  const [media, content] = entries(value['content'])[0] ?? [null, null];
  const style = textAt(value, 'style') ?? normal;
  const explode = at(value, 'explode');
  const isContent = media !== null && value['schema'] === undefined;
  return {
    name,
    in: place,
    description,
    schema: isContent ? at(content, 'schema') : (value['schema'] ?? liftedSchema(value)),
    style,
    explode: typeof explode === 'boolean' ? explode : style === 'form',
    media: isContent ? media : null,
  };
}

/** Authors write `type` and the like beside where `schema` should stand. */
function liftedSchema(value: TreeObject): TreeObject {
  const known = [
    'type',
    'format',
    'enum',
    'default',
    'items',
    'minimum',
    'maximum',
    'pattern',
    'minLength',
    'maxLength',
  ];
  return Object.fromEntries(Object.entries(value).filter(([keyword]) => known.includes(keyword)));
}

type Kind = DeclaredBody['kind'];
const preferred: readonly [Kind, (type: string) => boolean][] = [
  ['json', (type) => type === 'application/json'],
  ['json', (type) => type.endsWith('+json') || type === 'text/json'],
  ['json', (type) => type === '*/*' || type === 'application/*' || type === '*'],
  ['form', (type) => type === 'application/x-www-form-urlencoded'],
  ['multipart', (type) => type.startsWith('multipart/')],
  ['text', (type) => type.startsWith('text/') && type !== 'text/xml'],
  ['binary', (type) => type === 'application/octet-stream'],
  ['xml', (type) => type.endsWith('/xml') || type.endsWith('+xml')],
  ['binary', () => true],
];

/** The media type alone, in lower case. */
export function bareType(type: string): string {
  return (type.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function choose(types: readonly string[]): { kind: Kind; type: string } | null {
  for (const [kind, matches] of preferred) {
    const type = types.find((one) => matches(bareType(one)));
    if (type !== undefined) return { kind, type };
  }
  return null;
}

/** The body, `null` where none is declared. */
export function declaredBody(declared: Declared): DeclaredBody | null {
  const { root, operation, isSwagger } = declared;
  const loose = writtenParameters(declared).filter((one) => one.in === 'body' || one.in === 'formData');
  if (isSwagger || (operation['requestBody'] === undefined && loose.length > 0)) {
    return looseBody(
      declared,
      loose.map((one) => one.value),
    );
  }
  const { value } = resolve(root, operation['requestBody']);
  if (!isTree(value)) return null;
  const content = at(value, 'content');
  const description = textAt(value, 'description') ?? '';
  const chosen = choose(entries(content).map(([type]) => type));
  if (chosen === null) {
    const schema = value['schema'];
    if (schema === undefined) return null;
    return { types: ['application/json'], kind: 'json', description, schema, encoding: {} };
  }
  const media = at(content, chosen.type);
  const types = entries(content).map(([type]) => type);
  return {
    types,
    kind: chosen.kind,
    description,
    schema: at(media, 'schema') ?? {},
    encoding: at(media, 'encoding') ?? {},
  };
}

/** Swagger 2.0: one body parameter, or the fields of a form. */
function looseBody(
  { root, operation, isSwagger }: Declared,
  values: readonly TreeObject[],
): DeclaredBody | null {
  const consumes = [
    ...listAt(operation, 'consumes'),
    ...(operation['consumes'] ? [] : listAt(root, 'consumes')),
  ];
  const types = consumes.filter((type) => typeof type === 'string');
  const whole = values.find((value) => value['in'] === 'body');
  if (whole) {
    const chosen = isSwagger ? choose(types) : null;
    const description = textAt(whole, 'description') ?? '';
    const offered = types.length > 0 && isSwagger ? types : ['application/json'];
    return {
      types: offered,
      kind: chosen?.kind ?? 'json',
      description,
      schema: whole['schema'] ?? {},
      encoding: {},
    };
  }
  if (values.length === 0) return null;
  const properties: TreeObject = {};
  const encoding: TreeObject = {};
  for (const value of values) {
    const { name, in: _, required: __, collectionFormat, schema, ...rest } = value;
    properties[String(name)] = schema ?? rest;
    const list = rest['type'] === 'array' && isSwagger;
    if (list)
      encoding[String(name)] = {
        style: collectionStyles[String(collectionFormat)] ?? 'form',
        explode: collectionFormat === 'multi',
      };
  }
  const forms = types.filter((type) => isForm(bareType(type)));
  const hasFile = values.some((value) => value['type'] === 'file');
  const wantsParts = forms.length > 0 && !forms.some((type) => bareType(type).endsWith('urlencoded'));
  const isMultipart = hasFile || wantsParts;
  return {
    types: [isMultipart ? 'multipart/form-data' : 'application/x-www-form-urlencoded'],
    kind: isMultipart ? 'multipart' : 'form',
    description: '',
    schema: { type: 'object', properties },
    encoding,
  };
}

function isForm(type: string): boolean {
  return type === 'multipart/form-data' || type === 'application/x-www-form-urlencoded';
}

/** Header and parameter names that hold credentials: no model fills them. */
export function credentialNames(root: Tree): Set<string> {
  const schemes = [
    ...entries(at(root, 'components', 'securitySchemes')),
    ...entries(at(root, 'securityDefinitions')),
  ];
  const names = new Set<string>();
  for (const [, written] of schemes) {
    const { value } = resolve(root, written);
    if (textAt(value, 'type')?.toLowerCase() !== 'apikey') continue;
    const place = textAt(value, 'in') ?? '';
    const name = textAt(value, 'name') ?? '';
    names.add(`${place} ${place === 'header' ? name.toLowerCase() : name}`);
  }
  return names;
}

const gatewayHeaders = new Set(
  `accept authorization connection content-length content-type cookie expect forwarded host keep-alive te trailer
  transfer-encoding upgrade via`.split(/\s+/),
);

/** Whether the model may fill a parameter: what HTTP, the gateway or a security scheme decides, it may not (N10, A6). */
export function isModels(parameter: DeclaredParameter, credentials: ReadonlySet<string>): boolean {
  const name = parameter.in === 'header' ? parameter.name.toLowerCase() : parameter.name;
  if (credentials.has(`${parameter.in} ${name}`)) return false;
  if (parameter.in !== 'header') return true;
  return !gatewayHeaders.has(name) && !/^(?:proxy-|x-forwarded-|x-plugin)/.test(name);
}
