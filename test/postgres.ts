// Databases for single tests, in the PostgreSQL server that stands beside all tests.
import { randomBytes } from 'node:crypto';
import pg from 'pg';

const server = process.env['PLUGIN_GATEWAY_POSTGRES'] ?? '';

/** Test options that skip a test, saying why, where there is no server. See `test/global-setup.ts`. */
export const needsPostgres: { skip: string | false } = {
  skip:
    server === '' && 'needs PostgreSQL: initdb is not installed, or the tests run without their global setup',
};

interface Scope {
  after(clean: () => Promise<void>): void;
}

export interface TestDatabase {
  readonly url: string;
  /** Asks the database itself. */
  readonly query: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
}

/** Makes an empty database; it goes when the test ends. */
export async function createTestDatabase(scope: Scope): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await ask(server, `CREATE DATABASE ${name}`);
  scope.after(async () => void (await ask(server, `DROP DATABASE ${name} WITH (FORCE)`)));
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, query: (sql, values) => ask(url.href, sql, values) };
}

async function ask(url: string, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql, values);
    return rows;
  } finally {
    await client.end();
  }
}
