// How long the first visible text takes from the upstream's socket to the client: the upstream writes the time into it.
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { benchCall } from './answers.ts';
import { quantile } from './load.ts';

/** The streams that are measured, by the model that plays them. */
const firstTexts = {
  'first-text': 'first text of a stream',
  'first-text-held': "first text while a function's name is still held back",
} as const;
type FirstText = keyof typeof firstTexts;
const models = Object.keys(firstTexts) as FirstText[];

/** One row of the table. Milliseconds, medians. */
export interface FirstTextRow {
  readonly name: string;
  readonly direct: number;
  readonly through: number;
}

/** Milliseconds since 1970, finer than `Date.now`: the same clock in every process of the machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The model that a request asks for, if its stream is one of these. */
export function askedFirstText(body: Buffer): FirstText | null {
  return models.find((model) => body.includes(`"model":"${model}"`)) ?? null;
}

/** Plays a stream whose first text is the time at which it was written. */
export async function playFirstText(model: FirstText, response: ServerResponse): Promise<void> {
  const write = (delta: object, finish: string | null = null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    const chunk = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model, choices };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  response.socket?.setNoDelay(true);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  write({ role: 'assistant', content: '' });
  const held = model === 'first-text-held';
  const { name, arguments: input } = benchCall.function;
  const half = name.length / 2;
  if (held) write({ tool_calls: [{ ...benchCall, index: 0, function: { name: name.slice(0, half) } }] });
  await wait(3);
  write({ content: `at ${now()} ` });
  await wait(3);
  if (held) write({ tool_calls: [{ index: 0, function: { name: name.slice(half), arguments: input } }] });
  write({}, 'length');
  response.end('data: [DONE]\n\n');
}

/** Measures every stream that many times, both ways in turn. */
export async function compareFirstTexts(
  direct: string,
  through: string,
  times: number,
): Promise<FirstTextRow[]> {
  const rows: FirstTextRow[] = [];
  for (const model of models) rows.push(await compare(model, direct, through, times));
  return rows;
}

async function compare(
  model: FirstText,
  direct: string,
  through: string,
  times: number,
): Promise<FirstTextRow> {
  const took = { direct: [] as number[], through: [] as number[] };
  const pools = { direct: new Pool(direct), through: new Pool(through) };
  for (let time = -5; time < times; time++) {
    for (const way of ['direct', 'through'] as const) {
      const milliseconds = await readFirstText(pools[way], model);
      // The first few warm all processes up.
      if (time >= 0) took[way].push(milliseconds);
    }
  }
  await Promise.all([pools.direct.close(), pools.through.close()]);
  return { name: firstTexts[model], direct: median(took.direct), through: median(took.through) };
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((one, other) => one - other),
    0.5,
  );
}

async function readFirstText(pool: Pool, model: FirstText): Promise<number> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json', authorization: 'Bearer bench' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'When?' }], stream: true }),
  });
  let text = '';
  let milliseconds: number | undefined;
  for await (const bytes of body) {
    const arrived = now();
    text += String(bytes);
    const written = /"at ([\d.]+) "/.exec(text)?.[1];
    if (written !== undefined) milliseconds ??= arrived - Number(written);
  }
  if (milliseconds === undefined) throw new Error(`${statusCode}, no text: ${text.slice(0, 300)}`);
  return milliseconds;
}
