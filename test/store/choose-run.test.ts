// Which recorded run a request repeats (T4), row by row.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseRun, type RunRow } from '../../src/store/choose-run.ts';

const row = (given: Partial<RunRow> = {}): RunRow => ({
  id: 'a',
  body: 'x',
  marked: 0,
  state: 'done',
  effect: 1,
  delivered: 0,
  lease: 0,
  mine: false,
  abandoned: false,
  age: 1_000,
  begunAgo: 2_000,
  ...given,
});

const marked = { body: 'x', marked: true };
const unmarked = { body: 'x', marked: false };
const leaving = { ...unmarked, pieces: [] };

for (const [what, rows, asked, kind, id] of [
  ['nothing known', [], marked, 'new', null],
  ['a marked one joins what runs', [row({ state: 'running' })], marked, 'running', 'a'],
  ['a marked one gets an answer', [row()], marked, 'ended', 'a'],
  ['a marked one gets an error', [row({ state: 'failed' })], marked, 'ended', 'a'],
  ['a marked one takes up what was cut', [row({ state: 'cut' })], marked, 'taken', 'a'],
  ['a marked one takes up what has died', [row({ state: 'running', abandoned: true })], marked, 'taken', 'a'],
  ['of several, the one that was cut', [row({ state: 'cut' }), row({ id: 'b' })], marked, 'taken', 'a'],
  ['of several, else the last', [row(), row({ id: 'b' })], marked, 'ended', 'b'],
  ['T3: another body', [row({ body: 'y' })], marked, 'reused', null],
  [
    'an unmarked one takes up what broke off after an effect',
    [row({ state: 'failed' })],
    unmarked,
    'taken',
    'a',
  ],
  ['not when it was delivered', [row({ delivered: 1 })], unmarked, 'new', null],
  ['not without an effect', [row({ state: 'cut', effect: 0 })], unmarked, 'new', null],
  ['not after a minute', [row({ state: 'cut', age: 61_000 })], unmarked, 'new', null],
  ['not while it runs', [row({ state: 'running' })], unmarked, 'new', null],
  ['its own runs are not asked for', [row({ state: 'cut', mine: true })], unmarked, 'new', null],
  ['unless they are', [row({ state: 'cut', mine: true })], { ...unmarked, own: true }, 'taken', 'a'],
  [
    'a call is about to leave: an equal run may have died',
    [row({ state: 'running' })],
    leaving,
    'running',
    'a',
  ],
  ['it is known to be alive', [row({ state: 'running' })], { ...leaving, others: ['a'] }, 'new', null],
  ['it has no effect', [row({ state: 'running', effect: 0 })], leaving, 'new', null],
  ['it is at this process', [row({ state: 'running', mine: true })], leaving, 'new', null],
  [
    'the client has begun it again since',
    [row({ marked: 1, delivered: 1 })],
    { ...leaving, since: 3_000 },
    'superseded',
    null,
  ],
  [
    'its own record, made unheard',
    [row({ state: 'running', mine: true, marked: 1 })],
    { ...leaving, make: 'a', since: 3_000 },
    'taken',
    'a',
  ],
  ['or had before', [row({ marked: 1, delivered: 1 })], { ...leaving, since: 1_000 }, 'new', null],
] as const) {
  test(`T4: ${what}: ${kind}`, () => {
    const chosen = chooseRun(rows, asked);
    assert.equal(chosen.kind, kind);
    assert.equal('row' in chosen ? chosen.row.id : null, id);
  });
}
