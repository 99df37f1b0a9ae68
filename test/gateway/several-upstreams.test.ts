// Several upstreams and what passes through unread: each request at the upstream of its model, one list of all models.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import test from 'node:test';
import type { UpstreamConfig } from '../../src/config/schema.ts';
import { startGateway, type GatewayOptions } from './gateway.ts';
import {
  answerError,
  answerJson,
  hang,
  startLoopbackUpstream,
  type Answer,
  type LoopbackUpstream,
} from './loopback-upstream.ts';
import type { Scope } from './loopback-server.ts';

const listOf = (...ids: string[]) => ({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) });

/** Two upstreams: `gpt-*` at the first, everything else at the second. */
async function start(t: Scope, first: Answer, second: Answer, own: Partial<UpstreamConfig> = {}) {
  const other = await startLoopbackUpstream(t, [], second);
  const options: GatewayOptions = {
    elsewhere: first,
    unchecked: true,
    upstreams: (scripted) => [
      { ...scripted, models: ['gpt-*', 'text-*'] },
      { name: 'second', url: other.url, key: 'sk-of-the-second', models: ['*'], ...own },
    ],
  };
  return { gateway: await startGateway(t, options), other };
}

const posted = (body: string | Buffer, type = 'application/json') => ({
  method: 'POST',
  headers: { 'content-type': type },
  body: Buffer.from(body),
});

const bodies = ({ requests }: LoopbackUpstream) => requests.map(({ body }) => body.toString());

test('Q1: a JSON body goes to the upstream of its model, byte for byte', async (t) => {
  const { gateway, other } = await start(t, answerJson({ at: 'first' }), answerJson({ at: 'second' }));
  const input = 'x'.repeat(300_000);
  for (const body of [
    `{"model":"nomic-embed","input":"${input}"}`,
    `{ "input" : "${input}", "seed": 1.0, "model" : "nomic-\\u0065mbed" }`,
  ]) {
    assert.deepEqual(await (await gateway.send('/v1/embeddings', posted(body))).json(), { at: 'second' });
    assert.equal(bodies(other).at(-1), body);
  }
  assert.equal(other.requests[0]?.headers.authorization, 'Bearer sk-of-the-second');
  const small = '{"model":"text-embedding-3-small","input":"hi"}';
  assert.deepEqual(await (await gateway.send('/v1/embeddings', posted(small))).json(), { at: 'first' });
  assert.deepEqual(bodies(gateway.upstream), [small]);
});

test('Q1: a body that comes without a length goes to the upstream of its model', async (t) => {
  const { gateway, other } = await start(t, answerJson({ at: 'first' }), answerJson({ at: 'second' }));
  const { hostname, port } = new URL(gateway.origin);
  const options = { hostname, port, path: '/v1/responses', method: 'POST' };
  const asking = httpRequest({ ...options, headers: { 'content-type': 'application/json' }, agent: false });
  asking.write('{"input":"hi",');
  await new Promise((soon) => setTimeout(soon, 20));
  asking.end('"model":"llama-4"}');
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 200);
  assert.deepEqual(bodies(other), ['{"input":"hi","model":"llama-4"}']);
});

test('Q1: what names no model that can be read goes to the first upstream, as it came', async (t) => {
  const { gateway, other } = await start(t, answerJson({ at: 'first' }), answerJson({ at: 'second' }));
  const late = `{"input":"${'x'.repeat(9 * 1024 * 1024)}","model":"llama-4"}`;
  for (const [body, type] of [
    ['{"input":"hi"}', 'application/json'],
    ['{"model":7}', 'application/json'],
    ['{"model":"llama', 'application/json'],
    ['[{"model":"llama-4"}]', 'application/json'],
    ['', 'application/json'],
    [late, 'application/json'],
    [
      '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nllama-4\r\n--x--',
      'multipart/form-data; boundary=x',
    ],
  ] as const) {
    const answer = await gateway.send('/v1/anything', posted(body, type));
    assert.deepEqual(await answer.json(), { at: 'first' }, body.slice(0, 80));
    assert.equal(bodies(gateway.upstream).at(-1), body);
  }
  assert.equal(other.requests.length, 0);
});

