// A PostgreSQL server that is away: nothing fails, nobody waits long, and all is well when it is back (F-G10).
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { createKeptLog } from '../gateway/kept-log.ts';
import { openWay } from '../cut-off.ts';
import { createTestDatabase, needsPostgres } from '../postgres.ts';
import { openKept } from './kinds.ts';

const key = 'k'.repeat(32);

/** Asks until it is so, for ten seconds. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200 && !(await isSo()); tries += 1) await wait(50);
  assert.ok(await isSo());
}

describe('a database that is away', needsPostgres, () => {
  test('P2, P7: parking goes on in memory, and reaches the database again later', async (t) => {
    const { url } = await createTestDatabase(t);
    const way = await openWay(t, url);
    const { log, records } = createKeptLog();
    const [a, b] = [await openKept(t, { url: way.url, key, log }), await openKept(t, { url, key })];
    await a.parked.put('alice', ['a'], 1);
    way.cut();
    await a.parked.put('alice', ['b'], 2);
    const started = performance.now();
    for (let at = 0; at < 50; at += 1) {
      assert.equal((await a.parked.find('alice', ['a', 'b'])).size, 2);
      assert.equal((await a.parked.find('alice', ['x'])).size, 0);
    }
    assert.ok(performance.now() - started < 1_000, 'a database that is away is left alone');
    assert.equal((await b.parked.find('alice', ['b'])).size, 0);
    way.mend();
    await until(async () => {
      await a.parked.put('alice', ['c'], 3);
      return (await b.parked.find('alice', ['c'])).size === 1;
    });
    assert.equal(records('the store does not answer: requests go on without it').length, 1);
    const [back] = records('the store answers again');
    assert.ok(Number(back?.['missed']) >= 100);
  });

  test('F-G10: the store opens without it, and makes its tables when it comes', async (t) => {
    const { url } = await createTestDatabase(t);
    const way = await openWay(t, url);
    way.cut();
    const store = await openKept(t, { url: way.url, key });
    await store.parked.put('alice', ['a'], 1);
    await assert.rejects(store.versions.find('x', 'approved'), { name: 'StoreDownError' });
    way.mend();
    await until(() =>
      store.versions.find('x', 'approved').then(
        () => true,
        () => false,
      ),
    );
    await store.parked.put('alice', ['b'], 2);
    assert.equal((await (await openKept(t, { url, key })).parked.find('alice', ['b'])).size, 1);
  });

  test('one that takes questions and never answers costs one deadline', async (t) => {
    const { url } = await createTestDatabase(t);
    const way = await openWay(t, url);
    const store = await openKept(t, { url: way.url, key });
    await store.parked.put('alice', ['a'], 1);
    way.freeze();
    const started = performance.now();
    assert.equal((await store.parked.find('alice', ['a'])).size, 1);
    assert.ok(performance.now() - started < 4_000);
    const second = performance.now();
    assert.equal((await store.parked.find('alice', ['a'])).size, 1);
    assert.ok(performance.now() - second < 100);
    way.mend();
    await until(() =>
      store.versions.find('x', 'approved').then(
        () => true,
        () => false,
      ),
    );
  });
});
