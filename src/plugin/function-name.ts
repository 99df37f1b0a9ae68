// Names of functions: legal for every model, unique over all plugins, independent of order (`openapi.md` N1 to N5).
import { createHash } from 'node:crypto';
import { pointerSteps } from '../openapi/value.ts';
import { legalName, pathName } from './legal-name.ts';
import type { Operation } from './operation.ts';

/** An operation and the `name_for_model` of its plugin. */
export interface NamedOperation {
  readonly plugin: string;
  readonly operation: Operation;
}

const longest = 64;
const digits = 'abcdefghijklmnopqrstuvwxyz234567';

/** N3: base32 of SHA-256 over what the operation is, not where it stands in a list. */
function suffixOf({ plugin, operation }: NamedOperation, length: number): string {
  // the key as written: `/x?a=1` and `/x?a=2` are two operations of one path
  const key = pointerSteps(operation.pointer)[1] ?? operation.path;
  const hash = createHash('sha256').update(`${plugin}\n${operation.method}\n${key}`).digest();
  let suffix = '';
  for (const byte of hash.subarray(0, length)) suffix += digits[byte & 31];
  return suffix;
}

/** N2: Gemini wants a letter or `_` first. */
function startLegally(name: string): string {
  return /^[A-Za-z_]/.test(name) ? name : `_${name}`;
}

function prefixOf(plugin: string): string {
  const prefix = startLegally(legalName(plugin) || 'plugin');
  return prefix.toLowerCase() === 'gateway' ? `${prefix}_plugin` : prefix;
}

function withSuffix(name: string, entry: NamedOperation, length: number): string {
  return `${name.slice(0, longest - 1 - length)}_${suffixOf(entry, length)}`;
}

function plainName(entry: NamedOperation): string {
  const { operation } = entry;
  const prefix = prefixOf(entry.plugin);
  const id = legalName(operation.id) || pathName(operation.method, operation.path);
  const name = `${prefix}__${id}`;
  return name.length <= longest ? name : withSuffix(`${prefix.slice(0, 24)}__${id}`, entry, 6);
}

/**
 * The function names of operations, in the order of the entries; the same whatever that order is. Names that would be
 * equal but for case all get a suffix made of their content (N4).
 */
export function nameFunctions(entries: readonly NamedOperation[]): string[] {
  const plain = entries.map(plainName);
  const used = countNames(plain);
  let names = plain.map((name, index) => {
    const entry = entries[index];
    return entry && (used.get(name.toLowerCase()) ?? 0) > 1 ? withSuffix(name, entry, 6) : name;
  });
  // six characters of a hash may meet again, or a name may look like one with a suffix
  for (const length of [12, 24]) {
    const counts = countNames(names);
    names = names.map((name, index) => {
      const entry = entries[index];
      return entry && (counts.get(name.toLowerCase()) ?? 0) > 1
        ? withSuffix(plain[index] ?? name, entry, length)
        : name;
    });
  }
  return names;
}

function countNames(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  return counts;
}
