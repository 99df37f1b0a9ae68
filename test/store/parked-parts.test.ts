// Parked parts, in memory and through a restart.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../../src/openai/chat.ts';
import {
  createParkedParts,
  type ParkedParts,
  type ParkedPartsOptions,
} from '../../src/store/parked-parts.ts';

const hour = 3_600_000;

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-store-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'data', 'gateway.db');
}

async function find(
  options: ParkedPartsOptions,
  partition: string,
  ids: string[],
): Promise<[string, Json[]][]> {
  const parts = createParkedParts(options);
  const found = await parts.find(partition, ids);
  await parts.close();
  return [...found];
}

async function put(options: ParkedPartsOptions, partition: string, ids: string[], part: Json): Promise<void> {
  const parts = createParkedParts(options);
  await parts.put(partition, ids, part);
  await parts.close();
}

async function open(t: TestContext, kind: 'memory' | 'sqlite'): Promise<ParkedParts> {
  const parts = createParkedParts({ url: kind === 'memory' ? 'memory:' : `sqlite:${await temporary(t)}` });
  t.after(() => parts.close());
  return parts;
}

for (const kind of ['memory', 'sqlite'] as const) {
  describe(kind, () => {
    test('every id of a call points to the part (P3)', async (t) => {
      const parts = await open(t, kind);
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
      const parts = await open(t, kind);
      await parts.put('alice', ['a'], 1);
      assert.equal((await parts.find('bob', ['a'])).size, 0);
      assert.equal((await parts.find('alice","a', ['a'])).size, 0);
    });

    test('an id that recurs keeps its last four parts, oldest first (P4)', async (t) => {
      const parts = await open(t, kind);
      for (let n = 1; n <= 6; n += 1) await parts.put('alice', ['call_0'], n);
      assert.deepEqual((await parts.find('alice', ['call_0'])).get('call_0'), [3, 4, 5, 6]);
    });

    test('a part that is changed after it was put or found stays as it was', async (t) => {
      const parts = await open(t, kind);
      const part = { messages: ['x'] };
      await parts.put('alice', ['a'], part);
      part.messages.push('y');
      const found = (await parts.find('alice', ['a'])).get('a')?.[0] as typeof part;
      found.messages.push('z');
      assert.deepEqual((await parts.find('alice', ['a'])).get('a'), [{ messages: ['x'] }]);
    });

    test('names like __proto__ are ids like others (D8)', async (t) => {
      const parts = await open(t, kind);
      await parts.put('__proto__', ['__proto__', 'constructor'], 1);
      assert.equal((await parts.find('__proto__', ['constructor'])).size, 1);
      assert.equal((await parts.find('__proto__', ['toString'])).size, 0);
    });

    test('what was put is found, whatever it is', async (t) => {
      const parts = await open(t, kind);
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
    const parts = createParkedParts({ url: 'memory:', now: () => now });
    await parts.put('alice', ['a'], 1);
    now += 0.9 * hour;
    assert.equal((await parts.find('alice', ['a'])).size, 1);
    now += 0.9 * hour;
    assert.equal((await parts.find('alice', ['a'])).size, 1);
    now += 1.1 * hour;
    assert.equal((await parts.find('alice', ['a'])).size, 0);
  });

  test('10,000 parts are kept, the least used go first (P8)', async () => {
    const parts = createParkedParts({ url: 'memory:' });
    for (let n = 0; n <= 10_000; n += 1) await parts.put('alice', [`c${n}`], n);
    assert.equal((await parts.find('alice', ['c0'])).size, 0);
    assert.equal((await parts.find('alice', ['c1'])).size, 1);
  });

  test('no more than 64 MiB is kept (P8)', async () => {
    const parts = createParkedParts({ url: 'memory:' });
    for (let n = 0; n < 8; n += 1) await parts.put('alice', [`c${n}`], 'x'.repeat(12 * 1024 * 1024));
    const ids = Array.from({ length: 8 }, (_, n) => `c${n}`);
    assert.deepEqual([...(await parts.find('alice', ids)).keys()], ['c3', 'c4', 'c5', 'c6', 'c7']);
  });
});

describe('in the embedded database', () => {
  test('a part survives a restart, with what was parked before it under the same id (P8)', async (t) => {
    const url = `sqlite:${await temporary(t)}`;
    await put({ url }, 'alice', ['a', 'b'], 1);
    await put({ url }, 'alice', ['a'], 2);
    assert.deepEqual(await find({ url }, 'alice', ['a', 'b']), [
      ['a', [1, 2]],
      ['b', [1]],
    ]);
    assert.deepEqual(await find({ url }, 'bob', ['a']), []);
  });

  test('a part is forgotten 24 h after its last use, and its row goes', async (t) => {
    const file = await temporary(t);
    const at = (now: number) => ({ url: `sqlite:${file}`, now: () => now });
    await put(at(0), 'alice', ['a'], 1);
    assert.equal((await find(at(20 * hour), 'alice', ['a'])).length, 1);
    assert.equal((await find(at(43 * hour), 'alice', ['a'])).length, 1);
    assert.equal((await find(at(68 * hour), 'alice', ['a'])).length, 0);
    const database = new DatabaseSync(file);
    assert.deepEqual(database.prepare('SELECT count(*) AS n FROM parked_part_id').get(), {
      __proto__: null,
      n: 0,
    });
    database.close();
  });

  test('no byte of a part is on the disk in the clear (S4)', async (t) => {
    const file = await temporary(t);
    const parts = createParkedParts({ url: `sqlite:${file}` });
    await parts.put('alice', ['a'], { content: 'canary-7731-canary' });
    for (const name of [file, `${file}-wal`]) {
      assert.ok(!existsSync(name) || !readFileSync(name).includes('canary-7731'), name);
    }
    await parts.close();
    assert.ok(!readFileSync(file).includes('canary-7731'));
  });

  test('a row moved to another consumer does not open (S4)', async (t) => {
    const file = await temporary(t);
    await put({ url: `sqlite:${file}` }, 'alice', ['a'], 1);
    const database = new DatabaseSync(file);
    database.exec("UPDATE parked_part_id SET partition = 'mallory'");
    database.close();
    assert.deepEqual(await find({ url: `sqlite:${file}` }, 'mallory', ['a']), []);
  });

  test('altered bytes and another key are a miss, not a failure', async (t) => {
    const file = await temporary(t);
    const url = `sqlite:${file}`;
    await put({ url, key: 'k'.repeat(32) }, 'alice', ['a'], 1);
    assert.equal((await find({ url, key: 'k'.repeat(32) }, 'alice', ['a'])).length, 1);
    assert.equal((await find({ url, key: 'l'.repeat(32) }, 'alice', ['a'])).length, 0);
    const database = new DatabaseSync(file);
    database.exec("UPDATE parked_part SET sealed = sealed || x'00'");
    database.close();
    assert.equal((await find({ url, key: 'k'.repeat(32) }, 'alice', ['a'])).length, 0);
  });

  test('the key file is readable by its owner alone', async (t) => {
    const file = await temporary(t);
    await put({ url: `sqlite:${file}` }, 'alice', ['a'], 1);
    assert.equal(statSync(`${file}.key`).mode & 0o777, 0o600);
    chmodSync(`${file}.key`, 0o644);
    assert.equal((await find({ url: `sqlite:${file}` }, 'alice', ['a'])).length, 1);
    assert.equal(statSync(`${file}.key`).mode & 0o777, 0o600);
  });

  test('a file that is no database, a weak key and a broken key file refuse the start, naming the file (F-G11)', async (t) => {
    const file = await temporary(t);
    await put({ url: `sqlite:${file}` }, 'alice', ['a'], 1);
    assert.throws(
      () => createParkedParts({ url: `sqlite:${file}`, key: 'short' }),
      /gateway\.db cannot be used.*32/,
    );
    writeFileSync(`${file}.key`, 'broken');
    assert.throws(() => createParkedParts({ url: `sqlite:${file}` }), /gateway\.db cannot be used.*64 hex/);
    writeFileSync(file, 'x'.repeat(5000));
    const key = 'k'.repeat(32);
    assert.throws(() => createParkedParts({ url: `sqlite:${file}`, key }), /gateway\.db cannot be used/);
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
    const parts = createParkedParts({ url: `sqlite:${await temporary(t)}`, log });
    await parts.close();
    await parts.put('alice', ['a'], 1);
    assert.deepEqual((await parts.find('alice', ['a'])).get('a'), [1]);
    assert.equal(errors.length, 2);
  });
});
