// The bounds of run records that replicas share: in time, in number, in size (T6).
import { sql } from 'kysely';
import type { Database } from './database.ts';

/** `kept`: milliseconds after the end, or after the lease of one whose process has died. `size`: bytes as sealed. */
export const runLimits = { kept: 120_000, records: 1_000, size: 64 * 1024 * 1024 } as const;

/** Removes old records, and the oldest beyond what may be kept: those with a side effect go last. */
export async function sweepRuns(database: Database): Promise<void> {
  const { kept, records, size } = runLimits;
  await database.run((db) =>
    db
      .deleteFrom('run_record')
      .where((row) => row(row.fn.coalesce('ended', 'lease'), '<', row(database.clock, '-', kept)))
      .execute(),
  );
  await database.run((db) =>
    sql`DELETE FROM run_record WHERE id IN (
      SELECT id FROM (
        SELECT id, count(*) OVER newest AS place, sum(size) OVER newest AS total
        FROM run_record WHERE state <> 'running'
        WINDOW newest AS (ORDER BY effect DESC, number DESC)
      ) AS ended WHERE place > ${records} OR total > ${size})`.execute(db),
  );
}
