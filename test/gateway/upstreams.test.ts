// What upstreams do wrong, refuse or cut short, and what of a request reaches them at all.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, jsonScenario, question, scenario, textOf, type Mode } from './ask.ts';
import { assertError, assertFailedStream } from './clean-answer.ts';
import { completion, says, streamText, type Call } from './dialects.ts';
import { startGateway, testBudget, toolNames, toolResults } from './gateway.ts';
import { answerBytes, answerError, answerJson } from './loopback-upstream.ts';

const oslo: Call = { id: 'call_1', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };

test('only the headers that an upstream needs reach it (Q7, H3)', async (t) => {
  const gateway = await startGateway(t, {
    script: () => says({ text: 'ok' }),
    elsewhere: answerJson({ data: [] }),
  });
  const headers = {
    'openai-beta': 'x=1',
    'x-title': 'My app',
    'x-client-request-id': 'r-1',
    cookie: 'session=secret',
    'x-forwarded-for': '10.0.0.1',
    'api-key': 'secret',
    'x-api-key': 'secret',
    'openai-organization': 'org-of-the-caller',
    'idempotency-key': 'i-1',
    'x-plugins': 'weather',
    'x-plugin-trace': 'summary',
  };
  await (await gateway.post({ model: 'm', messages: question }, headers)).text();
  await (await gateway.send('/v1/models', { headers })).text();
  assert.equal(gateway.upstream.requests.length, 2);
  for (const request of gateway.upstream.requests) {
    assert.equal(request.headers['openai-beta'], 'x=1');
    assert.equal(request.headers['x-title'], 'My app');
    assert.equal(request.headers['x-client-request-id'], 'r-1');
    assert.equal(request.headers.authorization, 'Bearer sk-of-the-gateway');
    const sent = JSON.stringify(request.rawHeaders);
    assert.doesNotMatch(
      sent,
      /secret|10\.0\.0\.1|org-of-the-caller|sk-of-the-client|x-plugins|x-plugin-trace/,
    );
  }
  assert.equal(gateway.upstream.chats[0]?.headers['idempotency-key'], undefined, 'bodies differ per step');
});

test('what the gateway does not know goes upstream in every step, numbers as they are spelt (Q3, Q4)', async (t) => {
  const gateway = await startGateway(t, { script: [says({ calls: [oslo] }), says({ text: 'ok' })] });
  const sent =
    '{"model":"m","seed":9223372036854775807,"temperature":1.0,"enable_thinking":false,"messages":' +
    '[{"role":"user","content":"How is Oslo?","extra":1e3}],"provider":{"b":1,"a":[1.50]}}';
  await (await gateway.post(sent)).text();
  assert.equal(gateway.upstream.chats.length, 2);
  for (const { body } of gateway.upstream.chats) {
    const text = body.toString();
    for (const part of [
      '"seed":9223372036854775807',
      '"temperature":1.0',
      '"enable_thinking":false',
      '"extra":1e3',
      '{"b":1,"a":[1.50]}',
    ]) {
      assert.ok(text.includes(part), part);
    }
  }
});

test('with 120 tools of the client, ours fill up to 128 in sorted order (Q6)', async (t) => {
  const tools = Array.from({ length: 126 }, (_, at) => ({
    type: 'function' as const,
    function: { name: `client_${at}`, parameters: { type: 'object' } },
  }));
  const gateway = await startGateway(t, { script: [says({ text: 'ok' })] });
  await ask(gateway, 'json', { tools });
  const names = toolNames(gateway.upstream.chats[0]?.json ?? {});
  assert.equal(names.length, 128);
  assert.deepEqual(names.slice(-3), ['client_125', 'weather__addAlert', 'weather__getWeather']);
  const [record] = await gateway.logged('functions not offered');
  assert.deepEqual([record?.['hidden'], record?.['leftOut']], [0, 1]);
});

