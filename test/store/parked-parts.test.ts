// Parked parts, in memory, in both databases, and through a restart.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import type { Json } from '../../src/openai/chat.ts';
import { openStore, type StoreOptions } from '../../src/store/store.ts';
import { createTestDatabase, needsPostgres } from '../postgres.ts';
import { kinds, openKept, sqliteFile } from './kinds.ts';

const hour = 3_600_000;
const execute = promisify(execFile);

async function find(options: StoreOptions, partition: string, ids: string[]): Promise<[string, Json[]][]> {
  const { parked, close } = await openStore(options);
  const found = await parked.find(partition, ids);
  await close();
  return [...found];
}

async function put(options: StoreOptions, partition: string, ids: string[], part: Json): Promise<void> {
  const { parked, close } = await openStore(options);
  await parked.put(partition, ids, part);
  await close();
}

for (const { kind, needs, create } of kinds) {
  describe(kind, needs, () => {
    const open = async (t: TestContext) => (await openKept(t, await create(t))).parked;

    test('every id of a call points to the part (P3)', async (t) => {
      const parts = await open(t);
      await parts.put('alice', ['a', 'b'], { n: 1 });
      const found = await parts.find('alice', ['b', 'x', 'a']);
      assert.deepEqual(
        [...found],
        [
          ['b', [{ n: 1 }]],
          ['a', [{ n: 1 }]],
        ],
      );
    });

    test('another partition misses (I7)', async (t) => {
      const parts = await open(t);
      await parts.put('alice', ['a'], 1);
      assert.equal((await parts.find('bob', ['a'])).size, 0);
      assert.equal((await parts.find('alice","a', ['a'])).size, 0);
    });

    test('an id that recurs keeps its last four parts, oldest first (P4)', async (t) => {
      const parts = await open(t);
      for (let n = 1; n <= 6; n += 1) await parts.put('alice', ['call_0'], n);
      assert.deepEqual((await parts.find('alice', ['call_0'])).get('call_0'), [3, 4, 5, 6]);
    });

    test('a part that is changed after it was put or found stays as it was', async (t) => {
      const parts = await open(t);
      const part = { messages: ['x'] };
      await parts.put('alice', ['a'], part);
      part.messages.push('y');
      const found = (await parts.find('alice', ['a'])).get('a')?.[0] as typeof part;
      found.messages.push('z');
      assert.deepEqual((await parts.find('alice', ['a'])).get('a'), [{ messages: ['x'] }]);
    });

    test('names like __proto__ are ids like others (D8)', async (t) => {
      const parts = await open(t);
      await parts.put('__proto__', ['__proto__', 'constructor'], 1);
      assert.equal((await parts.find('__proto__', ['constructor'])).size, 1);
      assert.equal((await parts.find('__proto__', ['toString'])).size, 0);
    });

    test('what was put is found, whatever it is', async (t) => {
      const parts = await open(t);
      let at = 0;
      await fc.assert(
        fc.asyncProperty(fc.jsonValue(), fc.string(), async (value, partition) => {
          const id = `call_${(at += 1)}`;
          await parts.put(partition, [id], value);
          const found = (await parts.find(partition, [id])).get(id);
          assert.equal(JSON.stringify(found), JSON.stringify([value]));
        }),
      );
    });
  });
}

describe('in memory', () => {
  test('a part is forgotten an hour after its last use (P8)', async () => {
    let now = 1_000_000;
    const { parked: parts } = await openStore({ url: 'memory:', now: () => now });
    await parts.put('alice', ['a'], 1);
    now += 0.9 * hour;
    assert.equal((await parts.find('alice', ['a'])).size, 1);
    now += 0.9 * hour;
    assert.equal((await parts.find('alice', ['a'])).size, 1);
    now += 1.1 * hour;
    assert.equal((await parts.find('alice', ['a'])).size, 0);
  });

  test('10,000 parts are kept, the least used go first (P8)', async () => {
    const { parked: parts } = await openStore({ url: 'memory:' });
    for (let n = 0; n <= 10_000; n += 1) await parts.put('alice', [`c${n}`], n);
    assert.equal((await parts.find('alice', ['c0'])).size, 0);
    assert.equal((await parts.find('alice', ['c1'])).size, 1);
  });

  test('no more than 64 MiB is kept (P8)', async () => {
    const { parked: parts } = await openStore({ url: 'memory:' });
    for (let n = 0; n < 8; n += 1) await parts.put('alice', [`c${n}`], 'x'.repeat(12 * 1024 * 1024));
    const ids = Array.from({ length: 8 }, (_, n) => `c${n}`);
    assert.deepEqual([...(await parts.find('alice', ids)).keys()], ['c3', 'c4', 'c5', 'c6', 'c7']);
  });
});

