// Run records that replicas share: claimed by one at a time, bounded, gone after their time (T6).
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import type { RunsTable } from '../../src/store/runs-table.ts';
import { createTestDatabase, needsPostgres } from '../postgres.ts';
import { openKept } from './kinds.ts';

async function replicas(t: TestContext, count: number) {
  const { url, query } = await createTestDatabase(t);
  const options = { url, key: 'k'.repeat(32) };
  const stores = await Promise.all(Array.from({ length: count }, () => openKept(t, options)));
  const tables = stores.flatMap(({ runs }) => runs ?? []);
  return { tables, query, options };
}

const claimed = (run: string) => ({ key: 'k', body: 'b', marked: true, make: run });

async function end(table: RunsTable | undefined, run: string, pieces: string[] = ['answer']): Promise<void> {
  await table?.end('k', run, { state: 'done', pieces, delivered: true });
}

describe('run records', needsPostgres, () => {
  test('of ten that claim at once, one runs it', async (t) => {
    const { tables } = await replicas(t, 5);
    const all = [...tables, ...tables].map((table, at) => table.claim(claimed(`run-${at}`)));
    const kinds = (await Promise.all(all)).map((one) => one?.kind);
    assert.equal(kinds.filter((kind) => kind === 'new').length, 1);
    assert.equal(kinds.filter((kind) => kind === 'running').length, 9);
  });

  test('of ten that find it dead, one takes it', async (t) => {
    const { tables, query } = await replicas(t, 5);
    await tables[0]?.claim(claimed('run'));
    await query('UPDATE run_record SET lease = (extract(epoch from now()) * 1000)::bigint - 1');
    const all = [...tables, ...tables].map((table) => table.claim(claimed('other')));
    const kinds = (await Promise.all(all)).map((one) => one?.kind);
    assert.equal(kinds.filter((kind) => kind === 'taken').length, 1);
  });

  test('who has lost a run can write nothing there', async (t) => {
    const { tables, query } = await replicas(t, 2);
    const [a, b] = tables;
    await a?.claim(claimed('run'));
    assert.equal(await a?.append('k', 'run', ['one'], { effect: true }), true);
    await query('UPDATE run_record SET lease = lease - 15000');
    const taken = await b?.claim(claimed('other'));
    assert.deepEqual(taken, { kind: 'taken', run: 'run', mine: false, pieces: ['one'] });
    assert.equal(await a?.append('k', 'run', ['two'], { effect: false }), false);
    await end(a, 'run', ['stolen']);
    await a?.forget('run');
    assert.equal(await b?.running('run'), true);
    await end(b, 'run', ['three']);
    const again = await a?.claim(claimed('third'));
    assert.deepEqual(again, { kind: 'ended', run: 'run', mine: false, pieces: ['one', 'three'] });
  });

  test('a lease is renewed for as long as the run goes on', async (t) => {
    const { tables, query } = await replicas(t, 2);
    const lease = async () => Number((await query('SELECT lease FROM run_record'))[0]?.['lease']);
    await tables[0]?.claim(claimed('run'));
    const first = await lease();
    for (let tries = 0; tries < 300 && (await lease()) === first; tries += 1) await wait(25);
    assert.ok((await lease()) > first + 3_000);
  });

  test('a record ends two minutes after its run', async (t) => {
    const { tables, query } = await replicas(t, 1);
    await tables[0]?.claim(claimed('run'));
    await end(tables[0], 'run');
    await query('UPDATE run_record SET ended = ended - 121000');
    assert.equal((await tables[0]?.claim(claimed('next')))?.kind, 'new');
    await end(tables[0], 'next');
  });

  test('no more than 1,000 records and 64 MiB are kept; those with a side effect go last', async (t) => {
    const { options, query } = await replicas(t, 1);
    const insert = (from: number, to: number, effect: number, size: number) =>
      query(
        `INSERT INTO run_record (id, key, body, marked, state, holder, lease, begun, effect, delivered, ended, size)
         SELECT 'r' || n, 'x' || n, 'b', 0, 'done', 'h', 0, 0, ${effect}, 0, (extract(epoch from now()) * 1000)::bigint, ${size}
         FROM generate_series(${from}, ${to}) AS n`,
      );
    const left = async () => {
      // The first end in a process sweeps.
      const { runs } = await openKept(t, options);
      await end(runs ?? undefined, 'nothing');
      return query('SELECT effect, count(*)::int AS n FROM run_record GROUP BY effect ORDER BY effect');
    };
    await insert(1, 600, 1, 10);
    await insert(601, 1_300, 0, 10);
    assert.deepEqual(await left(), [
      { effect: 0, n: 400 },
      { effect: 1, n: 600 },
    ]);
    await query(`UPDATE run_record SET size = 1048576 WHERE effect = 1`);
    assert.deepEqual(await left(), [{ effect: 1, n: 64 }]);
  });
});
