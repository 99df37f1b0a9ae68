// Scenarios 1 to 12: what has nothing to do with plugins goes through as if the gateway were not there.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { ask, question, scenario, textOf } from './ask.ts';
import { assertError } from './clean-answer.ts';
import { completion, says, usualUsage } from './dialects.ts';
import { startGateway } from './gateway.ts';
import { answerBytes, answerError, answerJson, answerSlowly } from './loopback-upstream.ts';

const noPlugins = { plugins: () => [] };

test('scenario 1: a chat without plugins is the same bytes in both directions (Q1)', async (t) => {
  const answer = '{ "id":"x",  "choices":[], "seed": 9223372036854775807, "n": 1.0 }';
  const gateway = await startGateway(t, {
    ...noPlugins,
    unchecked: true,
    script: [answerBytes(answer, { contentType: 'application/json' })],
  });
  const sent =
    '{"model":"m", "messages":[],"seed":9223372036854775807,  "temperature":1.0,"a":{"b":1,"a":2}}';
  const response = await gateway.post(sent);
  assert.equal(await response.text(), answer);
  assert.equal(gateway.upstream.chats[0]?.body.toString(), sent);
  assert.ok(response.headers.get('x-request-id'));
});

test('scenario 1 json: x-plugins: none makes a chat plain (Q1)', async (t) => {
  const gateway = await startGateway(t, { script: [says({ text: 'Hello' })] });
  const answer = await ask(gateway, 'json', {}, { headers: { 'x-plugins': 'none' } });
  assert.equal(textOf(answer), 'Hello');
  assert.ok(!('tools' in (gateway.upstream.chats[0]?.json ?? {})));
});

test('scenario 2: a streamed chat without plugins is the same bytes (Q1)', async (t) => {
  const bytes = 'data: {"choices":[],"x":1}\r\n\r\n: hello\n\ndata: [DONE]\n\n';
  const gateway = await startGateway(t, {
    ...noPlugins,
    unchecked: true,
    script: [answerBytes(bytes, { seed: 2 })],
  });
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  assert.equal(await response.text(), bytes);
});

scenario('2: a chat without plugins arrives through the client', async (t, mode, dialect) => {
  const gateway = await startGateway(t, { ...noPlugins, script: [says({ text: 'Hello, Oslo' }, dialect)] });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'Hello, Oslo');
  // Groq's streams tell it in `x_groq`, which a client without the gateway does not read either.
  if (mode === 'json' || dialect !== 'groq') assert.deepEqual(answer.usage, usualUsage);
});

test('scenario 3: models.list', async (t) => {
  const models = { object: 'list', data: [{ id: 'm1', object: 'model', created: 1, owned_by: 'me' }] };
  const gateway = await startGateway(t, { elsewhere: answerJson(models) });
  const page = await gateway.client.models.list();
  assert.deepEqual(
    page.data.map((model) => model.id),
    ['m1'],
  );
  const [request] = gateway.upstream.requests;
  assert.equal(request?.path, '/v1/models');
  assert.equal(request.headers.authorization, 'Bearer sk-of-the-gateway');
});

test("scenario 3: without an upstream key the caller's own goes on (Q7)", async (t) => {
  const gateway = await startGateway(t, { upstreamKey: null, elsewhere: answerJson({ data: [] }) });
  await gateway.client.models.list();
  assert.equal(gateway.upstream.requests[0]?.headers.authorization, 'Bearer sk-of-the-client');
});

test('scenario 4: embeddings', async (t) => {
  const body = { object: 'list', data: [{ object: 'embedding', index: 0, embedding: [0.25] }], model: 'e' };
  const gateway = await startGateway(t, { elsewhere: answerJson(body) });
  const answer = await gateway.client.embeddings.create({ model: 'e', input: 'a', encoding_format: 'float' });
  assert.deepEqual(answer.data[0]?.embedding, [0.25]);
  assert.deepEqual(gateway.upstream.requests[0]?.json, { model: 'e', input: 'a', encoding_format: 'float' });
});

test('scenario 5: audio as multipart passes unread', async (t) => {
  const gateway = await startGateway(t, { elsewhere: answerJson({ text: 'spoken' }) });
  const sound = Buffer.from([0, 255, 13, 10, 45, 45, 1, 2, 3]);
  const file = new File([sound], 'a.wav', { type: 'audio/wav' });
  const answer = await gateway.client.audio.transcriptions.create({ model: 'whisper-1', file });
  assert.equal(answer.text, 'spoken');
  const [request] = gateway.upstream.requests;
  assert.match(request?.headers['content-type'] ?? '', /^multipart\/form-data; boundary=/);
  assert.ok(request?.body.includes(sound));
});

test("scenario 6: an unknown path below /v1/ is the upstream's to answer", async (t) => {
  const gateway = await startGateway(t, { elsewhere: answerError(404, 'no_such_thing') });
  await assert.rejects(gateway.client.get('/no/such/thing'), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'no_such_thing');
    return true;
  });
  assert.equal(gateway.upstream.requests[0]?.path, '/v1/no/such/thing');
});

test('scenario 7: a wrong key is an AuthenticationError with the request id', async (t) => {
  const consumers = [{ name: 'alice', key: 'a-key-of-alice-1234', plugins: ['*'] }];
  const gateway = await startGateway(t, { config: { access: { consumers } } });
  await assert.rejects(ask(gateway, 'json'), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, 'invalid_api_key');
    assert.ok(error.requestID);
    return true;
  });
  assert.equal(gateway.upstream.requests.length, 0);
});

