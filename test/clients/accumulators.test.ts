// What each library adds up from a stream is its blocking answer, whatever the model says (`wire.md` J2).
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { startGateway } from '../gateway/gateway.ts';
import { ownCalls, playing, plays, type Play } from '../gateway/random-play.ts';
import { libraries } from './libraries.ts';
import { addressOf } from './library.ts';

for (const library of libraries) {
  test(`${library.name}: the accumulated stream equals the blocking answer (J2)`, async (t) => {
    let current: Play | undefined;
    const gateway = await startGateway(t, { script: playing(() => current) });
    const lookUp = (word: string) => `${word}: a long bay`;
    await fc.assert(
      fc.asyncProperty(plays(ownCalls), fc.boolean(), async (now, withTool) => {
        current = now;
        const wishes = withTool ? { lookUp } : {};
        const json = await library.ask(addressOf(gateway), 'json', wishes);
        const stream = await library.ask(addressOf(gateway), 'stream', wishes);
        assert.deepEqual(stream, json);
      }),
      { numRuns: 60 },
    );
  });
}