test('Q1: a model is asked for at its own upstream', async (t) => {
  const { gateway, other } = await start(t, answerJson({ at: 'first' }), answerJson({ at: 'second' }));
  for (const method of ['GET', 'DELETE']) {
    const answer = await gateway.send('/v1/models/llama-4?x=1', { method });
    assert.deepEqual(await answer.json(), { at: 'second' });
  }
  assert.equal(other.requests.length, 2);
  assert.deepEqual(await (await gateway.send('/v1/models/gpt-4.1')).json(), { at: 'first' });
});

test('H5: a client that leaves while its model is not known yet reaches nobody', async (t) => {
  const { gateway, other } = await start(t, answerJson({}), answerJson({}));
  const { hostname, port } = new URL(gateway.origin);
  const asking = httpRequest({
    hostname,
    port,
    path: '/v1/embeddings',
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 1_000 },
    agent: false,
  });
  asking.on('error', () => undefined);
  asking.write('{"input":"hi",');
  await new Promise((soon) => setTimeout(soon, 50));
  asking.destroy();
  const after = await gateway.send('/v1/models/gpt-4.1');
  assert.equal(after.status, 200);
  assert.equal(gateway.upstream.requests.length + other.requests.length, 1);
});

test('the models of all upstreams are one list, each from the one that serves it', async (t) => {
  const { gateway } = await start(
    t,
    answerJson(listOf('gpt-4.1', 'whisper-1')),
    answerJson(listOf('llama-4', 'gpt-oss', 'whisper-1')),
  );
  const models = [];
  for await (const { id } of gateway.client.models.list()) models.push(id);
  assert.deepEqual(models, ['gpt-4.1', 'llama-4', 'whisper-1']);
});

test('an upstream that gives no list is left out, and stands in the log', async (t) => {
  const { gateway } = await start(t, answerError(500, 'broken'), answerJson(listOf('llama-4', 'gpt-oss')));
  const list = (await (await gateway.send('/v1/models')).json()) as ReturnType<typeof listOf>;
  // Models of the first are served by the second meanwhile.
  assert.deepEqual(
    list.data.map(({ id }) => id),
    ['llama-4', 'gpt-oss'],
  );
  const [left] = await gateway.logged('models_left_out');
  assert.equal(left?.['upstream'], 'loopback');
});

test('when no upstream gives a list, the first one says why', async (t) => {
  const { gateway } = await start(t, answerError(429, 'slow_down'), answerJson(['no list']));
  const answer = await gateway.send('/v1/models');
  assert.equal(answer.status, 429);
  assert.match(await answer.text(), /slow_down/);
});

test("S3: the caller's own key is shown to the first upstream alone, for a list too", async (t) => {
  const other = await startLoopbackUpstream(t, [], answerJson(listOf('llama-4')));
  const gateway = await startGateway(t, {
    elsewhere: answerJson(listOf('gpt-4.1')),
    upstreamKey: null,
    upstreams: (scripted) => [
      { ...scripted, models: ['gpt-*'] },
      { name: 'second', url: other.url, models: ['*'] },
    ],
  });
  const list = (await (
    await gateway.send('/v1/models', { headers: { authorization: 'Bearer sk-mine' } })
  ).json()) as ReturnType<typeof listOf>;
  assert.equal(list.data.length, 2);
  assert.equal(gateway.upstream.requests[0]?.headers.authorization, 'Bearer sk-mine');
  assert.equal(other.requests[0]?.headers.authorization, undefined);
});

test('a client that leaves ends the questions for a list', async (t) => {
  const { gateway } = await start(t, hang, answerJson(listOf('llama-4')));
  const leaving = new AbortController();
  const asked = gateway.send('/v1/models', { signal: leaving.signal });
  while (gateway.upstream.requests.length === 0) await new Promise((soon) => setTimeout(soon, 5));
  leaving.abort();
  await assert.rejects(asked);
  await gateway.upstream.requests[0]?.abandoned;
});
