// A configuration against its schema: which keys and values are wrong, said in words.
import { Validator, type OutputUnit } from '@cfworker/json-schema';
import type { ConfigProblem } from './problem.ts';

interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly description?: string;
  readonly examples?: readonly string[];
  readonly [keyword: string]: unknown;
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
  null: 'nothing',
};

/** These report that something below them failed, which is reported too. */
const containers = new Set(['properties', 'items', 'additionalProperties']);

/** All faults of a value, in the order of the schema; none when it is valid. */
export function validateConfig(schema: object, value: unknown): ConfigProblem[] {
  const { errors } = new Validator(schema, '2020-12', false).validate(value);
  const unions = errors
    .filter((error) => error.keyword === 'anyOf')
    .map((error) => `${error.keywordLocation}/`);
  return errors
    .filter((error) => !containers.has(error.keyword))
    .filter((error) => !unions.some((union) => error.keywordLocation.startsWith(union)))
    .map((error) => ({
      pointer: decodeURI(error.instanceLocation.slice(1)),
      message: explain(schema as SchemaNode, value, error),
    }));
}

function explain(schema: SchemaNode, value: unknown, error: OutputUnit): string {
  if (error.keyword === 'false') return unknownKey(schema, error);
  const node = followPointer(schema, error.keywordLocation.split('/').slice(1, -1)) as SchemaNode;
  const limit = node[error.keyword];
  const example = node.examples?.[0];
  switch (error.keyword) {
    case 'type':
      return `must be ${typeWords(node.type)}, is ${actual(value, error)}`;
    case 'required':
      return `lacks ${requiredKeys(limit, value, error)}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${String(limit)} characters`;
    case 'minimum':
      return `must be at least ${String(limit)}`;
    case 'exclusiveMinimum':
      return `must be more than ${String(limit)}`;
    case 'maximum':
      return `must be at most ${String(limit)}`;
    case 'enum':
      return `must be one of ${(limit as unknown[]).join(', ')}`;
    case 'pattern':
      return `has the wrong form${example === undefined ? '' : `; write it like ${example}`}`;
    default:
      return `is not valid${node.description === undefined ? '' : `: ${node.description}`}`;
  }
}

function typeWords(type: SchemaNode['type']): string {
  const names = typeof type === 'string' ? [type] : (type ?? []);
  return names.map((name) => words[name] ?? name).join(' or ');
}

function actual(root: unknown, error: OutputUnit): string {
  const value = followPointer(root, pointerKeys(error));
  if (value === null) return 'empty';
  return words[Array.isArray(value) ? 'array' : typeof value] ?? typeof value;
}

function requiredKeys(required: unknown, root: unknown, error: OutputUnit): string {
  const value = followPointer(root, pointerKeys(error)) as object;
  const missing = (required as string[]).filter((key) => !Object.hasOwn(value, key));
  return missing.map((key) => `"${key}"`).join(' and ');
}

function unknownKey(schema: SchemaNode, error: OutputUnit): string {
  const keys = pointerKeys(error);
  const key = keys.pop() ?? '';
  const known = Object.keys(schemaAt(schema, keys)?.properties ?? {});
  const near = nearest(key, known);
  return `unknown key${near === null ? `; known here: ${known.join(', ')}` : `; did you mean "${near}"?`}`;
}

/** The part of the schema that speaks about a value. */
function schemaAt(schema: SchemaNode, keys: readonly string[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = schema;
  for (const key of keys) {
    const properties: SchemaNode['properties'] = node?.properties;
    const next: unknown =
      properties && Object.hasOwn(properties, key)
        ? properties[key]
        : (node?.['items'] ?? node?.['additionalProperties']);
    node = typeof next === 'object' && next !== null ? (next as SchemaNode) : undefined;
  }
  return node;
}

function pointerKeys(error: OutputUnit): string[] {
  return decodeURI(error.instanceLocation)
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function followPointer(root: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    root,
  );
}

/** The known key that is at most two typing slips away. */
function nearest(key: string, known: readonly string[]): string | null {
  const near = known
    .map((name) => ({ name, slips: editDistance(key.slice(0, 40).toLowerCase(), name.toLowerCase()) }))
    .filter(({ slips }) => slips <= 2)
    .toSorted((a, b) => a.slips - b.slips);
  return near[0]?.name ?? null;
}

/** Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [line, letter] of Array.from(from).entries()) {
    const next = [line + 1];
    for (const [at, other] of Array.from(to).entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
