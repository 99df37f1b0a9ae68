// Run records that all replicas see: who runs what, what has happened, how it ended (T6).
import { createHash } from 'node:crypto';
import type { Transaction } from 'kysely';
import { silentLog, type Log } from '../telemetry/log.ts';
import { StoreDownError } from './availability.ts';
import { chooseRun, unmarkedMilliseconds, type RunRow } from './choose-run.ts';
import type { Database } from './database.ts';
import { createRunLeases, leaseMilliseconds } from './run-leases.ts';
import { runLimits, sweepRuns } from './run-sweep.ts';
import type { Seal } from './seal.ts';
import type { Tables } from './tables.ts';

/** What is asked for: the run that a request repeats. */
export interface RunClaim {
  /** What a repetition is recognised by; consumer first (I7). */
  readonly key: string;
  /** Digest of the request. */
  readonly body: string;
  readonly marked: boolean;
  /** Without a mark: whether runs of this very process count. */
  readonly own?: boolean;
  /** The id of a new run: a record is made when there is none to take up. `null`: none is made. */
  readonly make: string | null;
  /** What has happened in a new run so far; it is about to do what must not be done twice. Absent: nothing has. */
  readonly pieces?: readonly string[];
  /** Milliseconds since the new run has begun. */
  readonly since?: number;
  /** Runs of the same request that are alive at other replicas, and have nothing to do with this one. */
  readonly others?: readonly string[];
}

/**
 * What came of it. `new`: a record was made. `taken`: it broke off, and is ours now. `ended`: its answer is kept.
 * `running`: somebody runs it, until `lease` at least. `superseded`: a marked request has begun it again since.
 * `mine`: the one who runs it, or did last, is this process.
 */
export type ClaimedRun =
  | { readonly kind: 'new' | 'none' | 'reused' | 'superseded' }
  | { readonly kind: 'running'; readonly run: string; readonly mine: boolean; readonly lease: number }
  | {
      readonly kind: 'taken' | 'ended';
      readonly run: string;
      readonly mine: boolean;
      /** As they were appended. */
      readonly pieces: readonly string[];
    };

export interface RunEnd {
  /** `cut`: there is no answer to be given again; whoever asks takes the run up. */
  readonly state: 'done' | 'failed' | 'cut';
  readonly pieces: readonly string[];
  readonly delivered: boolean;
}

/** The records. A database that fails is logged, and gives `null`: the process goes by what it knows itself. */
export interface RunsTable {
  /** Finds the run that a request repeats, and takes what nobody holds, or makes a new one: one or the other. */
  readonly claim: (asked: RunClaim) => Promise<ClaimedRun | null>;
  /** Whether a run of another process may have to be taken up by a request without a mark. */
  readonly broken: (key: string) => Promise<boolean | null>;
  /** Whether somebody still runs it. */
  readonly running: (run: string) => Promise<boolean | null>;
  /** Adds to a run of this process. `false`: somebody else has taken it. `effect`: as `RunClaim.pieces`. */
  readonly append: (
    key: string,
    run: string,
    pieces: readonly string[],
    options: { readonly effect: boolean },
  ) => Promise<boolean | null>;
  readonly end: (key: string, run: string, end: RunEnd) => Promise<unknown>;
  /** Nothing has happened: to repeat it is harmless. */
  readonly forget: (run: string) => Promise<unknown>;
  readonly close: () => void;
}

export interface RunsTableOptions {
  readonly database: Database;
  readonly seal: Seal;
  /** This process, as holder of leases. */
  readonly holder: string;
  readonly log?: Log;
}

const sweepEvery = 32;

