// Parked parts in the database, so that a restart loses none and every replica finds them (P8).
import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Database } from './database.ts';
import type { Seal } from './seal.ts';

/** The rows of parked parts. Every function may throw what the database throws. */
export interface PartsTable {
  /** Whether other processes put parts there as well. */
  readonly shared: boolean;
  /** Stores a text under each id. */
  readonly put: (partition: string, ids: readonly string[], text: string) => Promise<void>;
  /** Texts by id, oldest first; ids without one are absent. Finding a part keeps it alive. */
  readonly find: (partition: string, ids: readonly string[]) => Promise<Map<string, string[]>>;
}

export interface PartsTableOptions {
  readonly database: Database;
  readonly seal: Seal;
  /** Texts of one id that are given back: the newest. */
  readonly perId: number;
  /** Milliseconds since last use after which a part is forgotten. */
  readonly maxAge: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The disk is bounded too: the oldest rows beyond this many go. */
const maxRows = 200_000;
const sweepEvery = 256;

/** What is put at the same time is one statement, and one commit, which costs much more than a row: up to so much. */
const batchRows = 100;
const batchBytes = 1024 * 1024;

interface Batch {
  readonly rows: { readonly id: string; readonly sealed: Buffer; readonly used: number }[];
  bytes: number;
  readonly written: Promise<unknown>;
}

/** Makes the rows of an open database. */
export function createPartsTable({ database, seal, perId, maxAge, now }: PartsTableOptions): PartsTable {
  let puts = 0;
  let open: Batch | null = null;

  /** A batch that takes rows until the event loop comes round. */
  function openBatch(): Batch {
    const rows: Batch['rows'] = [];
    const written = database.run(async (db) => {
      await setImmediate();
      if (open?.rows === rows) open = null;
      await db.insertInto('parked_part').values(rows).execute();
    });
    return { rows, bytes: 0, written };
  }

  async function write(rows: Batch['rows'], bytes: number): Promise<void> {
    const batch = open && open.rows.length < batchRows && open.bytes < batchBytes ? open : openBatch();
    open = batch;
    batch.rows.push(...rows);
    batch.bytes += bytes;
    try {
      await batch.written;
    } finally {
      // A database that is down has taken none.
      if (open === batch) open = null;
    }
  }

  const sweep = () =>
    database.run((db) =>
      db
        .deleteFrom('parked_part')
        .where((row) =>
          row.or([
            row('used', '<=', now() - maxAge),
            row(
              'number',
              '<=',
              row
                .selectFrom('parked_part')
                .select((all) => all(all.fn.max('number'), '-', maxRows).as('oldest')),
            ),
          ]),
        )
        .execute(),
    );

  /** Written at most 24 times in a part's life, not at each reading. */
  async function touch(rows: readonly { number: number; used: number }[]): Promise<void> {
    const stale = rows.filter(({ used }) => now() - used > maxAge / 24).map(({ number }) => number);
    if (stale.length === 0) return;
    await database.run((db) =>
      db.updateTable('parked_part').set({ used: now() }).where('number', 'in', stale).execute(),
    );
  }

  return {
    shared: database.shared,
    async put(partition, ids, text) {
      const sealed = seal.seal(text, partition);
      const rows = [...new Set(ids)].map((id) => ({ id: digestOf(partition, id), sealed, used: now() }));
      await write(rows, sealed.length);
      if (puts % sweepEvery === 0) await sweep();
      puts += 1;
    },
    async find(partition, ids) {
      const asked = new Map(ids.map((id) => [digestOf(partition, id), id]));
      const rows = await database.run((db) =>
        db
          .selectFrom('parked_part')
          .select(['number', 'id', 'sealed', 'used'])
          .where('id', 'in', [...asked.keys()])
          .where('used', '>', now() - maxAge)
          .orderBy('number')
          .execute(),
      );
      await touch(rows);
      const found = new Map<string, string[]>();
      for (const [digest, id] of asked) {
        const texts = rows
          .filter((row) => row.id === digest)
          .slice(-perId)
          .flatMap(({ sealed }) => seal.open(sealed, partition) ?? []);
        if (texts.length > 0) found.set(id, texts);
      }
      return found;
    },
  };
}

/** Ids are an upstream's words: any characters, any length. The consumer comes first (I7). */
function digestOf(partition: string, id: string): string {
  return hash('sha256', JSON.stringify([partition, id]), 'base64url');
}
