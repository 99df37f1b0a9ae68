// Run records are bounded: in number, in size, in time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { LiveLog } from '../../src/http/event-log.ts';
import { createRunRecords, recordLimits, type Attempt, type RunLink } from '../../src/http/run-records.ts';
import type { RunTape } from '../../src/http/run-tape.ts';

let number = 0;

/** An attempt that says one text, after a plugin call that may have changed something if `effect`. */
function attempt(text: string, effect = false) {
  return (tape: RunTape): Attempt => {
    async function* say() {
      if (effect) {
        const call = async (_call: unknown, _signal: unknown, onSideEffect: () => void | Promise<void>) => {
          await onSideEffect();
          return { content: 'ok' };
        };
        const { signal } = new AbortController();
        const taped = tape.play({ ask: async () => ({ whole: null, pieces: [] }), call }, signal);
        const toolCall = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
        await taped.call(toolCall, signal);
      }
      yield text;
    }
    const log = new LiveLog(say(), { room: tape });
    return {
      id: String((number += 1)),
      log,
      headers: () => ({}),
      serve: () => {},
      delivered: () => false,
      released: Promise.resolve(),
    };
  };
}

async function finish({ log }: Attempt): Promise<void> {
  for await (const _ of log.read());
}

const idOf = (made: Attempt | undefined) => made?.id;

const marks = (key: string, marked = true) => ({ key, body: key, marked, run: key });

test('T6: the oldest ended record goes when there are too many; those with a side effect go last', async () => {
  const records = createRunRecords({ ...recordLimits, records: 3 });
  const first: Attempt[] = [];
  for (const key of ['effect', 'a', 'b', 'c']) {
    const made = records.join(marks(key), attempt(key, key === 'effect'));
    first.push(made);
    await finish(made);
  }
  const again = ['effect', 'b', 'c'].map((key) => records.join(marks(key), attempt('new')));
  assert.deepEqual(again.map(idOf), [first[0], first[2], first[3]].map(idOf));
  assert.notEqual(idOf(records.join(marks('a'), attempt('new'))), idOf(first[1]));
});

test('T6: all records together keep no more than their room', async () => {
  const records = createRunRecords({ ...recordLimits, characters: 1000 });
  const made: Attempt[] = [];
  for (const key of ['a', 'b', 'c']) {
    made.push(records.join(marks(key), attempt('x'.repeat(400))));
    await finish(made.at(-1) as Attempt);
  }
  assert.notEqual(idOf(records.join(marks('a'), attempt('new'))), idOf(made[0]));
  assert.equal(idOf(records.join(marks('c'), attempt('new'))), idOf(made[2]));
});

test('T6: of a run whose answer is whole, the steps leave their room to others', async () => {
  const records = createRunRecords({ ...recordLimits, characters: 1000 });
  const say = attempt('answer');
  const first = records.join(marks('a'), (tape) => {
    setImmediate(() => tape.keep(700));
    return say(tape);
  });
  await new Promise(setImmediate);
  await finish(first);
  await new Promise(setImmediate);
  await finish(records.join(marks('b'), attempt('x'.repeat(900))));
  assert.equal(idOf(records.join(marks('a'), attempt('new'))), first.id);
});

test('T6: what is kept of an answer is given again, to as many as ask', async () => {
  const records = createRunRecords();
  await finish(records.join(marks('a'), attempt('words')));
  await new Promise(setImmediate);
  for (let times = 0; times < 2; times += 1) {
    const { log } = records.join(marks('a'), attempt('new'));
    assert.deepEqual(await Array.fromAsync(log.read()), ['words']);
    assert.equal(Buffer.from(await log.all()).toString(), 'words');
  }
});

test('T6: a record that makes room by its own going takes none along', async () => {
  const records = createRunRecords({ ...recordLimits, characters: 1000 });
  let late = (_characters: number): boolean => true;
  const made = records.join(marks('a'), (tape) => {
    late = (characters) => tape.keep(characters);
    return attempt('x'.repeat(600))(tape);
  });
  await finish(made);
  await new Promise(setImmediate);
  assert.equal(late(700), false);
  const next = records.join(marks('b'), attempt('x'.repeat(900)));
  await finish(next);
  assert.equal(idOf(records.join(marks('b'), attempt('new'))), next.id);
});

test('T6: of a run whose answer is whole, nothing stays that was for other replicas and never left', async () => {
  const records = createRunRecords();
  for (const [key, record] of [
    ['a', null],
    ['b', 'known'],
  ] as const) {
    const link: RunLink = {
      record: () => record,
      note: () => {},
      leave: async () => ({ stays: false, known: [] }),
      end: async () => {},
    };
    await finish(records.open(marks(key), attempt('text'), { link }));
    await new Promise(setImmediate);
    assert.equal(records.find(marks(key))?.link, record && link);
  }
});

test('T6: a record lives for its time after the end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const records = createRunRecords();
  const made = records.join(marks('a'), attempt('text'));
  await finish(made);
  t.mock.timers.tick(119_000);
  assert.equal(idOf(records.join(marks('a'), attempt('new'))), idOf(made));
  t.mock.timers.tick(2_000);
  assert.notEqual(idOf(records.join(marks('a'), attempt('new'))), idOf(made));
});

test('T4: an unmarked repetition counts for 60 s, and only after a side effect', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  for (const [effect, later, same] of [
    [true, 59_000, true],
    [true, 61_000, false],
    [false, 1_000, false],
  ] as const) {
    const records = createRunRecords();
    const made = records.join(marks('a', false), attempt('text', effect));
    await finish(made);
    t.mock.timers.tick(later);
    const again = records.join(marks('a', false), attempt('new'));
    assert.equal(idOf(again) === idOf(made), same, `${effect} ${later}`);
  }
});
