// The leases of one process: a run that it works at is its own as long as it says so every few seconds (T6).
import type { Database } from './database.ts';

/** A lease that is not renewed for this long is over. */
export const leaseMilliseconds = 15_000;

const renewEvery = 5_000;

export interface RunLeases {
  /** The run has a lease of this process: it is renewed from now on. */
  readonly hold: (run: string) => void;
  readonly release: (run: string) => void;
  readonly close: () => void;
}

/** Keeps leases. The timer stands only while there is something to renew. */
export function createRunLeases(database: Database, holder: string): RunLeases {
  const held = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function release(run: string): void {
    held.delete(run);
    if (held.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  async function renew(): Promise<void> {
    const runs = [...held];
    const renewed = await database.run((db) =>
      db
        .updateTable('run_record')
        .set((row) => ({ lease: row(database.clock, '+', leaseMilliseconds) }))
        .where('holder', '=', holder)
        .where('state', '=', 'running')
        .where('id', 'in', runs)
        .returning('id')
        .execute(),
    );
    // Somebody else has taken the others. Their runs hear of it when they write.
    const ours = new Set(renewed.map(({ id }) => id));
    for (const run of runs) if (!ours.has(run)) release(run);
  }

  return {
    hold(run) {
      held.add(run);
      // A store that is away has its own words in the log; the next renewal comes.
      timer ??= setInterval(() => void renew().catch(() => {}), renewEvery).unref();
    },
    release,
    close: () => clearInterval(timer),
  };
}
