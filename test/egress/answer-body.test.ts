// The body of an answer between the socket and its reader.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { AnswerBody } from '../../src/egress/answer-body.ts';

function createBody() {
  const heard: string[] = [];
  const body = new AnswerBody({
    onDrained: () => heard.push('drained'),
    onLeft: (unread) => heard.push(`left ${unread}`),
  });
  return { body, heard };
}

const bytes = (length: number) => new Uint8Array(length);

test('a reader gets every piece in order, whenever the pieces come', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.uint8Array({ minLength: 1 }), fc.boolean())), async (plan) => {
      const { body } = createBody();
      const read = (async () => Buffer.concat(await Array.fromAsync(body)))();
      for (const [piece, pause] of plan) {
        body.push(piece);
        if (pause) await setImmediate();
      }
      body.end();
      assert.deepEqual(await read, Buffer.concat(plan.map(([piece]) => piece)));
    }),
  );
});

test('K10: a slow reader is told of at 64 KiB, and when it has taken everything', async () => {
  const { body, heard } = createBody();
  assert.equal(body.push(bytes(60_000)), true);
  assert.equal(body.push(bytes(6_000)), false);
  await body.next();
  assert.deepEqual(heard, []);
  await body.next();
  assert.deepEqual(heard, ['drained']);
});

test('a failure takes the place of what has not been read', async () => {
  const { body } = createBody();
  body.push(bytes(3));
  body.fail(new Error('cut'));
  await assert.rejects(body.next(), /cut/);
});

test('a failure reaches the reader that waits', async () => {
  const { body } = createBody();
  const waiting = body.next();
  body.fail(new Error('cut'));
  await assert.rejects(waiting, /cut/);
});

test('who leaves before the end says how much is unread, once', async () => {
  const { body, heard } = createBody();
  body.push(bytes(7));
  await body.return();
  await body.return();
  assert.deepEqual(heard, ['left 7']);
  assert.deepEqual(await body.next(), { done: true, value: undefined });
});

test('who leaves after the end leaves nothing', async () => {
  const { body, heard } = createBody();
  body.end();
  await body.return();
  assert.deepEqual(heard, []);
});
