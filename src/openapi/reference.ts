// Follows references inside one document: lazily, in bounds, never out of it (`openapi.md` F1 to F6).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isObject, member, pointerSteps, pointerTo, textMember } from './value.ts';

/** Where a reference leads. `broken`: nothing is there; `external`: it leaves the document and is never opened. */
export type Target =
  | { readonly kind: 'found'; readonly value: Json; readonly pointer: string }
  | { readonly kind: 'broken' | 'external' | 'cycle'; readonly reference: string };

/** Follows references within one document. */
export interface References {
  /** One step. */
  find(reference: string): Target;
  /** The value itself, or what its chain of references ends in (F4). */
  follow(value: Json, pointer: string): Target;
}

/** A chain of plain references longer than this is treated as a cycle. */
const longestChain = 100;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The references of a document. Anchors are collected at the first one asked for. */
export function createReferences(root: JsonObject): References {
  let anchors: Map<string, Target> | undefined;

  function find(reference: string): Target {
    if (!reference.startsWith('#')) return { kind: 'external', reference };
    const fragment = decode(reference.slice(1));
    if (fragment !== '' && !fragment.startsWith('/')) {
      anchors ??= collectAnchors(root);
      return anchors.get(fragment) ?? { kind: 'broken', reference };
    }
    let value: Json | undefined = root;
    for (const step of pointerSteps(fragment)) value = member(value, step);
    return value === undefined ? { kind: 'broken', reference } : { kind: 'found', value, pointer: fragment };
  }

  function follow(value: Json, pointer: string): Target {
    let at: Target = { kind: 'found', value, pointer };
    for (let step = 0; step < longestChain; step += 1) {
      const reference: Json | undefined = member(at.value, '$ref');
      if (typeof reference !== 'string') return at;
      const next = find(reference);
      if (next.kind !== 'found') return next;
      at = next;
    }
    return { kind: 'cycle', reference: textMember(value, '$ref') ?? '' };
  }

  return { find, follow };
}

/** All `$anchor` and `$dynamicAnchor` of a document, without recursion; the first of a name wins. */
function collectAnchors(root: JsonObject): Map<string, Target> {
  const anchors = new Map<string, Target>();
  const seen = new Set<Json>();
  const waiting: [Json, string][] = [[root, '']];
  for (const [value, pointer] of waiting) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const name of ['$anchor', '$dynamicAnchor']) {
      const anchor = member(value, name);
      if (typeof anchor === 'string' && !anchors.has(anchor))
        anchors.set(anchor, { kind: 'found', value, pointer });
    }
    for (const [name, below] of Object.entries(value)) {
      if (isObject(below) || Array.isArray(below)) waiting.push([below, pointerTo(pointer, name)]);
    }
  }
  return anchors;
}
