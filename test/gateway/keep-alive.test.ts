// Scenario 34: a plugin that takes longer than clients, proxies and people wait in silence.
import assert from 'node:assert/strict';
import test from 'node:test';
import { question, textOf } from './ask.ts';
import { eventsOf, foldStream } from './clean-answer.ts';
import { says } from './dialects.ts';
import { startGateway } from './gateway.ts';

test('scenario 34 stream: while a plugin takes 20 s, a comment comes every 15 s (K1, E9)', async (t) => {
  const called = Promise.withResolvers<void>();
  const gateway = await startGateway(t, {
    script: [
      says({ calls: [{ id: 'call_1', name: 'weather__now', arguments: '{}' }] }),
      says({ text: 'It is late.' }),
    ],
    api: (_request, response) => {
      called.resolve();
      setTimeout(() => response.end('{}'), 20_000);
    },
  });
  const before = performance.now();
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  await called.promise;
  const raw = await response.text();
  assert.ok(performance.now() - before >= 19_000);
  assert.equal(raw.split(': keep-alive\n\n').length, 2, 'one comment in 20 s');
  assert.equal(textOf(foldStream(eventsOf(raw))), 'It is late.');
});
