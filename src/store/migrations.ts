// How the tables came to be: each migration once per database, in the order of their names, whoever comes first.
import { sql, type Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';

/** What the two databases call the same thing. */
export interface ColumnTypes {
  /** A number that the database gives to each new row, greater than all before. */
  readonly serial: 'serial' | 'integer';
  readonly bytes: 'bytea' | 'blob';
}

/**
 * Brings a database to the newest tables. Safe when several replicas do it at once: one does it, the others wait.
 * Throws what the database throws; nothing is left half done (F-G24).
 */
export async function migrate<Any>(db: Kysely<Any>, types: ColumnTypes): Promise<void> {
  const migrations = { '2026-11-23-first': firstTables(types) };
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    // The database may have other tenants that use the same library.
    migrationTableName: 'gateway_migration',
    migrationLockTableName: 'gateway_migration_lock',
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

function firstTables({ serial, bytes }: ColumnTypes): Migration {
  const numbered = (db: Kysely<unknown>, table: string) =>
    db.schema
      .createTable(table)
      .addColumn('number', serial === 'serial' ? 'bigserial' : 'integer', (column) =>
        serial === 'serial' ? column.primaryKey() : column.primaryKey().autoIncrement(),
      );
  return {
    async up(db: Kysely<unknown>) {
      // SQLite files from before there were migrations: parts live for a day, approvals stay.
      if (serial === 'integer') {
        await db.schema.dropTable('parked_part_id').ifExists().execute();
        await db.schema.dropTable('parked_part').ifExists().execute();
      }
      await numbered(db, 'parked_part')
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('sealed', sql.raw(bytes), (column) => column.notNull())
        .addColumn('used', 'bigint', (column) => column.notNull())
        .execute();
      await createIndex(db, 'parked_part', ['id']);
      await createIndex(db, 'parked_part', ['used']);
      await db.schema
        .createTable('plugin_version')
        .ifNotExists()
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .addColumn('texts', 'text', (column) => column.notNull())
        .addColumn('reasons', 'text', (column) => column.notNull())
        .addColumn('since', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('plugin_version_key', ['source', 'state'])
        .execute();
      await numbered(db, 'run_record')
        .addColumn('id', 'text', (column) => column.notNull().unique())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('marked', 'integer', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('holder', 'text', (column) => column.notNull())
        .addColumn('lease', 'bigint', (column) => column.notNull())
        .addColumn('begun', 'bigint', (column) => column.notNull())
        .addColumn('effect', 'integer', (column) => column.notNull())
        .addColumn('delivered', 'integer', (column) => column.notNull())
        .addColumn('ended', 'bigint')
        .addColumn('size', 'bigint', (column) => column.notNull())
        .execute();
      await createIndex(db, 'run_record', ['key']);
      await numbered(db, 'run_piece')
        .addColumn('run', 'text', (column) =>
          column.notNull().references('run_record.id').onDelete('cascade'),
        )
        .addColumn('sealed', sql.raw(bytes), (column) => column.notNull())
        .execute();
      await createIndex(db, 'run_piece', ['run']);
    },
  };
}

async function createIndex(db: Kysely<unknown>, table: string, columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_${columns.join('_')}`)
    .on(table)
    .columns(columns)
    .execute();
}
