// The separate counter: what a raw document says about everything that a model may send in one operation.
import { credentialNames, declaredBody, declaredParameters, isModels, type Declared } from './declared.ts';
import { at, entries, isTree, listAt, resolve, textAt, type Tree, type TreeObject } from './tree.ts';

export type FactKind = 'operation text' | 'description' | 'enum' | 'default' | 'format' | 'constraint';
export const factKinds: readonly FactKind[] = [
  'operation text',
  'description',
  'enum',
  'default',
  'format',
  'constraint',
];

/** One thing that the document says. */
export interface Fact {
  readonly kind: FactKind;
  readonly keyword: string;
  readonly value: Tree;
  /** `operation`, or where the value goes. */
  readonly of: 'operation' | 'parameter' | 'body';
  /** Names of parameter and properties from the outside in; lists, maps and unions on the way have no name. */
  readonly chain: readonly string[];
}

const constraints = [
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
];

/** A schema beyond this size is cut (F7): what lies behind is not counted. */
const mostNodes = 20_000;

interface Walk {
  readonly declared: Declared;
  readonly of: Fact['of'];
  readonly facts: Fact[];
  left: number;
}

/** Everything that the document says of one operation's input. */
export function factsOf(declared: Declared, overridden: ReadonlySet<string> = new Set()): Fact[] {
  const facts: Fact[] = [];
  const operationText = (value: Tree): void => {
    if (typeof value === 'string' && value.trim() !== '')
      facts.push({ kind: 'operation text', keyword: 'description', value, of: 'operation', chain: [] });
  };
  const { operation, item } = declared;
  operationText(operation['summary'] ?? item['summary']);
  operationText(operation['description'] ?? item['description']);
  const credentials = credentialNames(declared.root);
  const budget = { left: mostNodes };
  for (const parameter of declaredParameters(declared)) {
    if (!isModels(parameter, credentials) || overridden.has(parameter.name)) continue;
    const walk: Walk = { declared, of: 'parameter', facts, left: budget.left };
    addText(walk, parameter.description, [parameter.name]);
    walkSchema(walk, parameter.schema, [parameter.name], []);
    budget.left = walk.left;
  }
  const body = declaredBody(declared);
  if (body === null) return facts;
  const walk: Walk = { declared, of: 'body', facts, left: budget.left };
  addText(walk, body.description, []);
  // text, bytes and XML are one argument: their schema describes what is inside them
  if (['json', 'form', 'multipart'].includes(body.kind)) {
    // one text instead of fields: it is sent as a field
    const isText = textAt(resolve(declared.root, body.schema).value, 'type') === 'string';
    walkSchema(walk, body.schema, body.kind === 'multipart' && isText ? ['file'] : [], []);
  }
  return facts.filter((fact) => fact.of !== 'body' || !overridden.has(fact.chain[0] ?? ''));
}

function addText(walk: Walk, text: Tree, chain: readonly string[]): void {
  if (typeof text !== 'string' || text.trim() === '') return;
  walk.facts.push({ kind: 'description', keyword: 'description', value: text, of: walk.of, chain });
}

/** The node itself: a reference followed, with what may stand beside it (F5). */
function effective(
  walk: Walk,
  node: TreeObject,
  trail: readonly string[],
): { node: TreeObject; trail: string[] } | null {
  if (typeof node['$ref'] !== 'string') return { node, trail: [...trail] };
  const target = resolve(walk.declared.root, node);
  if (!isTree(target.value) || target.trail.some((reference) => trail.includes(reference))) return null;
  const { $ref: _, ...beside } = node;
  const text = typeof beside['description'] === 'string' ? { description: beside['description'] } : {};
  const over = walk.declared.strictReferences ? text : beside;
  return { node: { ...target.value, ...over }, trail: [...trail, ...target.trail] };
}

function walkSchema(walk: Walk, written: Tree, chain: readonly string[], above: readonly string[]): void {
  if (!isTree(written) || walk.left <= 0) return;
  walk.left -= 1;
  const found = effective(walk, written, above);
  if (found === null) return;
  const { node, trail } = found;
  addText(walk, node['description'], chain);
  addValues(walk, node, chain);
  for (const [name, property] of entries(node['properties'])) {
    if (!isReadOnly(walk, property)) walkSchema(walk, property, [...chain, name], trail);
  }
  const items = node['items'];
  const same = [
    ...(Array.isArray(items) ? items : [items]),
    node['additionalProperties'],
    ...entries(node['patternProperties']).map(([, one]) => one),
    ...['allOf', 'anyOf', 'oneOf', 'prefixItems'].flatMap((keyword) => listAt(node, keyword)),
  ];
  for (const one of same) walkSchema(walk, one, chain, trail);
}

function isReadOnly(walk: Walk, property: Tree): boolean {
  if (at(property, 'readOnly') === true) return true;
  return at(resolve(walk.declared.root, property).value, 'readOnly') === true;
}

function addValues(walk: Walk, node: TreeObject, chain: readonly string[]): void {
  const { facts, of } = walk;
  const values = listAt(node, 'enum').filter((value) => value !== null);
  if (values.length > 0) facts.push({ kind: 'enum', keyword: 'enum', value: values, of, chain });
  if (node['const'] !== undefined && node['const'] !== null)
    facts.push({ kind: 'enum', keyword: 'enum', value: [node['const']], of, chain });
  // null says "none": an argument that is left out
  if (node['default'] !== undefined && node['default'] !== null)
    facts.push({ kind: 'default', keyword: 'default', value: node['default'], of, chain });
  const format = textAt(node, 'format');
  if (format) facts.push({ kind: 'format', keyword: 'format', value: format, of, chain });
  for (const keyword of constraints) {
    const value = node[keyword];
    const says =
      typeof value === 'number' ||
      (keyword === 'pattern' && typeof value === 'string') ||
      (keyword === 'uniqueItems' && value === true);
    // 3.0: `exclusiveMinimum: true` belongs to the bound beside it, which says both in 3.1's form
    if (says) facts.push({ kind: 'constraint', keyword, value, of, chain });
  }
}