test('with more than 128 tools of the client, none of ours is added, and the log says so (Q6)', async (t) => {
  const tools = Array.from({ length: 129 }, (_, at) => ({
    type: 'function' as const,
    function: { name: `client_${at}`, parameters: { type: 'object' } },
  }));
  const gateway = await startGateway(t, { script: [says({ text: 'ok' })], unchecked: true });
  await ask(gateway, 'json', { tools });
  assert.equal(toolNames(gateway.upstream.chats[0]?.json ?? {}).length, 129);
  const [record] = await gateway.logged('functions not offered');
  assert.deepEqual([record?.['hidden'], record?.['leftOut']], [0, 3]);
});

test('functions and tools together: nothing is injected (Q2)', async (t) => {
  const gateway = await startGateway(t, { script: [says({ text: 'ok' })] });
  const sent = {
    model: 'm',
    messages: question,
    tools: [{ type: 'function', function: { name: 'a' } }],
    functions: [{ name: 'b' }],
  };
  await (await gateway.post(sent)).text();
  assert.deepEqual(gateway.upstream.chats[0]?.json, sent);
});

for (const tools of [[], null]) {
  scenario(`13: tools ${JSON.stringify(tools)} counts as absent (Q3)`, async (t, mode, dialect) => {
    const gateway = await startGateway(t, { script: [says({ text: 'ok' }, dialect)] });
    assert.equal(textOf(await ask(gateway, mode, { tools: tools as never })), 'ok');
    assert.equal(toolNames(gateway.upstream.chats[0]?.json ?? {}).length, 3);
  });
}

scenario(
  '13: the plugins are introduced in a developer message of parts, too (Q9)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, { script: [says({ text: 'ok' }, dialect)] });
    const content = [{ type: 'text' as const, text: 'Be brief.' }];
    await ask(gateway, mode, { messages: [{ role: 'developer', content }, ...question] });
    const [first] = gateway.upstream.chats[0]?.json['messages'] as {
      role: string;
      content: { text: string }[];
    }[];
    assert.equal(first?.role, 'developer');
    assert.deepEqual(first.content[0], content[0]);
    assert.match(first.content[1]?.text ?? '', /Use weather in tests\./);
  },
);

scenario(
  '21: calls of an answer that was cut at its length are never executed (M5)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [says({ text: 'I will', calls: [oslo], finish: 'length' }, dialect)],
    });
    const answer = await ask(gateway, mode);
    assert.equal(textOf(answer), 'I will');
    assert.equal(answer.choices[0]?.finish_reason, 'length');
    assert.equal(gateway.api.requests.length, 0);
  },
);

for (const [what, id] of [
  ['is missing', ''],
  ['is longer than 40 characters', `chatcmpl-tool-${'f'.repeat(32)}`],
] as const) {
  scenario(`39: a call whose id ${what} gets nine alphanumerics (P4, A3)`, async (t, mode, dialect) => {
    const tools = [{ type: 'function' as const, function: { name: 'look_up' } }];
    const calls = [{ id, name: 'look_up', arguments: '{}' }];
    const gateway = await startGateway(t, { script: [says({ calls }, dialect)] });
    const answer = await ask(gateway, mode, { tools });
    assert.match(answer.choices[0]?.message.tool_calls?.[0]?.id ?? '', /^[A-Za-z0-9]{9}$/);
  });
}

scenario('15: calls that all have the same id are told apart (A3, M12)', async (t, mode) => {
  const calls = ['Oslo', 'Rome'].map((city) => ({
    ...oslo,
    id: 'call_0',
    arguments: JSON.stringify({ city }),
  }));
  const gateway = await startGateway(t, {
    script: [says({ calls }, 'ollama'), says({ calls: [oslo] }, 'ollama'), says({ text: 'ok' }, 'ollama')],
  });
  assert.equal(textOf(await ask(gateway, mode)), 'ok');
  assert.deepEqual(
    gateway.api.requests.map(({ path }) => path),
    ['/weather/Oslo', '/weather/Rome', '/weather/Oslo'],
  );
});