test('scenario 7: the key of a consumer never reaches the upstream', async (t) => {
  const key = 'a-key-of-alice-1234';
  const gateway = await startGateway(t, {
    config: { access: { consumers: [{ name: 'alice', key, plugins: ['*'] }] } },
    script: [says({ text: 'Hello' })],
    elsewhere: answerJson({ data: [] }),
  });
  const client = gateway.client.withOptions({ apiKey: key });
  await client.models.list();
  await client.chat.completions.create({ model: 'm', messages: question });
  assert.equal(gateway.upstream.requests.length, 2);
  for (const request of gateway.upstream.requests) {
    assert.ok(!JSON.stringify(request.rawHeaders).includes(key));
    assert.equal(request.headers.authorization, 'Bearer sk-of-the-gateway');
  }
});

scenario('8: a model that no upstream serves is a NotFoundError', async (t, mode) => {
  const gateway = await startGateway(t, {
    config: { upstreams: [{ name: 'a', url: 'http://127.0.0.1:9/v1', models: ['gpt-*'] }] },
  });
  await assert.rejects(ask(gateway, mode, { model: 'claude' }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
});

scenario("8: the upstream's own 404 passes with its body (F3)", async (t, mode) => {
  const gateway = await startGateway(t, { script: () => answerError(404, 'model_not_found') });
  await assert.rejects(ask(gateway, mode), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, /upstream says/);
    return true;
  });
});

for (const plugins of [true, false]) {
  const how = plugins ? 'with' : 'without';
  scenario(
    `9: a 429 with retry-after-ms is retried by the client, ${how} plugins (T2)`,
    async (t, mode, dialect) => {
      const gateway = await startGateway(t, {
        ...(plugins ? {} : noPlugins),
        script: [
          answerError(429, 'rate_limit_exceeded', { 'retry-after-ms': '5' }),
          says({ text: 'Hello' }, dialect),
        ],
      });
      const answer = await ask(gateway, mode, {}, { maxRetries: 1 });
      assert.equal(textOf(answer), 'Hello');
      assert.deepEqual(
        gateway.wire.map((one) => one.status),
        [429, 200],
      );
      assert.equal(gateway.wire[0]?.headers.get('retry-after-ms'), '5');
    },
  );

  scenario(`10: x-should-retry: false reaches the client, ${how} plugins (F6)`, async (t, mode) => {
    const gateway = await startGateway(t, {
      ...(plugins ? {} : noPlugins),
      script: [answerError(429, 'insufficient_quota', { 'x-should-retry': 'false' })],
    });
    await assert.rejects(ask(gateway, mode, {}, { maxRetries: 2 }), OpenAI.RateLimitError);
    assert.equal(gateway.upstream.chats.length, 1);
  });

  test(`scenario 11: a vision body of 50 MB passes, ${how} plugins (K8)`, async (t) => {
    const gateway = await startGateway(t, {
      ...(plugins ? {} : noPlugins),
      script: [says({ text: 'A cat' })],
    });
    const url = `data:image/png;base64,${'iVBORw0KGgo='.repeat(4_200_000)}`;
    const content = [{ type: 'image_url' as const, image_url: { url } }];
    const answer = await ask(gateway, 'json', { messages: [{ role: 'user', content }] });
    assert.equal(textOf(answer), 'A cat');
    const received = gateway.upstream.chats[0]?.body ?? Buffer.alloc(0);
    assert.ok(received.includes(url));
  });

  test(`scenario 12 stream: a client that leaves ends the upstream's answer, ${how} plugins (K3)`, async (t) => {
    const [first = ''] = streamStart;
    const forever = Promise.withResolvers<void>();
    t.after(() => forever.resolve());
    const gateway = await startGateway(t, {
      ...(plugins ? {} : noPlugins),
      script: [answerSlowly([first, forever.promise])],
    });
    const stream = await gateway.client.chat.completions.create({
      model: 'm',
      messages: question,
      stream: true,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    await (
      await gateway.upstream.chat(0)
    ).abandoned;
  });
}

const streamStart = [
  'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,' +
    '"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}\n\n' +
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,' +
    '"delta":{"content":"Once upon a time"},"finish_reason":null}]}\n\n',
];

test("the upstream's headers that a client uses are copied, its cookies are not (F6)", async (t) => {
  const headers = {
    'x-ratelimit-remaining-requests': '3',
    'set-cookie': 'a=b',
    'openai-organization': 'org-1',
  };
  for (const plugins of [true, false]) {
    const gateway = await startGateway(t, {
      ...(plugins ? {} : noPlugins),
      script: [answerJson(completion([{ text: 'Hello' }], 'openai', 'm'), 200, headers)],
    });
    const response = await gateway.post({ model: 'm', messages: question });
    await response.text();
    assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '3');
    assert.equal(response.headers.get('set-cookie'), null);
    assert.equal(
      response.headers.get('openai-organization'),
      null,
      "the gateway's own organisation stays hidden",
    );
  }
});

test("the gateway's own errors have OpenAI's envelope outside of /v1/ too (F1)", async (t) => {
  const gateway = await startGateway(t);
  const response = await gateway.send('/nothing/here');
  assert.equal(response.status, 404);
  assertError((await response.json()) as Record<string, never>);
});
