// Scenario 34: a plugin that takes longer than clients, proxies and people wait in silence.
import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import { question, textOf } from './ask.ts';
import { eventsOf, foldStream } from './clean-answer.ts';
import { says } from './dialects.ts';
import { startGateway, type GatewayOptions } from './gateway.ts';
import { answerError } from './loopback-upstream.ts';

/** The model calls, and the plugin takes 20 s. */
function slowly(t: TestContext, options: GatewayOptions = {}) {
  return startGateway(t, {
    script: [
      says({ calls: [{ id: 'call_1', name: 'weather__now', arguments: '{}' }] }),
      says({ text: 'It is late.' }),
    ],
    api: (_request, response) => void setTimeout(() => response.end('{}'), 20_000),
    ...options,
  });
}

const keepAlive = { listen: { host: '127.0.0.1', port: 0, jsonKeepAlive: true } };

describe('while a plugin takes 20 s', { concurrency: true }, () => {
  test('scenario 34 stream: a comment comes every 15 s (K1, E9)', async (t) => {
    const gateway = await slowly(t);
    const before = performance.now();
    const response = await gateway.post({ model: 'm', messages: question, stream: true });
    const raw = await response.text();
    assert.ok(performance.now() - before >= 19_000);
    assert.equal(raw.split(': keep-alive\n\n').length, 2, 'one comment in 20 s');
    assert.equal(textOf(foldStream(eventsOf(raw))), 'It is late.');
  });

  test('scenario 34 json: nothing comes before the answer (K2)', async (t) => {
    const gateway = await slowly(t);
    const before = performance.now();
    const response = await gateway.post({ model: 'm', messages: question });
    assert.ok(performance.now() - before >= 19_000, 'the status waits, too');
    assert.match(await response.text(), /^\{.*It is late\./);
  });

  test('scenario 34 json: with jsonKeepAlive a blank comes after 15 s, and the official client reads on (K2)', async (t) => {
    const gateway = await slowly(t, { config: keepAlive });
    const before = performance.now();
    const asked = gateway.client.chat.completions.create({ model: 'm', messages: question });
    const response = await asked.asResponse();
    const began = performance.now() - before;
    assert.ok(began >= 14_000 && began < 19_000, String(began));
    const answer = await asked;
    assert.equal(answer.choices[0]?.message.content, 'It is late.');
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.match(gateway.wire[0]?.text() ?? '', /^ \{/);
  });

  test('with jsonKeepAlive a failure after that cuts the connection: never a whole answer (K2)', async (t) => {
    const gateway = await slowly(t, {
      script: [
        says({ calls: [{ id: 'call_1', name: 'weather__now', arguments: '{}' }] }),
        answerError(400, 'late'),
      ],
      config: keepAlive,
    });
    const response = await gateway.post({ model: 'm', messages: question });
    assert.equal(response.status, 200);
    await assert.rejects(response.text());
    assert.equal((await gateway.logged('answer cut')).length, 1);
  });
});

test('with jsonKeepAlive an early failure keeps its status (K2)', async (t) => {
  const gateway = await startGateway(t, { script: [answerError(418, 'teapot')], config: keepAlive });
  assert.equal((await gateway.post({ model: 'm', messages: question })).status, 418);
});