test('arguments as an object instead of text (A5)', async (t) => {
  const body = completion([{ calls: [oslo] }], 'openai', 'm');
  const text = JSON.stringify(body).replace(JSON.stringify(oslo.arguments), oslo.arguments);
  const gateway = await startGateway(t, {
    script: [answerBytes(text, { contentType: 'application/json' }), says({ text: 'ok' })],
  });
  assert.equal(textOf(await ask(gateway, 'json')), 'ok');
  assert.equal(gateway.api.requests[0]?.path, '/weather/Oslo');
});

for (const status of [500, 502, 503, 504]) {
  scenario(
    `35: a single ${status} before any byte is repeated once, unseen (T2)`,
    async (t, mode, dialect) => {
      const gateway = await startGateway(t, {
        script: [answerError(status, 'down'), says({ text: 'ok' }, dialect)],
      });
      assert.equal(textOf(await ask(gateway, mode)), 'ok');
      assert.equal(gateway.upstream.chats.length, 2);
    },
  );
}

scenario('35: what is no chat answer at all is a 502 (D3, F2)', async (t, mode) => {
  const page = answerBytes('<html>Welcome</html>', { contentType: 'text/html' });
  const gateway = await startGateway(t, { script: () => page });
  await assert.rejects(ask(gateway, mode), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.code, 'upstream_bad_content_type');
    return true;
  });
});

/** An answer whose role, or choice, has a member more behind it. */
function saysWith(behind: string, more: JsonObject, mode: Mode) {
  const said = [{ text: 'Hello there.' }];
  const whole = JSON.stringify(completion(said, 'openai', 'm'));
  const text = mode === 'json' ? whole : streamText(said, 'openai', 'm', true);
  return answerBytes(text.replaceAll(behind, `${behind},${JSON.stringify(more).slice(1, -1)}`), {
    contentType: mode === 'json' ? 'application/json' : 'text/event-stream',
  });
}

for (const odd of [7, 'none', true, {}]) {
  scenario(`35: tool calls that are ${JSON.stringify(odd)} are none (A8)`, async (t, mode) => {
    const gateway = await startGateway(t, {
      script: [saysWith('"role":"assistant"', { tool_calls: odd }, mode)],
    });
    assert.equal(textOf(await ask(gateway, mode)), 'Hello there.');
  });
}

scenario('35: a choice whose number makes no sense is the first one (D3)', async (t, mode) => {
  const said = [{ text: 'Hello there.' }];
  const whole = JSON.stringify(completion(said, 'openai', 'm'));
  const text = mode === 'json' ? whole : streamText(said, 'openai', 'm', true);
  const gateway = await startGateway(t, {
    script: [
      answerBytes(text.replaceAll('"index":0', '"index":300000'), {
        contentType: mode === 'json' ? 'application/json' : 'text/event-stream',
      }),
    ],
  });
  assert.equal(textOf(await ask(gateway, mode)), 'Hello there.');
});

for (const odd of [7, 'none', null, { tool_calls: 7 }]) {
  jsonScenario(`35: a message ${JSON.stringify(odd)} beside a delta is not the answer (D3)`, async (t) => {
    const gateway = await startGateway(t, {
      script: [saysWith('"finish_reason":"stop"', { message: odd }, 'stream')],
    });
    assert.equal(textOf(await ask(gateway, 'json')), 'Hello there.');
  });
}

for (const [what, body, status] of [
  ['an array around it (Gemini)', [{ error: { code: 400, message: 'bad key', status: 'INVALID' } }], 400],
  ['a detail (Mistral)', { detail: [{ loc: ['body'], msg: 'wrong' }] }, 422],
  ['a numeric code (OpenRouter)', { error: { message: 'No credits', code: 402 } }, 402],
] as const) {
  scenario(`8: an upstream's error with ${what} reaches the client as an error (F3)`, async (t, mode) => {
    const gateway = await startGateway(t, { script: () => answerJson(body, status) });
    await assert.rejects(ask(gateway, mode), (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.status, status);
      return true;
    });
    const sent = JSON.parse((await gateway.wire[0]?.ended) ?? '{}') as { error?: object };
    assert.equal(typeof sent.error, 'object');
  });
}

