// What is kept of an answer, for a client that asks again.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EndedAttempt } from '../../src/http/ended-attempt.ts';

const ended = { id: 'run', headers: () => ({}), delivered: () => true };

test('T6: a kept answer does not hold the pool that its bytes were cut from', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const poolSize = 64 * 1024;
  const count = 200;

  collect();
  const before = process.memoryUsage().arrayBuffers;
  const kept = Array.from(
    { length: count },
    () => new EndedAttempt(ended, Buffer.alloc(poolSize, 'x').subarray(0, 1_000)),
  );
  collect();
  const held = process.memoryUsage().arrayBuffers - before;
  assert.equal(kept[0]?.log.said().length, 1_000);
  assert.ok(held < (count * poolSize) / 10, `${held} bytes are held`);
});

test('T6: a kept answer is given again byte by byte', async () => {
  const bytes = Buffer.from('\uFEFF{"content":"ä, 中, 😀"}\n');
  const { log } = new EndedAttempt(ended, bytes);
  assert.deepEqual(await log.all(), bytes);
});
