// A second upstream that we did not write (aimock): tool loops at its pace, and every kind of chaos that it can make.
import assert from 'node:assert/strict';
import test from 'node:test';
import { LLMock, type ChaosConfig } from '@copilotkit/aimock';
import OpenAI from 'openai';
import { ask, modes, textOf, type Mode } from './ask.ts';
import { assertFailedStream } from './clean-answer.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import { answerJson } from './loopback-plugin.ts';
import type { Scope } from './loopback-server.ts';

const oslo = { name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const rome = { name: 'weather__getWeather', arguments: '{"city":"Rome"}' };
const answer = 'It is 4 °C in Oslo.';

interface Stage {
  readonly mock: LLMock;
  readonly gateway: TestGateway;
}

/** A gateway before a mock that plays nothing yet. */
async function start(t: Scope, chaos: ChaosConfig = {}): Promise<Stage> {
  const mock = new LLMock({ host: '127.0.0.1', port: 0, chunkSize: 3, logLevel: 'silent', chaos });
  t.after(() => mock.stop());
  const url = `${await mock.start()}/v1`;
  const gateway = await startGateway(t, {
    api: answerJson({ degrees: 4 }),
    config: { upstreams: [{ name: 'aimock', url, key: 'sk-mock', models: ['*'] }] },
  });
  return { mock, gateway };
}

/** A call, then the answer. */
function playLoop(mock: LLMock): void {
  mock.on({ hasToolResult: false }, { toolCalls: [oslo, rome] });
  mock.on({ hasToolResult: true }, { content: answer });
}

function inBothModes(name: string, run: (t: Scope, mode: Mode) => Promise<void>): void {
  for (const mode of modes) test(`aimock, ${mode}: ${name}`, (t) => run(t, mode));
}

inBothModes('a loop with parallel calls', async (t, mode) => {
  const { mock, gateway } = await start(t);
  playLoop(mock);
  assert.equal(textOf(await ask(gateway, mode)), answer);
  assert.equal(gateway.api.requests.length, 2);
  assert.equal(mock.getRequests().length, 2);
});

inBothModes('a text behind a call', async (t, mode) => {
  const { mock, gateway } = await start(t);
  const blocks = [
    { type: 'toolCall' as const, ...oslo },
    { type: 'text' as const, text: 'Looking.' },
  ];
  mock.on({ hasToolResult: false }, { blocks });
  mock.on({ hasToolResult: true }, { content: answer, reasoning: 'Cold.' });
  assert.equal(textOf(await ask(gateway, mode)), `Looking.\n\n${answer}`);
});

inBothModes('a failure in step 2', async (t, mode) => {
  const { mock, gateway } = await start(t);
  mock.on({ hasToolResult: false }, { toolCalls: [oslo] });
  mock.on(
    { hasToolResult: true },
    { error: { message: 'no more', type: 'invalid_request_error' }, status: 400 },
  );
  await assert.rejects(ask(gateway, mode), /no more/);
});

for (const [what, chaos, status] of [
  ['an upstream that always fails', { dropRate: 1 }, 500],
  ['malformed JSON', { malformedRate: 1 }, 502],
  ['a rate limit', { rateLimitRate: 1 }, 429],
  ['a connection that is closed', { disconnectRate: 1 }, 502],
] as const) {
  inBothModes(`${what} is a ${status} (F2, F3)`, async (t, mode) => {
    const { mock, gateway } = await start(t, chaos);
    playLoop(mock);
    await assert.rejects(ask(gateway, mode), (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.status, status);
      return true;
    });
    if (status === 429) assert.ok(gateway.wire[0]?.headers.get('retry-after'), 'F6');
  });
}

test('aimock, stream: an answer that is cut never ends cleanly (E11)', async (t) => {
  const { mock, gateway } = await start(t);
  mock.on({ hasToolResult: false }, { toolCalls: [oslo] });
  mock.on({ hasToolResult: true }, { content: answer }, { truncateAfterChunks: 3 });
  await assert.rejects(ask(gateway, 'stream'), OpenAI.APIError);
  // The mock resets the connection: now and then nothing of step 2 arrives before that.
  const { code } = assertFailedStream(await (gateway.wire[0]?.ended ?? ''));
  assert.match(String(code), /^upstream_(truncated|unreachable)$/);
});

inBothModes('in any chaos an answer is right or an error', async (t, mode) => {
  // No rate limits: step 2 waits for them, a second each.
  const rates = { dropRate: 0.1, malformedRate: 0.2, disconnectRate: 0.2 };
  const { mock, gateway } = await start(t, rates);
  playLoop(mock);
  let right = 0;
  for (let time = 0; time < 20; time++) {
    try {
      assert.equal(textOf(await ask(gateway, mode)), answer);
      right++;
    } catch (error) {
      if (!(error instanceof OpenAI.APIError)) throw error;
    }
  }
  mock.clearChaos();
  assert.equal(textOf(await ask(gateway, mode)), answer);
  assert.ok(right < 20);
});