scenario("35: Groq's tool_use_failed is asked once more (F3)", async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [answerError(400, 'tool_use_failed'), says({ text: 'ok' }, dialect)],
  });
  assert.equal(textOf(await ask(gateway, mode)), 'ok');
});

scenario("35: a member of an upstream's own is nothing but that, whatever its name", async (t, mode) => {
  const gateway = await startGateway(t, { script: [saysWith('"model":"m"', { like: {}, texts: 7 }, mode)] });
  assert.equal(textOf(await ask(gateway, mode)), 'Hello there.');
});

test('an error page of a proxy is wrapped (F3)', async (t) => {
  const gateway = await startGateway(t, {
    script: () => (_request, response) =>
      void response.writeHead(418, { 'content-type': 'text/html' }).end('<h1>teapot</h1>'),
  });
  const response = await gateway.post({ model: 'm', messages: question });
  assert.equal(response.status, 418);
  assertError((await response.json()) as JsonObject);
});

test('an error event in the middle of a stream ends it as one (A9, E11)', async (t) => {
  const begun = streamText([{ text: 'Once upon a time' }], 'openai', 'm', false)
    .split('\n\n')
    .slice(0, 2)
    .join('\n\n');
  const raw = `${begun}\n\ndata: {"error":{"message":"overloaded","type":"server_error","code":null}}\n\n`;
  const gateway = await startGateway(t, { script: () => answerBytes(raw) });
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  assert.equal(assertFailedStream(await response.text())['message'], 'overloaded');
});

test('an error as the only event is an answer with an error status (E12, A9)', async (t) => {
  const raw =
    'data: {"error":{"message":"overloaded","type":"server_error","code":null}}\n\ndata: [DONE]\n\n';
  const gateway = await startGateway(t, { script: () => answerBytes(raw) });
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  const text = await response.text();
  const error =
    response.status === 200 ? assertFailedStream(text) : (JSON.parse(text) as { error: JsonObject }).error;
  assert.equal(error['message'], 'overloaded');
});

test('an event of more than 1 MiB ends the stream with an error (D3)', async (t) => {
  const raw = streamText([{ text: 'Once' }], 'openai', 'm', false).replace('Once', 'x'.repeat(1_100_000));
  const gateway = await startGateway(t, { script: () => answerBytes(raw) });
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  const text = await response.text();
  if (response.status === 200) assertFailedStream(text);
  else assertError(JSON.parse(text) as JsonObject);
});

test('an event of more than 1 MiB passes where the operator expects such (D3)', async (t) => {
  const large = 'x'.repeat(1_100_000);
  const raw = streamText([{ text: 'Once' }], 'openai', 'm', false).replace('Once', large);
  const gateway = await startGateway(t, {
    script: () => answerBytes(raw),
    upstreams: (scripted) => [{ ...scripted, maxEventBytes: 2_000_000 }],
  });
  assert.equal(textOf(await ask(gateway, 'stream')), large);
});

scenario('13: a large result is cut to its share, still JSON (R2)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }, dialect), says({ text: 'ok' }, dialect)],
    config: { budget: testBudget({ resultCharacters: 2_000 }) },
    api: (_request, response) => {
      const rows = Array.from({ length: 500 }, (_, at) => ({ at, text: 'x'.repeat(50) }));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ rows }));
    },
  });
  assert.equal(textOf(await ask(gateway, mode)), 'ok');
  const [result] = toolResults(gateway.upstream.chats[1]?.json ?? {}) as JsonObject[];
  assert.ok(JSON.stringify(result).length <= 2_000);
  assert.ok(result?.['truncated'], 'says how much is missing');
});
