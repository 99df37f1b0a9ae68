// The log of a run's answer: several read it, each from its start, at its own pace, within a bound of memory.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LiveLog, type EventLog } from '../../src/http/event-log.ts';

async function* say(pieces: readonly string[], onPiece = (_number: number): void => {}) {
  for (const [number, piece] of pieces.entries()) {
    onPiece(number);
    yield piece;
  }
}

const plenty = { room: { keep: () => true } };

async function readAll(log: EventLog): Promise<string[]> {
  return Array.fromAsync(log.read(), String);
}

test('T4: readers that come at any time read the same, from the start', async () => {
  const texts = fc.array(fc.string(), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), async (pieces, joins) => {
      const readers: Promise<string[]>[] = [];
      const log = new LiveLog(
        say(pieces, (number) => {
          if (joins.includes(number)) readers.push(readAll(log));
        }),
        plenty,
      );
      readers.push(readAll(log));
      for (const read of await Promise.all(readers)) assert.deepEqual(read, pieces);
      assert.deepEqual(await readAll(log), pieces);
      assert.equal(log.state(), 'done');
    }),
  );
});

test('K10: the source is asked no further than the farthest reader reads', async () => {
  const said: number[] = [];
  const log = new LiveLog(
    say(['a', 'b', 'c'], (number) => said.push(number)),
    plenty,
  );
  const reader = log.read();
  await reader.next();
  assert.deepEqual(said, [0]);
  assert.equal(log.state(), 'open');
});

test('T4: a failure is thrown to every reader, after what was said', async () => {
  async function* fail() {
    yield 'a';
    throw new Error('failed');
  }
  const log = new LiveLog(fail(), plenty);
  for (const _ of [1, 2]) {
    const reader = log.read();
    assert.equal(String((await reader.next()).value), 'a');
    await assert.rejects(reader.next(), /failed/);
  }
  assert.equal(log.state(), 'failed');
});

test('a log that is cut ends its source', async () => {
  let finished = false;
  async function* endless() {
    try {
      for (;;) yield 'a';
    } finally {
      finished = true;
    }
  }
  const log = new LiveLog(endless(), plenty);
  const reader = log.read();
  await reader.next();
  log.cut(new Error('gone'));
  await log.closed;
  await assert.rejects(reader.next(), /gone/);
  assert.equal(log.state(), 'cut');
  assert.ok(finished);
});

test('T6: a log over its bound gives back its room, and stays readable for who reads it', async () => {
  let kept = 0;
  const keep = (characters: number) => {
    kept += characters;
    return true;
  };
  const piece = 'x'.repeat(1000);
  const log = new LiveLog(say(Array.from({ length: 500 }, () => piece)), { room: { keep }, maxKept: 10_000 });
  const read = await readAll(log);
  assert.equal(read.length, 500);
  assert.equal(log.whole(), false);
  assert.equal(kept, 0);
  await assert.rejects(log.read().next(), /too far behind/);
});

test('T6: a log for which there is no room is not kept', async () => {
  const log = new LiveLog(say(['a', 'b']), { room: { keep: (wanted) => wanted <= 0 } });
  assert.deepEqual(await readAll(log), ['a', 'b']);
  assert.equal(log.whole(), false);
});

test('K10: a piece is said at once only to the one reader that waits and can take it', async () => {
  const asked = Promise.withResolvers<void>();
  async function* wait() {
    yield 'a';
    await asked.promise;
    yield 'c';
  }
  const log = new LiveLog(wait(), plenty);
  const heard: string[] = [];
  let ready = true;
  const reader = log.read();
  reader.listen?.({ ready: () => ready, hear: (piece) => void heard.push(piece) });
  assert.equal(log.ready(), false, 'nobody has asked yet');
  assert.equal(String((await reader.next()).value), 'a');
  assert.equal(log.ready(), false, 'the reader is not back yet');
  const next = reader.next();
  ready = false;
  assert.equal(log.ready(), false, 'the reader cannot take more');
  ready = true;
  assert.equal(log.ready(), true);
  log.hear('b');
  assert.deepEqual(heard, ['b']);
  asked.resolve();
  assert.equal(String((await next).value), 'c');
  assert.equal((await reader.next()).done, true);
  assert.deepEqual(await readAll(log), ['a', 'b', 'c']);
});

test('T4: with a second reader nothing is said at once: each reads at its own pace', async () => {
  const log = new LiveLog(say(['a', 'b']), plenty);
  const reader = log.read();
  reader.listen?.({ ready: () => true, hear: () => assert.fail('heard') });
  const second = log.read();
  await reader.next();
  const next = reader.next();
  assert.equal(log.ready(), false);
  assert.equal(String((await next).value), 'b');
  assert.equal(String((await second.next()).value), 'a');
});
