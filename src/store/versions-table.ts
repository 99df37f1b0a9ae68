// Versions of remote plugins in the database: an approval outlives a power failure, and every replica sees it (R5).
import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { PluginVersion, VersionRows, VersionState } from './plugin-versions.ts';
import type { Tables } from './tables.ts';

const columns = ['source', 'name', 'hash', 'texts', 'reasons', 'since'] as const;

/** Makes the rows of an open database. */
export function createVersionsTable(database: Database): VersionRows {
  const change = <T>(work: (db: Transaction<Tables>) => Promise<T>) =>
    database.transact(work, { durable: true });
  return {
    find: (source, state) =>
      database.run(async (db) => {
        const row = db.selectFrom('plugin_version').select(columns);
        return (await row.where('source', '=', source).where('state', '=', state).executeTakeFirst()) ?? null;
      }),
    all: (state) =>
      database.run((db) =>
        db.selectFrom('plugin_version').select(columns).where('state', '=', state).orderBy('name').execute(),
      ),
    put: (state, version) =>
      change(async (db) => {
        await upsert(db, state, version);
        if (state === 'approved') await remove(db, version.source, 'waiting');
      }),
    remove: (source, state) => change((db) => remove(db, source, state)),
    promote: (source, hash, since) =>
      change(async (db) => {
        const waits = db
          .selectFrom('plugin_version')
          .select(columns)
          .where('source', '=', source)
          .where('state', '=', 'waiting')
          .where('hash', '=', hash);
        const version = await waits.executeTakeFirst();
        if (!version) return false;
        await remove(db, source, 'approved');
        await upsert(db, 'approved', { ...version, since });
        await remove(db, source, 'waiting');
        return true;
      }),
  };
}

/** The time stays as long as the version is the same. */
async function upsert(db: Transaction<Tables>, state: VersionState, version: PluginVersion): Promise<void> {
  // A name comes from a manifest; PostgreSQL has no such character.
  const row = { ...version, state, name: version.name.replaceAll('\0', '') };
  await db
    .insertInto('plugin_version')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['source', 'state']).doUpdateSet((update) => ({
        since: update
          .case()
          .when('plugin_version.hash', '=', update.ref('excluded.hash'))
          .then(update.ref('plugin_version.since'))
          .else(update.ref('excluded.since'))
          .end(),
        name: update.ref('excluded.name'),
        hash: update.ref('excluded.hash'),
        texts: update.ref('excluded.texts'),
        reasons: update.ref('excluded.reasons'),
      })),
    )
    .execute();
}

async function remove(db: Transaction<Tables>, source: string, state: VersionState): Promise<void> {
  await db.deleteFrom('plugin_version').where('source', '=', source).where('state', '=', state).execute();
}