for (const { kind, needs, create } of kinds.filter(({ kind: name }) => name !== 'memory')) {
  describe(`in ${kind}`, needs, () => {
    test('a part survives a restart, with what was parked before it under the same id (P8)', async (t) => {
      const options = await create(t);
      await put(options, 'alice', ['a', 'b'], 1);
      await put(options, 'alice', ['a'], 2);
      assert.deepEqual(await find(options, 'alice', ['a', 'b']), [
        ['a', [1, 2]],
        ['b', [1]],
      ]);
      assert.deepEqual(await find(options, 'bob', ['a']), []);
    });

    test('what was parked before a restart comes before what is parked after it (P4)', async (t) => {
      const options = await create(t);
      for (const n of [1, 2]) await put(options, 'alice', ['call_0'], n);
      const { parked } = await openKept(t, options);
      await parked.put('alice', ['call_0'], 3);
      for (let times = 0; times < 2; times += 1)
        assert.deepEqual((await parked.find('alice', ['call_0'])).get('call_0'), [1, 2, 3]);
      for (const n of [4, 5]) await parked.put('alice', ['call_0'], n);
      assert.deepEqual((await parked.find('alice', ['call_0'])).get('call_0'), [2, 3, 4, 5]);
    });

    test('parts that are parked at the same time are all there after a restart (P8)', async (t) => {
      const options = await create(t);
      const { parked, close } = await openStore(options);
      const long = 'x'.repeat(300_000);
      const ids = Array.from({ length: 250 }, (_, at) => `call_${at}`);
      await Promise.all(ids.map((id, at) => parked.put('alice', [id, 'all'], at % 50 === 0 ? long : at)));
      await close();
      const found = new Map(await find(options, 'alice', [...ids, 'all']));
      assert.equal(found.size, 251);
      assert.deepEqual(found.get('call_50'), [long]);
      assert.equal(found.get('all')?.length, 4);
    });

    test('a part is forgotten 24 h after its last use, and its row goes', async (t) => {
      const { query, ...options } = await create(t);
      const at = (now: number) => ({ ...options, now: () => now });
      await put(at(0), 'alice', ['a'], 1);
      assert.equal((await find(at(20 * hour), 'alice', ['a'])).length, 1);
      assert.equal((await find(at(43 * hour), 'alice', ['a'])).length, 1);
      assert.equal((await find(at(68 * hour), 'alice', ['a'])).length, 0);
      await put(at(68 * hour), 'alice', ['b'], 1);
      assert.deepEqual(await query('SELECT used FROM parked_part'), [{ used: 68 * hour }]);
    });

    test('a row moved to another consumer does not open (S4)', async (t) => {
      const { query, ...options } = await create(t);
      await put(options, 'alice', ['a'], 1);
      await put(options, 'mallory', ['a'], 2);
      await query(`UPDATE parked_part SET sealed = (SELECT sealed FROM parked_part WHERE number = 1)`);
      assert.deepEqual(await find(options, 'mallory', ['a']), []);
      assert.deepEqual(await find(options, 'alice', ['a']), [['a', [1]]]);
    });

    test('altered bytes and another key are a miss, not a failure', async (t) => {
      const { query, ...created } = await create(t);
      const options = { ...created, key: 'k'.repeat(32) };
      await put(options, 'alice', ['a'], 1);
      assert.equal((await find(options, 'alice', ['a'])).length, 1);
      assert.equal((await find({ ...options, key: 'l'.repeat(32) }, 'alice', ['a'])).length, 0);
      await query('UPDATE parked_part SET sealed = sealed || sealed');
      assert.equal((await find(options, 'alice', ['a'])).length, 0);
    });

    test('F-G24: processes that start at once make the tables once', async (t) => {
      const { url, key, query } = await create(t);
      const store = new URL('../../src/store/store.ts', import.meta.url).href;
      const script = `const { openStore } = await import(process.argv[1]);
        const { parked, close } = await openStore(JSON.parse(process.argv[2]));
        await parked.put('alice', [process.argv[3]], 1);
        await close();`;
      const start = (id: string) =>
        execute(process.execPath, [
          '--input-type=module',
          '-e',
          script,
          store,
          JSON.stringify({ url, key }),
          id,
        ]);
      await Promise.all(['a', 'b', 'c', 'd'].map(start));
      assert.deepEqual(await query('SELECT count(*) AS rows FROM parked_part'), [{ rows: 4 }]);
      assert.equal((await query('SELECT name FROM gateway_migration')).length, 1);
    });
  });
}

