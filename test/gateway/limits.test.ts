// Time, slow readers, and the paths that nobody interprets: what must end, what must wait, what must not change.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import OpenAI from 'openai';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, question, scenario, textOf } from './ask.ts';
import { assertError } from './clean-answer.ts';
import { says, type Call } from './dialects.ts';
import { startGateway, testBudget, toolResults, type TestGateway } from './gateway.ts';
import { hang } from './loopback-plugin.ts';
import { answerJson, type Answer } from './loopback-upstream.ts';

const oslo: Call = { id: 'call_1', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const oneSecond = testBudget({ seconds: 1 });

scenario(
  '20: when the time is nearly up, calls end and the model is asked for an answer (K5)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [says({ calls: [oslo] }, dialect), says({ text: 'I could not wait.' }, dialect)],
      api: hang,
      config: { budget: oneSecond },
    });
    assert.equal(textOf(await ask(gateway, mode)), 'I could not wait.');
    assert.equal(gateway.upstream.chats[1]?.json['tool_choice'], 'none');
    const [result] = toolResults(gateway.upstream.chats[1]?.json ?? {}) as { error: JsonObject }[];
    assert.equal(result?.error['code'], 'run_deadline');
    await gateway.api.requests[0]?.abandoned;
  },
);

scenario('20: an upstream that never answers ends with the time of the run (K5, F2)', async (t, mode) => {
  const gateway = await startGateway(t, { script: () => () => {}, config: { budget: oneSecond } });
  await assert.rejects(ask(gateway, mode), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.status, 504);
    assert.equal(error.code, 'run_timeout');
    return true;
  });
  await (
    await gateway.upstream.chat(0)
  ).abandoned;
});

/** Streams text for as long as it is taken, at most 256 MiB. */
function flood(sent: { bytes: number }): Answer {
  const event = (delta: JsonObject) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`;
  const piece = event({ content: 'x'.repeat(65_536) });
  return async (_request, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event({ role: 'assistant', content: '' }));
    while (sent.bytes < 256 * 1024 * 1024 && !response.destroyed) {
      sent.bytes += piece.length;
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  };
}

/** Asks for a stream and reads nothing of it. */
async function askWithoutReading(
  gateway: TestGateway,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(gateway.origin);
  const request = httpRequest({
    hostname,
    port,
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json', ...headers },
    agent: false,
  });
  request.end(JSON.stringify({ model: 'm', messages: question, stream: true }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  return response;
}

for (const plugins of ['weather', 'none']) {
  test(`a client that does not read makes the upstream wait, with plugins: ${plugins} (K10)`, async (t) => {
    const sent = { bytes: 0 };
    const gateway = await startGateway(t, { script: [flood(sent)] });
    const response = await askWithoutReading(gateway, { 'x-plugins': plugins });
    let before = -1;
    while (before !== sent.bytes) {
      before = sent.bytes;
      await wait(200);
    }
    assert.ok(sent.bytes < 32 * 1024 * 1024, `${sent.bytes} bytes were taken from the upstream`);
    response.destroy();
    await (
      await gateway.upstream.chat(0)
    ).abandoned;
  });
}

test('pass-through keeps method, path, query, body and status (Q1)', async (t) => {
  const gateway = await startGateway(t, {
    elsewhere: (_request, response) =>
      void response.writeHead(207, { 'x-ratelimit-limit-tokens': '9' }).end('{"a": 1}'),
  });
  const path = '/v1/files/file-abc/content?after=a%2Fb&limit=2&x=';
  const response = await gateway.send(path, {
    method: 'DELETE',
    body: '{"x":  1}',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(response.status, 207);
  assert.equal(await response.text(), '{"a": 1}');
  assert.equal(response.headers.get('x-ratelimit-limit-tokens'), '9');
  const [request] = gateway.upstream.requests;
  assert.equal(`${request?.method} ${request?.path}`, `DELETE ${path}`);
  assert.equal(request?.body.toString(), '{"x":  1}');
});

test('pass-through follows no redirect and shows none (H8)', async (t) => {
  const gateway = await startGateway(t, {
    elsewhere: (_request, response) =>
      void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
  });
  const response = await gateway.send('/v1/models', { redirect: 'manual' });
  assert.equal(response.status, 502);
  assert.equal(response.headers.get('location'), null);
  assertError((await response.json()) as JsonObject);
});

test('pass-through does not repeat what failed (H4)', async (t) => {
  const gateway = await startGateway(t, { elsewhere: answerJson({ error: { message: 'down' } }, 503) });
  assert.equal((await gateway.send('/v1/models')).status, 503);
  assert.equal(gateway.upstream.requests.length, 1);
});

test('pass-through ends with its client (H5)', async (t) => {
  const gateway = await startGateway(t, { elsewhere: () => {} });
  const leave = new AbortController();
  const asked = gateway.send('/v1/models', { signal: leave.signal }).catch(() => {});
  while (gateway.upstream.requests.length === 0) await wait(5);
  leave.abort();
  await Promise.all([asked, gateway.upstream.requests[0]?.abandoned]);
});
