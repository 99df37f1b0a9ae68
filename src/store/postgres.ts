// PostgreSQL for the query builder: a small pool whose every wait has a deadline.
import { PostgresDialect, type Dialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';

/** Milliseconds. The server gives up first, so that a connection is lost only when the server itself is. */
const deadlines = { connect: 2_000, statement: 2_000, answer: 2_500, idleInTransaction: 5_000 } as const;

const connections = 10;

/** The dialect of one database. Nothing connects before the first query. `onLost` hears of idle connections that break. */
export function postgresDialect(url: string, onLost: (error: Error) => void): Dialect {
  const types = new pg.TypeOverrides();
  // Milliseconds and row numbers: far below 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'plugin-gateway',
    types,
    max: connections,
    connectionTimeoutMillis: deadlines.connect,
    query_timeout: deadlines.answer,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    allowExitOnIdle: true,
    // Not as a parameter of the start: poolers between here and the server refuse those.
    onConnect: async (client) => {
      // Its query fails too, or the pool hears of it: an event that nobody hears would end the process.
      client.on('error', () => {});
      await client.query(
        `SET statement_timeout = ${deadlines.statement}; SET lock_timeout = ${deadlines.statement};` +
          `SET idle_in_transaction_session_timeout = ${deadlines.idleInTransaction}`,
      );
    },
  });
  pool.on('error', onLost);
  return new PostgresDialect({
    pool: {
      options: {},
      connect: async () => watched(await pool.connect()),
      end: () => pool.end(),
    },
  });
}

/** A connection that failed in any other way than by the server's own words is not used again. */
function watched(client: pg.PoolClient): PostgresPoolClient {
  let broken = false;
  const query = async (sql: string, parameters: unknown[]) => {
    try {
      return await client.query(sql, parameters);
    } catch (error) {
      broken ||= !(error instanceof pg.DatabaseError);
      throw error;
    }
  };
  return {
    // The other form of it, for cursors, is not used.
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || broken),
  };
}

/** Classes of SQLSTATE: connection, resources, operator intervention, system error, internal error. */
const outageClasses = new Set(['08', '53', '57', '58', 'XX']);

/** Whether the database as a whole is not there. Whatever the server did not say itself came from the way to it. */
export function isPostgresOutage(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || outageClasses.has(error.code?.slice(0, 2) ?? '');
}
