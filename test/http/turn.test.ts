import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { endOfTurn } from '../../src/http/turn.ts';

test('what waits in one turn of the event loop goes on together, in order, after all of the turn', async () => {
  const seen: string[] = [];
  process.nextTick(() => {
    void endOfTurn().then(() => seen.push('second'));
    process.nextTick(() => seen.push('still this turn'));
  });
  await endOfTurn().then(() => seen.push('first'));
  await Promise.resolve();
  assert.deepEqual(seen, ['still this turn', 'first', 'second']);
});

test('each turn of the event loop has an end of its own', async () => {
  const first = endOfTurn();
  await first;
  const second = endOfTurn();
  assert.notEqual(second, first);
  const winner = await Promise.race([second.then(() => 'end'), setImmediate('next turn')]);
  assert.equal(winner, 'end');
});