/** Makes the records of an open database. */
export function createRunsTable({ database, seal, holder, log = silentLog }: RunsTableOptions): RunsTable {
  const { clock } = database;
  const leases = createRunLeases(database, holder);
  let ends = 0;

  async function attempt<T>(work: Promise<T>): Promise<T | null> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof StoreDownError)) log.error('run records cannot be shared', { error });
      return null;
    }
  }

  async function piecesOf(db: Transaction<Tables>, key: string, run: string): Promise<string[]> {
    const rows = await db
      .selectFrom('run_piece')
      .select('sealed')
      .where('run', '=', run)
      .orderBy('number')
      .execute();
    return rows.flatMap(({ sealed }) => {
      const text = seal.open(sealed, ownerOf(key, run));
      return text === null ? [] : (JSON.parse(text) as string[]);
    });
  }

  async function rowsOf(db: Transaction<Tables>, key: string): Promise<RunRow[]> {
    const columns = ['id', 'body', 'marked', 'state', 'effect', 'delivered', 'lease'] as const;
    const rows = await db
      .selectFrom('run_record')
      .select((row) => [
        ...columns,
        row('holder', '=', holder).as('mine'),
        row('lease', '<', clock).as('expired'),
        row(clock, '-', row.fn.coalesce('ended', 'lease')).as('age'),
        row(clock, '-', row.ref('begun')).as('begunAgo'),
      ])
      .where('key', '=', digestOf(key))
      .orderBy('number')
      .execute();
    return rows
      .map(({ mine, expired, ...row }) => ({
        ...row,
        mine: Boolean(mine),
        abandoned: row.state === 'running' && Boolean(expired),
      }))
      .filter(({ age }) => age < runLimits.kept);
  }

  async function make(
    db: Transaction<Tables>,
    { key, body, marked, pieces }: RunClaim,
    id: string,
  ): Promise<void> {
    const sealed = pieces && sealAll(key, id, pieces);
    await db
      .insertInto('run_record')
      .values((row) => ({
        id,
        key: digestOf(key),
        body,
        marked: marked ? 1 : 0,
        state: 'running',
        holder,
        lease: row(clock, '+', leaseMilliseconds),
        begun: clock,
        effect: pieces ? 1 : 0,
        delivered: 0,
        ended: null,
        size: sealed?.length ?? 0,
      }))
      .execute();
    if (sealed) await db.insertInto('run_piece').values({ run: id, sealed }).execute();
    leases.hold(id);
  }

  async function take(db: Transaction<Tables>, run: string): Promise<void> {
    await db
      .updateTable('run_record')
      .set((row) => ({
        state: 'running',
        holder,
        lease: row(clock, '+', leaseMilliseconds),
        ended: null,
        delivered: 0,
      }))
      .where('id', '=', run)
      .execute();
    leases.hold(run);
  }

  const sealAll = (key: string, run: string, pieces: readonly string[]): Buffer =>
    seal.seal(JSON.stringify(pieces), ownerOf(key, run));

  return {
    claim: (asked) =>
      attempt(
        database.transact(async (db): Promise<ClaimedRun> => {
          await database.lock(db, digestOf(asked.key));
          const chosen = chooseRun(await rowsOf(db, asked.key), asked);
          if (chosen.kind === 'new') {
            if (asked.make === null) return { kind: 'none' };
            await make(db, asked, asked.make);
            return { kind: 'new' };
          }
          if (!('row' in chosen)) return { kind: chosen.kind };
          const { id: run, mine, lease } = chosen.row;
          if (chosen.kind === 'running') return { kind: 'running', run, mine, lease };
          if (chosen.kind === 'taken') await take(db, run);
          return { kind: chosen.kind, run, mine, pieces: await piecesOf(db, asked.key, run) };
        }),
      ),
    broken: (key) =>
      attempt(
        database.run(async (db) => {
          const row = await db
            .selectFrom('run_record')
            .select('id')
            .where('key', '=', digestOf(key))
            .where('effect', '=', 1)
            .where('delivered', '=', 0)
            .where('holder', '!=', holder)
            .where((one) => one.or([one('state', '!=', 'running'), one('lease', '<', clock)]))
            .where((one) =>
              one(one(clock, '-', one.fn.coalesce('ended', 'lease')), '<', unmarkedMilliseconds),
            )
            .limit(1)
            .executeTakeFirst();
          return row !== undefined;
        }),
      ),
    running: (run) =>
      attempt(
        database.run(async (db) => {
          const row = await db
            .selectFrom('run_record')
            .select('id')
            .where('id', '=', run)
            .where('state', '=', 'running')
            .where('lease', '>=', clock)
            .executeTakeFirst();
          return row !== undefined;
        }),
      ),
    append: (key, run, pieces, { effect }) =>
      attempt(
        database.transact(async (db) => {
          const sealed = sealAll(key, run, pieces);
          const { numUpdatedRows } = await db
            .updateTable('run_record')
            .set((row) => ({ size: row('size', '+', sealed.length), ...(effect && { effect: 1 as const }) }))
            .where('id', '=', run)
            .where('holder', '=', holder)
            .executeTakeFirst();
          if (numUpdatedRows === 0n) return false;
          await db.insertInto('run_piece').values({ run, sealed }).execute();
          return true;
        }),
      ),
    end: async (key, run, { state, pieces, delivered }) => {
      leases.release(run);
      await attempt(
        database.transact(async (db) => {
          const sealed = sealAll(key, run, pieces);
          const { numUpdatedRows } = await db
            .updateTable('run_record')
            .set((row) => ({
              state,
              delivered: delivered ? 1 : 0,
              ended: clock,
              size: row('size', '+', sealed.length),
            }))
            .where('id', '=', run)
            .where('holder', '=', holder)
            .executeTakeFirst();
          if (numUpdatedRows > 0n && pieces.length > 0)
            await db.insertInto('run_piece').values({ run, sealed }).execute();
        }),
      );
      if (ends % sweepEvery === 0) await attempt(sweepRuns(database));
      ends += 1;
    },
    async forget(run) {
      leases.release(run);
      await attempt(
        database.run((db) =>
          db.deleteFrom('run_record').where('id', '=', run).where('holder', '=', holder).execute(),
        ),
      );
    },
    close: leases.close,
  };
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

/** A row moved to another run, or another consumer, does not open (S4). */
function ownerOf(key: string, run: string): string {
  return JSON.stringify([key, run]);
}
