// The operations of one path item, found before they are read (`openapi.md` N6, D12).
import type { Json, JsonObject } from '../openai/chat.ts';
import type { Report } from '../openapi/diagnostic.ts';
import { pathMethods } from '../openapi/path-method.ts';
import type { References } from '../openapi/reference.ts';
import { entriesOf, isObject, member, pointerTo } from '../openapi/value.ts';

/** One operation before it is read: where it stands. */
export interface Site {
  /** The path key as the document writes it. */
  readonly key: string;
  /** Upper case. */
  readonly method: string;
  /** What holds for all operations of the path. */
  readonly item: JsonObject;
  readonly itemPointer: string;
  readonly written: JsonObject;
  readonly pointer: string;
}

/** The path item, a reference in it followed; what stands beside the reference overrides it (case 20). */
export function resolveItem(
  written: Json,
  pointer: string,
  references: References,
  report: Report,
): JsonObject | null {
  // of an empty one nothing is lost (D12)
  if (written === null) return null;
  const target = references.follow(written, pointer);
  if (target.kind === 'found') {
    if (isObject(target.value)) return isObject(written) ? { ...target.value, ...written } : target.value;
    report.warning('misplaced', pointer, 'A path leads to an object of methods; this one is left out.');
    return null;
  }
  report.warning(
    'ref-broken',
    pointer,
    `The reference ${target.reference} cannot be followed; the path is left out.`,
  );
  return isObject(written) ? written : null;
}

/** N6: the methods of a path item, 3.2's additional ones too. */
export function* findSites(
  key: string,
  item: JsonObject,
  itemPointer: string,
  report: Report,
): Generator<Site> {
  const seen = new Set<string>();
  const site = (name: string, written: Json, pointer: string): Site | null => {
    const method = name.toUpperCase();
    if (written === null) return null;
    if (isObject(written) && !seen.has(method)) {
      seen.add(method);
      return { key, method, item, itemPointer, written, pointer };
    }
    const why = seen.has(method) ? `the path has another ${method}` : 'it is no object';
    report.warning('misplaced', pointer, `The operation ${name} is left out: ${why}.`);
    return null;
  };
  for (const [name, written] of entriesOf(item)) {
    const isMethod = pathMethods.some((one) => one === name.toLowerCase());
    const found = isMethod ? site(name, written, pointerTo(itemPointer, name)) : null;
    if (found) yield found;
  }
  for (const [name, written] of entriesOf(member(item, 'additionalOperations'))) {
    const pointer = pointerTo(itemPointer, 'additionalOperations', name);
    const isMethod = /^[A-Za-z-]{1,20}$/.test(name);
    if (!isMethod)
      report.warning('misplaced', pointer, `${JSON.stringify(name)} is no method; it is left out.`);
    const found = isMethod ? site(name, written, pointer) : null;
    if (found) yield found;
  }
}
