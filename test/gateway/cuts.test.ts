// The official client with its default retries, cut off at many places: each plugin POST arrives once (T4, T5, N13).
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import OpenAI from 'openai';
import { modes, question, type Mode } from './ask.ts';
import { startCutter } from './cutter.ts';
import { completion, says, streamText, type Call } from './dialects.ts';
import { startGateway } from './gateway.ts';
import type { Answer } from './loopback-upstream.ts';

/** Where the cable between client and gateway is cut, each time that the run comes by. */
const places = ['ask 0', 'call 0', 'called 0', 'ask 1', 'call 1', 'called 1', 'ask 2', 'text'] as const;
type Place = (typeof places)[number];

const postOf = (number: number): Call => ({
  id: `call_${number}`,
  name: 'weather__addAlert',
  arguments: JSON.stringify({ city: 'Oslo', level: number + 1 }),
});

/** Two steps that each post, then the answer. The model answers by what it is shown, as models do. */
async function playCuts(t: TestContext, mode: Mode, cuts: readonly Place[]): Promise<void> {
  const left = [...cuts];
  let cutter: { cut(): void } | undefined;
  /** Cuts here, if this is where the next cut is to be. */
  const pass = async (place: Place): Promise<void> => {
    if (left[0] !== place) return;
    left.shift();
    cutter?.cut();
    await wait(1);
  };
  const answer: Answer = async (request, response) => {
    const step = (request.json['messages'] as { role: string }[]).filter(
      ({ role }) => role === 'tool',
    ).length;
    await pass(`ask ${step}` as Place);
    if (step < 2) return says({ calls: [postOf(step)] }, 'openai', cuts.length)(request, response);
    const answered = { text: 'Both alerts are set.' };
    const bytes =
      mode === 'json'
        ? JSON.stringify(completion([answered], 'openai', 'm'))
        : streamText([answered], 'openai', 'm', true);
    const half = Math.floor(bytes.length / 2);
    response.writeHead(200, { 'content-type': mode === 'json' ? 'application/json' : 'text/event-stream' });
    response.write(bytes.slice(0, half));
    await pass('text');
    response.end(bytes.slice(half));
  };
  const gateway = await startGateway(t, {
    script: () => answer,
    api: async (request, response) => {
      const number = (JSON.parse(request.body.toString()) as { level: number }).level - 1;
      await pass(`call ${number}` as Place);
      response.end(JSON.stringify({ alert: number }));
      await pass(`called ${number}` as Place);
    },
  });
  const cable = await startCutter(t, gateway.origin);
  cutter = cable;
  const client = new OpenAI({ baseURL: `${cable.origin}/v1`, apiKey: 'sk-of-the-client' });
  assert.equal(await askUntilAnswered(client, mode), 'Both alerts are set.');
  const arrived = gateway.api.requests.map(({ body }) => body.toString()).toSorted();
  assert.deepEqual(arrived, ['{"city":"Oslo","level":1}', '{"city":"Oslo","level":2}'], cuts.join(', '));
}

/** What an application does when the client gives up: the same request once more. */
async function askUntilAnswered(client: OpenAI, mode: Mode): Promise<string> {
  const request = { model: 'm', messages: question };
  for (let tries = 0; ; tries += 1) {
    try {
      if (mode === 'json') {
        const answer = await client.chat.completions.create(request);
        return answer.choices[0]?.message.content ?? '';
      }
      let text = '';
      for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
        text += chunk.choices[0]?.delta.content ?? '';
      return text;
    } catch (error) {
      if (tries > 8) throw error;
    }
  }
}

for (const mode of modes) {
  const name = `T5: each plugin POST arrives once, whatever is cut, ${mode}`;
  test(name, { concurrency: true }, async (t) => {
    const several = fc
      .array(fc.nat(places.length - 1), { minLength: 2, maxLength: 4 })
      .map((cuts) => cuts.toSorted((a, b) => a - b).map((at) => places[at] ?? 'text'));
    const random = fc.sample(several, { seed: 7, numRuns: 16 });
    const cases = [...places.map((place) => [place]), ...random];
    await Promise.all(
      cases.map((cuts) => t.test(`cut at ${cuts.join(', ')}`, (own) => playCuts(own, mode, cuts))),
    );
  });
}
