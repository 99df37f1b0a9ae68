// What must outlive the process, or be shared by replicas: one store, in memory, SQLite or PostgreSQL.
import { randomUUID } from 'node:crypto';
import { silentLog, type Log } from '../telemetry/log.ts';
import type { Database } from './database.ts';
import { createParkedParts, partsMaxAge, partsPerId, type ParkedParts } from './parked-parts.ts';
import { createPluginVersions, versionsInMemory, type PluginVersions } from './plugin-versions.ts';
import type { RunsTable } from './runs-table.ts';
import { createSeal, keyOfFile, keyOfSecret, type Seal } from './seal.ts';

export interface Store {
  readonly parked: ParkedParts;
  readonly versions: PluginVersions;
  /** Runs that other replicas may be asked for; `null`: there are none. */
  readonly runs: RunsTable | null;
  readonly close: () => Promise<void>;
}

export interface StoreOptions {
  /** `memory:`, `sqlite:FILE` (relative to the working directory), or `postgres://...`. */
  readonly url: string;
  /**
   * Secret from which the sealing key is made, the same one in every replica. Needed for PostgreSQL; absent: a key file
   * `FILE.key` beside the SQLite file.
   */
  readonly key?: string | undefined;
  readonly log?: Log;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

/**
 * Opens the store. Throws when it cannot be used, naming it (F-G11). A PostgreSQL server that is down is no reason: the
 * store works in memory until it answers.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url, log = silentLog, now = Date.now } = options;
  if (url === 'memory:') {
    return {
      parked: createParkedParts({ behind: null, log, now }),
      versions: createPluginVersions({ rows: versionsInMemory(), log, now }),
      runs: null,
      close: async () => {},
    };
  }
  try {
    return await openTables(options, log, now);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `The store ${publicUrl(url)} cannot be used: ${reason}. Mend it, or set store.url to "memory:".`,
      { cause },
    );
  }
}

/** The library is read only where it is needed. */
async function openTables(options: StoreOptions, log: Log, now: () => number): Promise<Store> {
  const { url } = options;
  const { openDatabase } = await import('./database.ts');
  const { createPartsTable } = await import('./parts-table.ts');
  const { createVersionsTable } = await import('./versions-table.ts');
  const { createRunsTable } = await import('./runs-table.ts');
  const secret = options.key === undefined ? null : createSeal(keyOfSecret(options.key));
  const database: Database = await openDatabase({ url, log });
  try {
    const seal = secret ?? sealOfFile(url);
    const behind = createPartsTable({ database, seal, perId: partsPerId, maxAge: partsMaxAge, now });
    const runs = database.shared ? createRunsTable({ database, seal, holder: randomUUID(), log }) : null;
    return {
      parked: createParkedParts({ behind, log, now }),
      versions: createPluginVersions({ rows: createVersionsTable(database), log, now }),
      runs,
      async close() {
        runs?.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Made after the file, whose folder may be new. */
function sealOfFile(url: string): Seal {
  if (!url.startsWith('sqlite:')) throw new Error('it needs store.key, the same secret in every replica');
  return createSeal(keyOfFile(`${url.slice('sqlite:'.length)}.key`));
}

/** A store as an operator knows it, without its secret. */
function publicUrl(url: string): string {
  if (url.startsWith('sqlite:')) return url.slice('sqlite:'.length);
  if (!URL.canParse(url)) return 'store.url';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