describe('in postgres, shared', needsPostgres, () => {
  test('a replica finds what another one parked later under an id that recurs (P4)', async (t) => {
    const { url } = await createTestDatabase(t);
    const options = { url, key: 'k'.repeat(32) };
    const [a, b] = [await openKept(t, options), await openKept(t, options)];
    await a.parked.put('alice', ['call_0'], 1);
    assert.deepEqual((await b.parked.find('alice', ['call_0'])).get('call_0'), [1]);
    await a.parked.put('alice', ['call_0'], 2);
    assert.deepEqual((await b.parked.find('alice', ['call_0'])).get('call_0'), [1, 2]);
  });

  test('without a key, and with a wrong password, the start is refused, without the secret', async (t) => {
    const { url } = await createTestDatabase(t);
    await assert.rejects(openStore({ url }), /needs store\.key/);
    const wrong = new URL(url);
    wrong.password = 'hunter2-hunter2';
    const refused = openStore({ url: wrong.href, key: 'k'.repeat(32) });
    await assert.rejects(refused, (error: Error) => {
      assert.match(
        error.message,
        /^The store postgres:\/\/127\.0\.0\.1:\d+\/test_\w+ cannot be used: .*authentication/,
      );
      return !error.message.includes('hunter2');
    });
  });
});

describe('in the embedded database', () => {
  test('no byte of a part is on the disk in the clear (S4)', async (t) => {
    const file = await sqliteFile(t);
    const { parked: parts, close } = await openStore({ url: `sqlite:${file}` });
    await parts.put('alice', ['a'], { content: 'canary-7731-canary' });
    for (const name of [file, `${file}-wal`]) {
      assert.ok(!existsSync(name) || !readFileSync(name).includes('canary-7731'), name);
    }
    await close();
    assert.ok(!readFileSync(file).includes('canary-7731'));
  });

  test('the key file is readable by its owner alone', async (t) => {
    const file = await sqliteFile(t);
    await put({ url: `sqlite:${file}` }, 'alice', ['a'], 1);
    assert.equal(statSync(`${file}.key`).mode & 0o777, 0o600);
    chmodSync(`${file}.key`, 0o644);
    assert.equal((await find({ url: `sqlite:${file}` }, 'alice', ['a'])).length, 1);
    assert.equal(statSync(`${file}.key`).mode & 0o777, 0o600);
  });

  test('a file that is no database, a weak key and a broken key file refuse the start, naming the file (F-G11)', async (t) => {
    const file = await sqliteFile(t);
    await put({ url: `sqlite:${file}` }, 'alice', ['a'], 1);
    await assert.rejects(
      openStore({ url: `sqlite:${file}`, key: 'short' }),
      /gateway\.db cannot be used.*32/,
    );
    writeFileSync(`${file}.key`, 'broken');
    await assert.rejects(openStore({ url: `sqlite:${file}` }), /gateway\.db cannot be used.*64 hex/);
    writeFileSync(file, 'x'.repeat(5000));
    const key = 'k'.repeat(32);
    await assert.rejects(openStore({ url: `sqlite:${file}`, key }), /gateway\.db cannot be used/);
  });

  test('a disk that fails later is logged, and memory goes on (P2)', async (t) => {
    const errors: string[] = [];
    const log = {
      debug() {},
      info() {},
      warn() {},
      error: (message: string) => void errors.push(message),
      child: () => log,
    };
    const url = `sqlite:${await sqliteFile(t)}`;
    const { parked: parts, close } = await openStore({ url, log });
    await close();
    await parts.put('alice', ['a'], 1);
    assert.deepEqual((await parts.find('alice', ['a'])).get('a'), [1]);
    assert.equal(errors.length, 2);
  });
});
