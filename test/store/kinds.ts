// The three kinds of store, for tests that hold for each of them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import { createTestDatabase, needsPostgres } from '../postgres.ts';

interface Scope {
  after(clean: () => Promise<void>): void;
}

/** Options of a new store, and a way to ask its database behind its back. */
type Created = StoreOptions & { readonly query: (sql: string) => Promise<object[]> };

export interface Kind {
  readonly kind: 'memory' | 'sqlite' | 'postgres';
  readonly needs: { readonly skip: string | false };
  readonly create: (scope: Scope) => Promise<Created>;
}

/** A file that is not there yet, nor its folder. */
export async function sqliteFile(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-store-'));
  scope.after(() => rm(folder, { recursive: true }));
  return join(folder, 'data', 'gateway.db');
}

export const kinds: readonly Kind[] = [
  {
    kind: 'memory',
    needs: { skip: false },
    create: async () => ({ url: 'memory:', query: async () => [] }),
  },
  {
    kind: 'sqlite',
    needs: { skip: false },
    async create(scope) {
      const file = await sqliteFile(scope);
      return {
        url: `sqlite:${file}`,
        async query(sql) {
          const database = new DatabaseSync(file);
          const rows = database.prepare(sql).all();
          database.close();
          return rows.map((row) => ({ ...row }));
        },
      };
    },
  },
  {
    kind: 'postgres',
    needs: needsPostgres,
    async create(scope) {
      const { url, query } = await createTestDatabase(scope);
      const rows = async (sql: string) =>
        (await query(sql)).map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [
              name,
              typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value,
            ]),
          ),
        );
      return { url, key: 'a-key-of-at-least-32-characters-length', query: rows };
    },
  },
];

/** Opens a store that closes when the test ends. */
export async function openKept(scope: Scope, options: StoreOptions): Promise<Store> {
  const store = await openStore(options);
  scope.after(store.close);
  return store;
}
