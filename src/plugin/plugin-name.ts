// One name per plugin: who keeps a name that several want (M6).
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';

/** What the choice depends on. */
export interface NamedSource {
  /** The name that the manifest wants. */
  readonly name: string;
  readonly source: string;
}

/** A unique name, and what there is to say about it. */
export interface UniqueName {
  readonly name: string;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Gives every source its unique name, in the order given. Of those that want the same name (compared as in function
 * names, without regard to case), the file `<name>.json` keeps it, else the first source in lexical order; the others
 * get `<name>_<hash of their source>`, whatever else is installed.
 */
export function uniqueNames(sources: readonly NamedSource[]): UniqueName[] {
  const groups = Map.groupBy(sources, (one) => comparable(one.name));
  const taken = new Set(groups.keys());
  const names = new Map<NamedSource, UniqueName>();
  for (const group of groups.values()) {
    const keeper = keeperOf(group);
    for (const one of group) {
      names.set(one, one === keeper ? { name: one.name, diagnostics: [] } : renamed(one, keeper, taken));
    }
  }
  return sources.map((one) => names.get(one) ?? { name: one.name, diagnostics: [] });
}

function comparable(name: string): string {
  return name
    .replace(/[^A-Za-z0-9_-]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
}

function keeperOf(group: readonly NamedSource[]): NamedSource | undefined {
  const sorted = group.toSorted((a, b) => (a.source < b.source ? -1 : 1));
  return sorted.find((one) => basename(one.source) === `${one.name}.json`) ?? sorted[0];
}

function renamed(one: NamedSource, keeper: NamedSource | undefined, taken: Set<string>): UniqueName {
  const hash = createHash('sha256').update(one.source).digest('hex');
  let length = 4;
  while (taken.has(comparable(`${one.name}_${hash.slice(0, length)}`)) && length < hash.length) length += 1;
  const name = `${one.name}_${hash.slice(0, length)}`;
  taken.add(comparable(name));
  const report = createReport(one.source);
  report.warning(
    'name-duplicate',
    '/name_for_model',
    `The name "${one.name}" belongs to ${keeper?.source ?? 'another plugin'}; this plugin is called "${name}". ` +
      'Settings and grants of the plain name do not hold for it.',
  );
  return { name, diagnostics: report.diagnostics };
}
