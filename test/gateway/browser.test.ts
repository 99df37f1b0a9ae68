// Pages that call from a browser: on this machine without keys, anywhere with keys, nowhere else.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Config } from '../../src/config/schema.ts';
import { question } from './ask.ts';
import { says } from './dialects.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import { answerJson } from './loopback-upstream.ts';
import type { Scope } from './loopback-server.ts';

const here = 'http://localhost:3000';
const elsewhere = 'https://app.example.com';
const alice = { name: 'alice', key: 'a-key-of-alice-1234', plugins: ['*'] };

function start(t: Scope, config: Partial<Config> = {}): Promise<TestGateway> {
  // It allows all pages, as OpenAI's API does.
  const elsewhere = answerJson({ data: [] }, 200, { 'access-control-allow-origin': '*' });
  return startGateway(t, { script: () => says({ text: 'ok' }), elsewhere, config });
}

/** What a browser asks before it posts JSON with a key. */
const preflight = (origin: string): RequestInit => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,x-stainless-os',
  },
});

const allowed = (answer: Response) => answer.headers.get('access-control-allow-origin');

test('without keys, a page of this machine may call, streamed or not, passed through or not', async (t) => {
  const gateway = await start(t);
  for (const path of ['/v1/chat/completions', '/v1/embeddings', '/plugins']) {
    const asked = await gateway.send(path, preflight(here));
    assert.equal(asked.status, 204, path);
    assert.equal(allowed(asked), here);
    assert.match(asked.headers.get('access-control-allow-methods') ?? '', /POST/);
    assert.equal(
      asked.headers.get('access-control-allow-headers'),
      'authorization,content-type,x-stainless-os',
    );
  }
  for (const stream of [false, true]) {
    const answer = await gateway.post({ model: 'm', messages: question, stream }, { origin: here });
    assert.equal(answer.status, 200);
    assert.equal(allowed(answer), here);
    assert.equal(answer.headers.get('access-control-expose-headers'), '*');
    await answer.text();
  }
  const passed = await gateway.send('/v1/models', { headers: { origin: here } });
  assert.deepEqual([passed.status, allowed(passed)], [200, here]);
  assert.equal(gateway.upstream.requests.filter(({ method }) => method === 'OPTIONS').length, 0);
});

test('a page reads why its request was refused', async (t) => {
  const gateway = await start(t);
  const answer = await gateway.post('{', { origin: here });
  assert.deepEqual([answer.status, allowed(answer)], [400, here]);
});

test('I11: without keys, a page of another site may neither call nor ask whether it may', async (t) => {
  const gateway = await start(t);
  const asked = await gateway.send('/v1/chat/completions', preflight(elsewhere));
  assert.deepEqual([asked.status, allowed(asked)], [403, null]);
  const answer = await gateway.post({ model: 'm', messages: question }, { origin: elsewhere });
  assert.deepEqual([answer.status, allowed(answer)], [403, null]);
  assert.equal(gateway.upstream.requests.length, 0);
});

test('with keys, a page of any site may call, and needs a key', async (t) => {
  const gateway = await start(t, { access: { consumers: [alice] } });
  const asked = await gateway.send('/v1/chat/completions', preflight(elsewhere));
  assert.deepEqual([asked.status, allowed(asked)], [204, elsewhere]);
  const body = { model: 'm', messages: question };
  const wrong = await gateway.post(body, { origin: elsewhere });
  assert.deepEqual([wrong.status, allowed(wrong)], [401, elsewhere]);
  const right = await gateway.post(body, { origin: elsewhere, authorization: `Bearer ${alice.key}` });
  assert.deepEqual([right.status, allowed(right)], [200, elsewhere]);
});

test('H8: beyond loopback and without keys no page may read an answer, whatever the upstream allows', async (t) => {
  const gateway = await start(t, { listen: { host: '0.0.0.0', port: 0, jsonKeepAlive: false } });
  for (const origin of [here, elsewhere]) {
    const asked = await gateway.send('/v1/embeddings', preflight(origin));
    assert.equal(allowed(asked), null);
    const passed = await gateway.send('/v1/models', { headers: { origin } });
    assert.deepEqual([passed.status, allowed(passed)], [200, null]);
  }
});
