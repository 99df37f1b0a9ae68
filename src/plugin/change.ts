// What a changed remote plugin would do that the approved one does not: what an operator wants to be asked about.
import type { Candidate } from './candidate.ts';
import type { Operation } from './operation.ts';

/** Why a change is not adopted without approval (D10). */
export interface ChangeReason {
  readonly code: 'origin' | 'authentication' | 'consequential' | 'name' | 'changed';
  readonly message: string;
}

/** A changed version that waits for approval. Hashes are SHA-256 over all fetched texts of a version. */
export interface WaitingChange {
  readonly hash: string;
  /** Of the version that serves meanwhile. */
  readonly approved: string;
  /** When it was first seen, ISO 8601. */
  readonly since: string;
  readonly reasons: readonly ChangeReason[];
}

/** A version of a plugin, loaded. */
export interface JudgedPlugin {
  readonly candidate: Pick<Candidate, 'name' | 'manifest'>;
  /** The document's file or URL. */
  readonly document: string | null;
  readonly operations: readonly Operation[];
}

const harmless = new Set(['GET', 'HEAD', 'QUERY']);
/** A hostile change may have a thousand reasons. */
const mostListed = 20;

/** What `changes: safe` does not adopt; empty for a change that may be adopted. */
export function judgeChange(approved: JudgedPlugin, changed: JudgedPlugin): ChangeReason[] {
  return [
    ...judgeName(approved, changed),
    ...judgeOrigins(approved, changed),
    ...judgeAuthentication(approved, changed),
    ...judgeConsequences(approved.operations, changed.operations),
  ];
}

/** Settings, with their credential, and grants go by the name: a change of name would take another plugin's. */
function judgeName(approved: JudgedPlugin, changed: JudgedPlugin): ChangeReason[] {
  const before = approved.candidate.name;
  const after = changed.candidate.name;
  if (before === after) return [];
  return [{ code: 'name', message: `It calls itself ${quote(after)}, no longer ${quote(before)}.` }];
}

function judgeOrigins(approved: JudgedPlugin, changed: JudgedPlugin): ChangeReason[] {
  const calls = list(added(originsOf(approved), originsOf(changed)), 'Its API calls would go to', 'too');
  const before = originOf(approved.document);
  const after = originOf(changed.document);
  const moved = before !== after && after !== null ? [`Its document has moved to ${after}.`] : [];
  return [...calls, ...moved].map((message) => ({ code: 'origin', message }));
}

function judgeAuthentication(approved: JudgedPlugin, changed: JudgedPlugin): ChangeReason[] {
  const messages: string[] = [];
  const [before, after] = [approved, changed].map(({ candidate }) => candidate.manifest);
  if (JSON.stringify(before?.auth) !== JSON.stringify(after?.auth))
    messages.push('"auth" of its manifest has changed.');
  const sent = [before, after].map((manifest) => JSON.stringify([manifest?.headers, manifest?.userIdHeader]));
  if (sent[0] !== sent[1]) messages.push('"headers" of its manifest, sent with every call, have changed.');
  const known = new Set(approved.operations.map(securityOf));
  const byPlace = new Map(approved.operations.map((operation) => [placeOf(operation), operation]));
  const changes = changed.operations.filter((operation) => {
    const same = byPlace.get(placeOf(operation));
    return same ? securityOf(same) !== securityOf(operation) : !known.has(securityOf(operation));
  });
  messages.push(...list(changes.map(placeOf), 'Credentials are asked for in another way by'));
  return messages.map((message) => ({ code: 'authentication', message }));
}

/**
 * An operation that may change something is one by its method too: what is judged here is not asked for its opinion. A
 * mark that is taken away counts as well.
 */
function judgeConsequences(approved: readonly Operation[], changed: readonly Operation[]): ChangeReason[] {
  const places = (operations: readonly Operation[], are: (one: Operation) => boolean) =>
    operations.filter(are).map(placeOf);
  const mayChange = (one: Operation) => one.consequential || !harmless.has(one.method);
  const more = added(places(approved, mayChange), places(changed, mayChange));
  const marked = new Set(places(approved, (one) => one.consequential));
  const unmarked = places(changed, (one) => !one.consequential).filter((place) => marked.has(place));
  return [
    ...list(more, 'New operations that may change something:'),
    ...list(unmarked, 'No longer marked as consequential:'),
  ].map((message) => ({ code: 'consequential', message }));
}

function originsOf(loaded: JudgedPlugin): string[] {
  return loaded.operations.flatMap(({ server }) => (server === null ? [] : [new URL(server).origin]));
}

function originOf(document: string | null): string | null {
  return (document === null ? null : URL.parse(document)?.origin) ?? null;
}

function securityOf({ security }: Operation): string {
  return JSON.stringify(security);
}

function placeOf({ method, path }: Operation): string {
  return `${method} ${path}`;
}

function added(before: readonly string[], after: readonly string[]): string[] {
  return [...new Set(after).difference(new Set(before))];
}

/** One sentence that names all items, or none. */
function list(items: readonly string[], beginning: string, end = ''): string[] {
  if (items.length === 0) return [];
  const more = items.length > mostListed ? ` and ${items.length - mostListed} more` : '';
  const named = items.slice(0, mostListed).map((item) => item.slice(0, 200));
  return [`${beginning} ${named.join(', ')}${more}${end && ` ${end}`}.`];
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
