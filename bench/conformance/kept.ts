// Whether a function still says what the document says, at the place where it says it.
import { factKinds, type Fact, type FactKind } from './facts.ts';
import { entries, isTree, listAt, textAt, type Tree, type TreeObject } from './tree.ts';

/** A function as a model sees it, whoever made it. */
export interface ShownFunction {
  readonly name: string;
  readonly description: string;
  readonly parameters: Tree;
}

/** Where an argument of a function came from, so that renamed ones are found; `null`: it wraps others. */
export type Origin = { readonly of: 'parameter' | 'body'; readonly name: string | null };

export type Tally = Record<FactKind, { total: number; kept: number }>;

export function emptyTally(): Tally {
  return Object.fromEntries(factKinds.map((kind) => [kind, { total: 0, kept: 0 }])) as Tally;
}

export function addTally(sum: Tally, one: Tally): void {
  for (const kind of factKinds) {
    sum[kind].total += one[kind].total;
    sum[kind].kept += one[kind].kept;
  }
}

/** Where the top-level properties of a function came from; more than one answer where nobody knows. */
export type FindOrigins = (argument: string) => readonly Origin[];

/** Counts what is kept; what is not, is given to `onLoss`. */
export function tally(
  facts: readonly Fact[],
  shown: ShownFunction | null,
  origins: FindOrigins,
  onLoss: (fact: Fact) => void = () => {},
): Tally {
  const result = emptyTally();
  const nodes = shown === null ? new Map<string, TreeObject[]>() : indexNodes(shown, origins);
  const whole = normal(shown?.description ?? '');
  for (const fact of facts) {
    const entry = result[fact.kind];
    entry.total += 1;
    if (shown !== null && isKept(fact, nodes, whole)) entry.kept += 1;
    else onLoss(fact);
  }
  return result;
}

function isKept(fact: Fact, nodes: ReadonlyMap<string, TreeObject[]>, whole: string): boolean {
  if (fact.of === 'operation') return whole.includes(normal(String(fact.value)));
  const here = nodes.get(keyOf(fact.of, fact.chain)) ?? [];
  if (fact.kind === 'description') {
    const text = normal(String(fact.value));
    if (fact.chain.length === 0 && whole.includes(text)) return true;
    return here.some((node) => normal(textAt(node, 'description') ?? '').includes(text));
  }
  return here.some((node) => says(node, fact));
}

function says(node: TreeObject, { keyword, value }: Fact): boolean {
  const words = normal(textAt(node, 'description') ?? '');
  const json = JSON.stringify(value);
  if (keyword === 'enum') {
    const stated = 'const' in node ? [node['const']] : listAt(node, 'enum');
    const texts = new Set(stated.map(loosely));
    return (value as Tree[]).every((one) => texts.has(loosely(one)));
  }
  if (node[keyword] !== undefined && loosely(node[keyword]) === loosely(value)) return true;
  const exclusive =
    keyword === 'minimum' ? 'exclusiveMinimum' : keyword === 'maximum' ? 'exclusiveMaximum' : null;
  if (exclusive !== null && node[exclusive] === value) return true;
  // moved into the description (S2)
  return words.includes(normal(`${keyword}: ${typeof value === 'string' ? value : json}`));
}

/** `enum: [1]` beside `type: string` means "1". */
function loosely(value: Tree): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function keyOf(of: Fact['of'], chain: readonly string[]): string {
  return JSON.stringify([of, ...chain]);
}

const mostNodes = 400_000;

function indexNodes(shown: ShownFunction, origins: FindOrigins): Map<string, TreeObject[]> {
  const nodes = new Map<string, TreeObject[]>();
  let left = mostNodes;
  const walk = (node: Tree, of: Fact['of'], chain: readonly string[], above: readonly Tree[]): void => {
    if (!isTree(node) || left <= 0 || above.includes(node)) return;
    left -= 1;
    const key = keyOf(of, chain);
    const known = nodes.get(key);
    if (known) known.push(node);
    else nodes.set(key, [node]);
    const path = [...above, node];
    for (const [name, one] of entries(node['properties'])) walk(one, of, [...chain, name], path);
    const same = [
      node['items'],
      node['additionalProperties'],
      ...entries(node['patternProperties']).map(([, one]) => one),
      ...['allOf', 'anyOf', 'oneOf', 'prefixItems'].flatMap((keyword) => listAt(node, keyword)),
    ];
    for (const one of same) walk(one, of, chain, path);
  };
  for (const [name, one] of entries(isTree(shown.parameters) ? shown.parameters['properties'] : null)) {
    for (const origin of origins(name)) walk(one, origin.of, origin.name === null ? [] : [origin.name], []);
  }
  return nodes;
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Both sides alike: without HTML tags, entities (which may be written twice over), blanks and invisible characters (S1). */
function normal(text: string): string {
  let plain = text;
  for (let round = 0; round < 3; round += 1) {
    plain = plain
      .replaceAll(/<\/?[a-z][^<>]*>/gi, '')
      .replaceAll(/&(amp|lt|gt|quot|apos|nbsp);/gi, (_, name: string) => entities[name.toLowerCase()] ?? '')
      .replaceAll(/&#(\d{1,7});/g, (_, code: string) => codePoint(Number(code)))
      .replaceAll(/&#x([0-9a-f]{1,6});/gi, (_, code: string) => codePoint(Number.parseInt(code, 16)));
  }
  return plain.replaceAll(/[\s\p{Cc}\p{Cf}]/gu, '');
}

function codePoint(code: number): string {
  return String.fromCodePoint(Math.min(code, 0x10ffff));
}
