// The folded stream equals the JSON answer, whatever the model says, in every dialect, cut anywhere (`wire.md` J2).
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Completion } from '../../src/openai/chat.ts';
import { ask } from './ask.ts';
import { startGateway } from './gateway.ts';
import { ownCalls, playing, plays, unknownCall, type Play } from './random-play.ts';

type Params = Parameters<typeof ask>[2];

const lookUp = { name: 'look_up', parameters: { type: 'object' } };
const params = fc
  .record({
    own: fc.constantFrom<Params>(
      {},
      { tools: [{ type: 'function', function: lookUp }] },
      { functions: [lookUp] },
    ),
    format: fc.constantFrom<Params>({}, {}, { response_format: { type: 'json_object' } }),
    n: fc.constantFrom<Params>({}, {}, { n: 2 }),
  })
  .map(({ own, format, n }) => ({ ...own, ...format, ...n }));

test('the folded stream equals the JSON answer (J2)', async (t) => {
  let current: Play | undefined;
  const gateway = await startGateway(t, { script: playing(() => current) });
  await fc.assert(
    fc.asyncProperty(plays([...ownCalls, unknownCall]), params, async (now, wanted) => {
      current = now;
      const json = await ask(gateway, 'json', wanted);
      const stream = await ask(gateway, 'stream', wanted);
      assert.deepEqual(comparable(stream), comparable(json));
    }),
    { numRuns: 300 },
  );
});

/** What both modes must agree on; ids made by us differ. */
function comparable({ choices, model, usage: used }: Completion): unknown {
  return {
    model,
    usage: used,
    choices: choices.map(({ index, message, finish_reason, logprobs }) => ({
      index,
      finish_reason,
      logprobs,
      content: message.content ?? null,
      refusal: message['refusal'] ?? null,
      calls: (message.tool_calls ?? []).map((call) => call.function),
      legacy: message['function_call'] ?? null,
    })),
  };
}
