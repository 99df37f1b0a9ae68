// A version of a remote plugin: the texts that it was fetched as, their hash, and how both are kept.
import { createHash } from 'node:crypto';
import type { ChangeReason } from './change.ts';
import { readLocal, SourceError, type ReadSource, type SourceBytes } from './source.ts';

/** The fetched texts that a plugin is made of, by URL. Files of the operator's are not part of it. */
export interface Version {
  /** SHA-256 over all texts and where they came from. */
  readonly hash: string;
  readonly texts: ReadonlyMap<string, SourceBytes>;
}

/** A version as the store keeps it. */
export interface VersionRecord {
  /** The manifest's file or URL: the plugin's identity. */
  readonly source: string;
  readonly name: string;
  readonly hash: string;
  /** JSON of the texts. */
  readonly texts: string;
  /** JSON of why it waits. */
  readonly reasons: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Where versions are kept: per plugin the approved one, and at most one that waits for approval. */
export interface Versions {
  find(source: string, state: 'approved' | 'waiting'): Promise<VersionRecord | null>;
  /** Keeps a version in place of the one of its state; an approved one ends the waiting. */
  keep(state: 'approved' | 'waiting', version: Omit<VersionRecord, 'since'>): Promise<void>;
  /** Forgets the version that waits. */
  dismiss(source: string): Promise<void>;
  /** Hash of each approved version, by source. */
  approvedHashes(): Promise<ReadonlyMap<string, string>>;
}

/** A `ReadSource` that notes what is fetched through it. */
export function recordVersion(read: ReadSource): {
  readonly read: ReadSource;
  /** `null` while nothing was fetched. */
  readonly version: () => Version | null;
} {
  const texts = new Map<string, SourceBytes>();
  return {
    async read(location, maxBytes, plugin) {
      const text = await read(location, maxBytes, plugin);
      if (location.kind === 'url') texts.set(location.url, text);
      return text;
    },
    version: () => (texts.size === 0 ? null : { hash: hashOf(texts), texts }),
  };
}

/** A `ReadSource` that reads a version in place of the network. */
export function readVersion(version: Version): {
  readonly read: ReadSource;
  /** Whether something was asked for that is not part of it. */
  readonly lacking: () => boolean;
} {
  let lacking = false;
  return {
    async read(location, maxBytes) {
      if (location.kind === 'file') return readLocal(location, maxBytes);
      const text = version.texts.get(location.url);
      if (text) return text;
      lacking = true;
      throw new SourceError('unreachable', `${location.url} is not part of the approved version.`);
    },
    lacking: () => lacking,
  };
}

interface WrittenText {
  readonly asked: string;
  readonly url: string | null;
  readonly etag: string | null;
  readonly base64: string;
}

/** The record of a version; `reasons`: why it waits. */
export function writeRecord(
  source: string,
  name: string,
  { hash, texts }: Version,
  reasons: readonly ChangeReason[] = [],
): Omit<VersionRecord, 'since'> {
  const written = Array.from(texts, ([asked, { url, etag, bytes }]): WrittenText => {
    return { asked, url, etag, base64: Buffer.from(bytes).toString('base64') };
  });
  return { source, name, hash, texts: JSON.stringify(written), reasons: JSON.stringify(reasons) };
}

/** The version of a record; `null` when its texts are not those of its hash (D10). */
export function readRecord(record: VersionRecord | null): Version | null {
  if (record === null) return null;
  const written = JSON.parse(record.texts) as WrittenText[];
  const texts = new Map(
    written.map(({ asked, url, etag, base64 }) => [
      asked,
      { url, etag, bytes: Buffer.from(base64, 'base64') },
    ]),
  );
  return hashOf(texts) === record.hash ? { hash: record.hash, texts } : null;
}

/** Why a recorded version waits. */
export function readReasons(record: Pick<VersionRecord, 'reasons'>): ChangeReason[] {
  return JSON.parse(record.reasons) as ChangeReason[];
}

function hashOf(texts: ReadonlyMap<string, SourceBytes>): string {
  const parts = Array.from(texts, ([asked, { url, bytes }]) => [asked, url, sha256(bytes)]);
  return sha256(JSON.stringify(parts.toSorted(([a = ''], [b = '']) => ((a ?? '') < (b ?? '') ? -1 : 1))));
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
