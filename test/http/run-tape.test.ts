// What a tape keeps of the attempts at a run, where the order of things is too narrow for a whole gateway.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createRunTape, type LiveDoors } from '../../src/http/run-tape.ts';

const toolCall = { id: 'a', type: 'function', function: { name: 'send', arguments: '{}' } };

const ask = async () => ({ whole: null, pieces: [] });

test('T5: a call that was cut before it left, and says so late, does not let a later attempt send it twice', async () => {
  const tape = createRunTape({ keep: () => true });
  const sent: number[] = [];
  const late = Promise.withResolvers<never>();
  const never = new Promise<never>(() => {});
  const attempt = (number: number, outcome: Promise<never>, leaves: boolean) => {
    const end = new AbortController();
    const call: LiveDoors['call'] = async (_call, _signal, onSideEffect) => {
      if (leaves) {
        await onSideEffect();
        sent.push(number);
      }
      return outcome;
    };
    const result = tape.play({ ask, call }, end.signal).call(toolCall, end.signal);
    result.catch(() => undefined);
    return end;
  };
  attempt(1, late.promise, false).abort(new Error('the client has gone'));
  const second = attempt(2, never, true);
  late.reject(new Error('the client has gone'));
  await new Promise(setImmediate);
  second.abort(new Error('the client has gone'));
  attempt(3, never, true);
  await new Promise(setImmediate);
  assert.deepEqual(sent, [2]);
});
