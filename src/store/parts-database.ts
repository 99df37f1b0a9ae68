// Parked parts in the embedded SQLite database, so that a restart loses none (P8).
import { DatabaseSync } from 'node:sqlite';
import type { Seal } from './seal.ts';

/** The rows of parked parts. Every function may throw what the database throws. */
export interface PartsDatabase {
  /** Stores a text under each id; the oldest beyond `perId` of one id are forgotten. */
  put(partition: string, ids: readonly string[], text: string): void;
  /** Texts by id, oldest first; ids without one are absent. Finding a part keeps it alive. */
  find(partition: string, ids: readonly string[]): Map<string, string[]>;
  close(): void;
}

export interface PartsDatabaseOptions {
  readonly file: string;
  readonly seal: Seal;
  readonly perId: number;
  /** Milliseconds since last use after which a part is forgotten. */
  readonly maxAge: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS parked_part (key INTEGER PRIMARY KEY AUTOINCREMENT, sealed BLOB NOT NULL, used INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS parked_part_used ON parked_part (used);
  CREATE TABLE IF NOT EXISTS parked_part_id (
    partition TEXT NOT NULL, id TEXT NOT NULL, part INTEGER NOT NULL REFERENCES parked_part ON DELETE CASCADE,
    PRIMARY KEY (partition, id, part)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS parked_part_id_part ON parked_part_id (part);
`;

/** The disk is bounded too: the oldest parts beyond this many go. */
const maxParts = 200_000;
const sweepEvery = 256;

/** Opens (and, if needed, creates) the tables. Throws when the file cannot be used. */
export function openPartsDatabase(options: PartsDatabaseOptions): PartsDatabase {
  const { seal, perId, maxAge, now } = options;
  const database = new DatabaseSync(options.file, { timeout: 2_000 });
  database.exec(schema);
  const insertPart = database.prepare('INSERT INTO parked_part (sealed, used) VALUES (?, ?)');
  const insertId = database.prepare('INSERT INTO parked_part_id (partition, id, part) VALUES (?, ?, ?)');
  const forgetOldest = database.prepare(
    `DELETE FROM parked_part_id WHERE partition = ?1 AND id = ?2 AND part NOT IN
       (SELECT part FROM parked_part_id WHERE partition = ?1 AND id = ?2 ORDER BY part DESC LIMIT ?3)`,
  );
  const select = database.prepare(
    `SELECT i.id, p.key, p.sealed, p.used FROM parked_part_id i JOIN parked_part p ON p.key = i.part
      WHERE i.partition = ? AND i.id IN (SELECT value FROM json_each(?)) AND p.used > ? ORDER BY p.key`,
  );
  const touch = database.prepare('UPDATE parked_part SET used = ? WHERE key = ?');
  const sweep = database.prepare(
    `DELETE FROM parked_part WHERE used <= ? OR key <= (SELECT max(key) FROM parked_part) - ${maxParts}
       OR NOT EXISTS (SELECT 1 FROM parked_part_id WHERE part = key)`,
  );
  sweep.run(now() - maxAge);
  let puts = 0;

  const insert = (partition: string, ids: readonly string[], text: string): void => {
    const part = insertPart.run(seal.seal(text, partition), now()).lastInsertRowid;
    for (const id of new Set(ids)) {
      insertId.run(partition, id, part);
      forgetOldest.run(partition, id, perId);
    }
    puts += 1;
    if (puts % sweepEvery === 0) sweep.run(now() - maxAge);
  };

  return {
    put(partition, ids, text) {
      database.exec('BEGIN IMMEDIATE');
      try {
        insert(partition, ids, text);
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    find(partition, ids) {
      const found = new Map<string, string[]>();
      for (const row of select.all(partition, JSON.stringify(ids), now() - maxAge)) {
        const text = seal.open(row['sealed'] as Uint8Array, partition);
        if (text === null) continue;
        const id = String(row['id']);
        found.set(id, [...(found.get(id) ?? []), text]);
        // Written at most 24 times in a part's life, not at each reading.
        if (now() - Number(row['used']) > maxAge / 24) touch.run(now(), row['key'] ?? null);
      }
      return found;
    },
    close: () => database.close(),
  };
}
