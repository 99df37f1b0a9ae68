// A document as its author wrote it, read without a line of the product's code: what the counters and readers start from.
import { parse } from 'yaml';

/** Any value of a parsed document. */
export type Tree = unknown;
export type TreeObject = Record<string, unknown>;

export function isTree(value: Tree): value is TreeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own member at the end of a walk through objects and arrays. */
export function at(value: Tree, ...steps: readonly (string | number)[]): Tree {
  let here = value;
  for (const step of steps) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as TreeObject)[step];
  }
  return here;
}

export function textAt(value: Tree, ...steps: readonly (string | number)[]): string | undefined {
  const found = at(value, ...steps);
  return typeof found === 'string' ? found : undefined;
}

export function listAt(value: Tree, ...steps: readonly (string | number)[]): readonly Tree[] {
  const found = at(value, ...steps);
  return Array.isArray(found) ? found : [];
}

export function entries(value: Tree): [string, Tree][] {
  return isTree(value) ? Object.entries(value) : [];
}

/** JSON, or YAML by another parser than the product's first; a broken text gets one repair, as its author would make. */
export function parseTree(text: string): Tree {
  const plain = text.replace(/^\uFEFF/, '');
  if (/^\s*[[{]/.test(plain)) {
    try {
      return JSON.parse(plain) as Tree;
    } catch {
      // YAML in the shape of JSON
    }
  }
  const options = { merge: true, uniqueKeys: false, strict: false, logLevel: 'silent' } as const;
  try {
    return parse(plain, options) as Tree;
  } catch {
    const repaired = plain.replaceAll(/(?![\t\n\r])\p{Cc}/gu, '').replaceAll('\t', '  ');
    return parse(repaired, options) as Tree;
  }
}

/** What a chain of references ends in, with the pointers on the way; `undefined` where it leads nowhere. */
export function resolve(root: Tree, value: Tree): { value: Tree; trail: readonly string[] } {
  const trail: string[] = [];
  let here = value;
  for (let step = 0; step < 50; step += 1) {
    const reference = textAt(here, '$ref');
    if (reference === undefined) return { value: here, trail };
    trail.push(reference);
    here = lookUp(root, reference);
  }
  return { value: undefined, trail };
}

function lookUp(root: Tree, reference: string): Tree {
  if (!reference.startsWith('#')) return undefined;
  const fragment = unescapePercent(reference.slice(1));
  if (fragment !== '' && !fragment.startsWith('/')) return findAnchor(root, fragment);
  const steps = fragment.split('/').slice(1);
  return at(root, ...steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')));
}

function findAnchor(value: Tree, name: string): Tree {
  if (typeof value !== 'object' || value === null) return undefined;
  if (textAt(value, '$anchor') === name) return value;
  for (const below of Object.values(value)) {
    const found = findAnchor(below, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unescapePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
