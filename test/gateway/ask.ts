// One chat through the official client, blocking or streamed, given as the same folded answer.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type OpenAI from 'openai';
import type { Chunk, Completion } from '../../src/openai/chat.ts';
import { assertCleanCompletion, foldStream } from './clean-answer.ts';
import type { TestGateway } from './gateway.ts';

export const modes = ['json', 'stream'] as const;
export type Mode = (typeof modes)[number];

type Params = Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>;

/** The question of a test that does not care. */
export const question: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'How is Oslo?' }];

/** Asks through the client; a streamed answer is folded. Usage is asked for unless `params` says otherwise. */
export async function ask(
  gateway: TestGateway,
  mode: Mode,
  params: Params = {},
  options: OpenAI.RequestOptions = {},
): Promise<Completion> {
  const request = { model: 'test-model', messages: question, ...params };
  if (mode === 'json') {
    const answer = (await gateway.client.chat.completions.create(request, options)) as unknown as Completion;
    assertCleanCompletion(answer);
    return answer;
  }
  const stream = await gateway.client.chat.completions.create(
    { stream_options: { include_usage: true }, ...request, stream: true },
    options,
  );
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk as unknown as Chunk);
  return foldStream(chunks);
}

/** Registers one scenario of `wire.md` section 10 for both modes. */
export function scenario(name: string, run: (t: TestContext, mode: Mode) => Promise<void>): void {
  const [, number = '', title = name] = /^(\d+):? (.*)$/.exec(name) ?? [];
  for (const mode of modes) test(`scenario ${number} ${mode}: ${title}`, (t) => run(t, mode));
}

/** The text of the only choice. */
export function textOf(answer: Completion): unknown {
  assert.equal(answer.choices.length, 1);
  return answer.choices[0]?.message.content;
}

/** Usage times a number of steps, every numeric leaf. */
export function times(usage: unknown, steps: number): unknown {
  if (typeof usage === 'number') return usage * steps;
  if (typeof usage !== 'object' || usage === null) return usage;
  return Object.fromEntries(Object.entries(usage).map(([key, value]) => [key, times(value, steps)]));
}
