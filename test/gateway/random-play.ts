// Random runs: what a model says step by step, how its upstream writes it, and where the bytes are cut.
import fc from 'fast-check';
import type { JsonObject } from '../../src/openai/chat.ts';
import { dialects, says, type Call, type Dialect, type Said } from './dialects.ts';
import type { Script } from './loopback-upstream.ts';

/** What the model says in the course of one run: steps with own calls, then a last one. */
export interface Play {
  readonly dialect: Dialect;
  readonly seed: number;
  readonly steps: readonly Said[];
}

type Unnumbered = Omit<Call, 'id'>;

/** Calls of the weather plugin, good and bad. */
export const ownCalls: readonly Unnumbered[] = [
  { name: 'weather__getWeather', arguments: '{"city":"Oslo"}' },
  { name: 'weather__getWeather', arguments: '{"city":"São Paulo","units":"metric"}' },
  { name: 'weather__addAlert', arguments: '{"city":"Rome","level":3}' },
  { name: 'weather__now', arguments: '{}' },
  { name: 'weather__now', arguments: 'nonsense' },
];
/** A call of a function that nobody has. */
export const unknownCall: Unnumbered = { name: 'unheard_of', arguments: '{}' };
const clientCall: Unnumbered = { name: 'look_up', arguments: '{"word":"fjørd"}' };

const words = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.trim() !== '');
const usage = fc.record({
  prompt_tokens: fc.nat(1000),
  completion_tokens: fc.nat(50),
  total_tokens: fc.nat(2000),
  completion_tokens_details: fc.record({ reasoning_tokens: fc.nat(9) }),
});

/** Plays whose own steps call some of `calls`; the last step may call the client's `look_up` too. */
export function plays(calls: readonly Unnumbered[]): fc.Arbitrary<Play> {
  const ownCall = fc.constantFrom(...calls);
  const several = (call: fc.Arbitrary<Unnumbered>) => fc.array(call, { minLength: 1, maxLength: 3 });
  const text = fc.option(words, { nil: undefined as never });
  const step = fc.record({ text, usage, calls: several(ownCall) }, { requiredKeys: ['calls'] });
  const lastStep = fc.oneof(
    fc.record({ text: words, usage }),
    fc.record({ text: words, calls: several(fc.oneof(fc.constant(clientCall), ownCall)), usage }),
  );
  return fc.record({
    dialect: fc.constantFrom(...dialects),
    seed: fc.nat(1_000_000),
    steps: fc
      .tuple(fc.array(step, { maxLength: 2 }), lastStep)
      .map(([some, last]) => [...some, last].map((said, at) => withIds(said, at))),
  });
}

interface Unready extends Omit<Said, 'calls'> {
  readonly calls?: readonly Unnumbered[];
}

function withIds({ calls = [], ...said }: Unready, at: number): Said {
  return { ...said, calls: calls.map((call, number) => ({ ...call, id: `call_${at}_${number}` })) };
}

/** Plays whatever is current: the step follows from the history of the request. */
export function playing(current: () => Play | undefined): Script {
  return ({ json }) => {
    const messages = json['messages'] as JsonObject[];
    const done = messages.filter((message) => message['tool_calls']).length;
    const { steps, dialect, seed = 0 } = current() ?? {};
    const said = steps?.[done] ?? { text: 'Nothing more.' };
    return says(
      Array.from({ length: Number(json['n'] ?? 1) }, () => said),
      dialect,
      seed + done,
    );
  };
}
