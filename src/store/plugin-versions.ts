// Versions of remote plugins: the approved one of each, and the changed one that waits for approval (D10).
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { silentLog, type Log } from '../telemetry/log.ts';

/** `approved`: serves. `waiting`: serves once it is approved. */
export type VersionState = 'approved' | 'waiting';

/** One version. The store does not know what the texts and the reasons are. */
export interface PluginVersion {
  /** The manifest's file or URL: the plugin's identity. */
  readonly source: string;
  readonly name: string;
  readonly hash: string;
  readonly texts: string;
  readonly reasons: string;
  /** When it was first kept in this state, milliseconds since the epoch. */
  readonly since: number;
}

/** The kept versions. Reading throws what the database throws; a write that fails is logged. */
export interface PluginVersions {
  find(source: string, state: VersionState): PluginVersion | null;
  /** Keeps a version in place of the one of its state; an approved one ends the waiting. */
  keep(state: VersionState, version: Omit<PluginVersion, 'since'>): void;
  /** Forgets the version that waits. */
  dismiss(source: string): void;
  /** Hash of each approved version, by source. */
  approvedHashes(): ReadonlyMap<string, string>;
  /** All versions that wait, by name. */
  waiting(): PluginVersion[];
  /** Makes the version with this hash the approved one, if it still waits; whether it did. Throws when it cannot. */
  approve(source: string, hash: string): boolean;
  close(): void;
}

export interface PluginVersionsOptions {
  /** `memory:`, or `sqlite:FILE` (relative to the working directory). */
  readonly url: string;
  readonly log?: Log;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS plugin_version (
    source TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('approved', 'waiting')),
    name TEXT NOT NULL, hash TEXT NOT NULL, texts TEXT NOT NULL, reasons TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (source, state));
`;

/** Opens the versions. Throws when the database cannot be used, naming its file (F-G11). */
export function createPluginVersions(options: PluginVersionsOptions): PluginVersions {
  const { log = silentLog, now = Date.now } = options;
  const database = open(options.url);
  const select = database.prepare('SELECT * FROM plugin_version WHERE source = ? AND state = ?');
  const selectHashes = database.prepare("SELECT source, hash FROM plugin_version WHERE state = 'approved'");
  const selectWaiting = database.prepare(
    "SELECT * FROM plugin_version WHERE state = 'waiting' ORDER BY name",
  );
  // The time stays as long as the version is the same.
  const upsert = database.prepare(
    `INSERT INTO plugin_version (source, state, name, hash, texts, reasons, since) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET since = iif(hash = excluded.hash, since, excluded.since), name = excluded.name,
         hash = excluded.hash, texts = excluded.texts, reasons = excluded.reasons`,
  );
  const remove = database.prepare('DELETE FROM plugin_version WHERE source = ? AND state = ?');
  const promote = database.prepare(
    "UPDATE plugin_version SET state = 'approved', since = ? WHERE source = ? AND state = 'waiting' AND hash = ?",
  );
  const exists = database.prepare(
    "SELECT 1 FROM plugin_version WHERE source = ? AND state = 'waiting' AND hash = ?",
  );

  const inTransaction = <T>(work: () => T): T => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };
  const attempt = (work: () => void): void => {
    try {
      inTransaction(work);
    } catch (error) {
      log.error('a version of a plugin cannot be kept: it will not outlive the process', { error });
    }
  };

  return {
    find: (source, state) => readRow(select.get(source, state)),
    keep(state, { source, name, hash, texts, reasons }) {
      attempt(() => {
        upsert.run(source, state, name, hash, texts, reasons, now());
        if (state === 'approved') remove.run(source, 'waiting');
      });
    },
    dismiss(source) {
      if (select.get(source, 'waiting')) attempt(() => void remove.run(source, 'waiting'));
    },
    approvedHashes: () =>
      new Map(selectHashes.all().map(({ source, hash }) => [String(source), String(hash)])),
    waiting: () => selectWaiting.all().flatMap((row) => readRow(row) ?? []),
    approve: (source, hash) =>
      inTransaction(() => {
        if (!exists.get(source, hash)) return false;
        remove.run(source, 'approved');
        promote.run(now(), source, hash);
        return true;
      }),
    close: () => database.close(),
  };
}

function open(url: string): DatabaseSync {
  const file = url === 'memory:' ? ':memory:' : url.replace(/^sqlite:/, '');
  try {
    if (url !== 'memory:') mkdirSync(dirname(file), { recursive: true });
    const database = new DatabaseSync(file, { timeout: 2_000 });
    database.exec(schema);
    return database;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The store ${file} cannot be used: ${reason}. Mend it, or set store.url to "memory:".`, {
      cause,
    });
  }
}

function readRow(row: Record<string, unknown> | undefined): PluginVersion | null {
  if (!row) return null;
  const text = (column: string) => String(row[column]);
  return {
    source: text('source'),
    name: text('name'),
    hash: text('hash'),
    texts: text('texts'),
    reasons: text('reasons'),
    since: Number(row['since']),
  };
}
