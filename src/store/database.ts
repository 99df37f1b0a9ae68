// One database, SQLite or PostgreSQL, with its newest tables; everything asked of it has a deadline.
import { Kysely, sql, type RawBuilder, type Transaction } from 'kysely';
import type { Log } from '../telemetry/log.ts';
import { createAvailability, StoreDownError, within } from './availability.ts';
import { migrate } from './migrations.ts';
import type { Tables } from './tables.ts';

export interface Database {
  /** Whether several replicas use it at once. */
  readonly shared: boolean;
  /** Asks something. Throws what the database throws, or a {@link StoreDownError}. */
  readonly run: <T>(work: (db: Kysely<Tables>) => Promise<T>) => Promise<T>;
  /** The same, all or nothing. `durable`: it has to outlive a power failure. */
  readonly transact: <T>(
    work: (db: Transaction<Tables>) => Promise<T>,
    options?: { readonly durable?: boolean },
  ) => Promise<T>;
  /** Waits until no other transaction has locked this name. */
  readonly lock: (db: Transaction<Tables>, name: string) => Promise<void>;
  /** The clock that all replicas share: milliseconds since the epoch. */
  readonly clock: RawBuilder<number>;
  /** Lets what is under way end, then closes the database. */
  readonly close: () => Promise<void>;
}

export interface DatabaseOptions {
  /** `sqlite:FILE` or `postgres://...`. */
  readonly url: string;
  readonly log: Log;
}

type Kind = Omit<Database, 'run' | 'close'> & {
  readonly db: Kysely<Tables>;
  readonly migrate: () => Promise<void>;
  readonly isOutage: (error: unknown) => boolean;
};

/** Milliseconds for the last connections to close. */
const closing = 3_000;

/**
 * Opens a database and brings its tables up to date. Throws when it cannot be used: a file (F-G11), a wrong password, a
 * database that does not exist. A PostgreSQL server that is not there yet is no reason: it is asked again (F-G10).
 */
export async function openDatabase({ url, log }: DatabaseOptions): Promise<Database> {
  const { db, migrate, isOutage, ...kind } = await (url.startsWith('sqlite:')
    ? sqlite(url)
    : postgres(url, log));
  const availability = createAvailability({ log, isOutage });
  const running = new Set<Promise<unknown>>();
  let ready: Promise<void> | null = null;

  async function migrated(): Promise<void> {
    ready ??= migrate();
    try {
      await ready;
    } catch (error) {
      ready = null;
      throw error;
    }
  }

  async function track<T>(work: () => Promise<T>): Promise<T> {
    const result = availability.run(async () => {
      await migrated();
      return work();
    });
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  }

  const close = async (): Promise<void> => {
    await Promise.allSettled(running);
    await within(closing, db.destroy()).catch((error: unknown) =>
      log.warn('the store did not close in time', { error }),
    );
  };
  try {
    await track(async () => {});
  } catch (error) {
    if (!(error instanceof StoreDownError)) {
      await close();
      throw error;
    }
  }
  return {
    ...kind,
    run: (work) => track(() => work(db)),
    transact: (work, options) => track(() => kind.transact(work, options)),
    close,
  };
}

async function sqlite(url: string): Promise<Kind> {
  const { sqliteDialect } = await import('./sqlite.ts');
  const db = new Kysely<Tables>({ dialect: sqliteDialect(url.slice('sqlite:'.length)) });
  return {
    shared: false,
    db,
    migrate: () => migrate(db, { serial: 'integer', bytes: 'blob' }),
    // What fails with a file has failed by the time that it is known: nothing is won by leaving it alone.
    isOutage: () => false,
    transact(work, { durable = false } = {}) {
      if (!durable) return db.transaction().execute(work);
      return db.connection().execute(async (connection) => {
        await sql`PRAGMA synchronous = FULL`.execute(connection);
        try {
          return await connection.transaction().execute(work);
        } finally {
          await sql`PRAGMA synchronous = NORMAL`.execute(connection);
        }
      });
    },
    // A transaction has the whole file to itself.
    lock: async () => {},
    clock: sql<number>`cast(unixepoch('subsec') * 1000 as integer)`,
  };
}

async function postgres(url: string, log: Log): Promise<Kind> {
  const { isPostgresOutage, postgresDialect } = await import('./postgres.ts');
  const onLost = (error: Error): void => log.warn('a connection to the store is lost', { error });
  const db = new Kysely<Tables>({ dialect: postgresDialect(url, onLost) });
  return {
    shared: true,
    db,
    migrate: () => migrate(db, { serial: 'serial', bytes: 'bytea' }),
    isOutage: isPostgresOutage,
    transact: (work) => db.transaction().execute(work),
    async lock(transaction, name) {
      await sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(transaction);
    },
    clock: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
  };
}
