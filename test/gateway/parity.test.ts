// The folded stream equals the JSON answer, whatever the model says, in every dialect, cut anywhere (`wire.md` J2).
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Completion, JsonObject } from '../../src/openai/chat.ts';
import { ask } from './ask.ts';
import { dialects, says, type Call, type Dialect, type Said } from './dialects.ts';
import { startGateway } from './gateway.ts';

/** What the model says in the course of one run: steps with own calls, then a last one. */
interface Play {
  readonly dialect: Dialect;
  readonly seed: number;
  readonly steps: readonly Said[];
  /** What the client sends beside its question. */
  readonly params: Params;
}

type Params = Parameters<typeof ask>[2];

const words = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.trim() !== '');
const ownCall = fc.constantFrom<Omit<Call, 'id'>>(
  { name: 'weather__getWeather', arguments: '{"city":"Oslo"}' },
  { name: 'weather__getWeather', arguments: '{"city":"São Paulo","units":"metric"}' },
  { name: 'weather__addAlert', arguments: '{"city":"Rome","level":3}' },
  { name: 'weather__now', arguments: '{}' },
  { name: 'weather__now', arguments: 'nonsense' },
  { name: 'unheard_of', arguments: '{}' },
);
const clientCall = fc.constantFrom<Omit<Call, 'id'>>({ name: 'look_up', arguments: '{"word":"fjørd"}' });
const usage = fc.record({
  prompt_tokens: fc.nat(1000),
  completion_tokens: fc.nat(50),
  total_tokens: fc.nat(2000),
  completion_tokens_details: fc.record({ reasoning_tokens: fc.nat(9) }),
});
const shown = { text: fc.option(words, { nil: undefined as never }), usage };
const step = fc.record(
  { ...shown, calls: fc.array(ownCall, { minLength: 1, maxLength: 3 }) },
  { requiredKeys: ['calls'] },
);
const lastStep = fc.oneof(
  fc.record({ text: words, usage }),
  fc.record({
    text: words,
    calls: fc.array(fc.oneof(clientCall, ownCall), { minLength: 1, maxLength: 3 }),
    usage,
  }),
);

const lookUp = { name: 'look_up', parameters: { type: 'object' } };
const params = fc.record({
  own: fc.constantFrom<Params>(
    {},
    { tools: [{ type: 'function', function: lookUp }] },
    { functions: [lookUp] },
  ),
  format: fc.constantFrom<Params>({}, {}, { response_format: { type: 'json_object' } }),
  n: fc.constantFrom<Params>({}, {}, { n: 2 }),
});

const play: fc.Arbitrary<Play> = fc
  .record({
    dialect: fc.constantFrom(...dialects),
    seed: fc.nat(1_000_000),
    params: params.map(({ own, format, n }) => ({ ...own, ...format, ...n })),
    steps: fc.tuple(fc.array(step, { maxLength: 2 }), lastStep).map(([some, last]) => [...some, last]),
  })
  .map(({ steps, ...rest }) => ({ ...rest, steps: steps.map(withIds) }));

interface Unnumbered extends Omit<Said, 'calls'> {
  readonly calls?: readonly Omit<Call, 'id'>[];
}

function withIds({ calls = [], ...said }: Unnumbered, at: number): Said {
  return { ...said, calls: calls.map((call, number) => ({ ...call, id: `call_${at}_${number}` })) };
}

test('the folded stream equals the JSON answer (J2)', async (t) => {
  let current: Play | undefined;
  const gateway = await startGateway(t, {
    script: (request) => {
      const messages = request.json['messages'] as JsonObject[];
      const done = messages.filter((message) => message['tool_calls']).length;
      const said = current?.steps[done] ?? { text: 'Nothing more.' };
      const choices = Number(request.json['n'] ?? 1);
      return says(
        Array.from({ length: choices }, () => said),
        current?.dialect,
        (current?.seed ?? 0) + done,
      );
    },
  });
  await fc.assert(
    fc.asyncProperty(play, async (now) => {
      current = now;
      const json = await ask(gateway, 'json', now.params);
      const stream = await ask(gateway, 'stream', now.params);
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
