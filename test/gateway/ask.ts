// One chat through the official client, blocking or streamed, given as the same folded answer.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type OpenAI from 'openai';
import type { Chunk, Completion } from '../../src/openai/chat.ts';
import { assertCleanCompletion, foldStream } from './clean-answer.ts';
import { dialects, type Dialect } from './dialects.ts';
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
    // Q1: what is passed on unread is the upstream's own answer, whatever it looks like.
    if (gateway.wire.at(-1)?.headers.has('x-plugin-calls')) assertCleanCompletion(answer);
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

/** Which cells of a scenario exist besides all of them. */
export interface Cells {
  readonly modes?: readonly Mode[];
  /** Why a dialect has no such cell. */
  readonly except?: Partial<Record<Dialect, string>> | undefined;
}

/**
 * Registers one scenario of `wire.md` section 10 in every dialect and both modes; a cell that cannot exist is skipped
 * with its reason. A run that takes no dialect has one cell per mode: what the upstream says does not come into it.
 */
export function scenario(
  name: string,
  run: (t: TestContext, mode: Mode, dialect: Dialect) => Promise<void>,
  { modes: own = modes, except = {} }: Cells = {},
): void {
  const [, number = '', title = name] = /^(\d+): (.*)$/.exec(name) ?? [];
  const anyDialect = run.length < 3;
  for (const dialect of anyDialect ? dialects.slice(0, 1) : dialects) {
    for (const mode of own) {
      const cell = anyDialect ? mode : `${mode} ${dialect}`;
      test(`scenario ${number} ${cell}: ${title}`, { skip: except[dialect] ?? false }, (t) =>
        run(t, mode, dialect),
      );
    }
  }
}

/** Registers a test for both modes. */
export function bothModes(name: string, run: (t: TestContext, mode: Mode) => Promise<void>): void {
  for (const mode of modes) test(`${name}, ${mode}`, (t) => run(t, mode));
}

type OneMode = (t: TestContext, dialect: Dialect) => Promise<void>;

/** A scenario that only streams show. */
export function streamScenario(name: string, run: OneMode, except?: Cells['except']): void {
  inOneMode('stream', name, run, except);
}

/** A scenario that only JSON answers show. */
export function jsonScenario(name: string, run: OneMode, except?: Cells['except']): void {
  inOneMode('json', name, run, except);
}

function inOneMode(mode: Mode, name: string, run: OneMode, except: Cells['except']): void {
  const anyDialect = (t: TestContext) => run(t, 'openai');
  const each = (t: TestContext, _mode: Mode, dialect: Dialect) => run(t, dialect);
  scenario(name, run.length < 2 ? anyDialect : each, { modes: [mode], except });
}

/** The same reason for all dialects but these. */
export function onlyIn(those: readonly Dialect[], reason: string): NonNullable<Cells['except']> {
  return Object.fromEntries(
    dialects.filter((dialect) => !those.includes(dialect)).map((dialect) => [dialect, reason]),
  );
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
