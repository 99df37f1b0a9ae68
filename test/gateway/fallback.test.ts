// Several upstreams for one model: the next in order answers when the first cannot, before the first byte.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { ask, modes, textOf } from './ask.ts';
import { says, streamText } from './dialects.ts';
import { startGateway, toolNames, type GatewayOptions } from './gateway.ts';
import { answerBytes, answerError, reset, startLoopbackUpstream, type Script } from './loopback-upstream.ts';
import type { Scope } from './loopback-server.ts';

const lookUp = { id: 'call_1', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const own = { key: 'sk-of-the-second', models: ['*'] };

/** A gateway whose scripted upstream is first, and another behind it. */
async function start(t: Scope, first: Script, second: Script, options: GatewayOptions = {}) {
  const other = await startLoopbackUpstream(t, second);
  const gateway = await startGateway(t, {
    script: first,
    upstreams: (scripted) => [scripted, { name: 'second', url: other.url, ...own }],
    ...options,
  });
  return { gateway, other };
}

/** A port of loopback on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

for (const mode of modes) {
  test(`fallback ${mode}: an upstream that nobody reaches is passed over, for the whole run`, async (t) => {
    const port = await closedPort();
    const gateway = await startGateway(t, {
      script: [says({ calls: [lookUp] }), says({ text: 'Sunny.' })],
      upstreams: (scripted) => [{ name: 'gone', url: `http://127.0.0.1:${port}/v1`, ...own }, scripted],
    });
    assert.equal(textOf(await ask(gateway, mode)), 'Sunny.');
    assert.equal(gateway.upstream.chats.length, 2);
  });

  for (const [what, answer] of Object.entries({ '503': answerError(503, 'overloaded'), reset })) {
    test(`fallback ${mode}: ${what} before the first byte`, async (t) => {
      const { gateway, other } = await start(t, () => answer, [
        says({ calls: [lookUp] }),
        says({ text: 'Sunny.' }),
      ]);
      assert.equal(textOf(await ask(gateway, mode)), 'Sunny.');
      assert.equal(other.chats.length, 2);
      assert.deepEqual(other.chats[0]?.headers.authorization, 'Bearer sk-of-the-second');
      assert.ok(toolNames(other.chats[0]?.json ?? {}).includes(lookUp.name));
    });
  }

  test(`fallback ${mode}: plain requests too`, async (t) => {
    const { gateway, other } = await start(t, [answerError(500, 'broken')], [says({ text: 'Plain.' })]);
    const answer = await ask(gateway, mode, { max_tokens: 20 });
    assert.equal(textOf(answer), 'Plain.');
    assert.equal(other.chats.length, 1);
  });

  test(`fallback ${mode}: what is the request's own fault is not asked elsewhere`, async (t) => {
    const { gateway, other } = await start(t, () => answerError(429, 'slow_down'), []);
    await assert.rejects(ask(gateway, mode), { status: 429 });
    assert.equal(other.chats.length, 0);
  });

  test(`fallback ${mode}: when all fail, the last failure is the answer`, async (t) => {
    const { gateway } = await start(
      t,
      () => answerError(503, 'first'),
      () => answerError(502, 'second'),
    );
    await assert.rejects(ask(gateway, mode), { status: 502, code: 'second' });
  });

  test(`fallback ${mode}: not after the first step, whose calls may have had effects`, async (t) => {
    const script: Script = (_chat, number) =>
      number === 0 ? says({ calls: [lookUp] }) : answerError(500, 'late');
    const { gateway, other } = await start(t, script, []);
    await assert.rejects(ask(gateway, mode), mode === 'json' ? { status: 500 } : { message: /late/ });
    assert.equal(other.chats.length, 0);
  });
}

test('fallback: not after the first byte', async (t) => {
  const begun = streamText([{ text: 'Hello there' }], 'openai', 'm', false).slice(0, 800);
  const { gateway, other } = await start(t, [answerBytes(begun, { cut: true })], []);
  await assert.rejects(ask(gateway, 'stream'));
  assert.equal(other.chats.length, 0);
});

test("fallback: the caller's own key is shown to no other host", async (t) => {
  const other = await startLoopbackUpstream(t, []);
  const gateway = await startGateway(t, {
    script: () => answerError(503, 'overloaded'),
    upstreamKey: null,
    upstreams: (scripted) => [scripted, { name: 'keyless', url: other.url, models: ['*'] }],
  });
  await assert.rejects(ask(gateway, 'json'), { status: 503 });
  assert.equal(other.requests.length, 0);
});

test('fallback: an upstream that takes no tools cannot take over a request with tools', async (t) => {
  const other = await startLoopbackUpstream(t, []);
  const gateway = await startGateway(t, {
    script: () => answerError(503, 'overloaded'),
    upstreams: (scripted) => [
      scripted,
      { name: 'second', url: other.url, ...own, capabilities: [{ models: ['*'], tools: 'none' }] },
    ],
  });
  await assert.rejects(ask(gateway, 'json'), { status: 503 });
  assert.equal(other.requests.length, 0);
});

test('routing: each model goes to the first upstream whose models match', async (t) => {
  const other = await startLoopbackUpstream(t, [says({ text: 'Second.' })]);
  const gateway = await startGateway(t, {
    script: [says({ text: 'First.' })],
    upstreams: (scripted) => [
      { ...scripted, models: ['gpt-*'] },
      { ...own, name: 'second', url: other.url },
    ],
  });
  assert.equal(textOf(await ask(gateway, 'json', { model: 'gpt-4.1' })), 'First.');
  assert.equal(textOf(await ask(gateway, 'json', { model: 'llama-4' })), 'Second.');
});

test('fallback: the log tells who stood in for whom, and the record of the run who answered', async (t) => {
  const { gateway } = await start(t, () => answerError(503, 'overloaded'), [says({ text: 'Sunny.' })]);
  await ask(gateway, 'json');
  const [fallback] = await gateway.logged('upstream_fallback');
  assert.equal(fallback?.['from'], 'loopback');
  assert.equal(fallback?.['to'], 'second');
  assert.match(String(fallback?.['requestId']), /^req_/);
  const [record] = await gateway.logged('run');
  assert.equal(record?.['upstream'], 'second');
});

test('fallback: an upstream that failed three times in a row is not asked first any more', async (t) => {
  const { gateway, other } = await start(
    t,
    () => answerError(500, 'broken'),
    () => says({ text: 'Plain.' }),
  );
  for (const _ of [1, 2, 3, 4, 5])
    assert.equal(textOf(await ask(gateway, 'json', { max_tokens: 20 })), 'Plain.');
  assert.equal(gateway.upstream.chats.length, 3);
  assert.equal(other.chats.length, 5);
  const [rests] = await gateway.logged('upstream_rests');
  assert.equal(rests?.['upstream'], 'loopback');
});

test('fallback: what a request brings upon itself does not send an upstream to rest', async (t) => {
  const { gateway, other } = await start(
    t,
    (_chat, number) => answerError(number % 2 === 0 ? 500 : 400, 'broken'),
    () => says({ text: 'Plain.' }),
  );
  for (const at of Array.from({ length: 10 }).keys()) {
    const asked = ask(gateway, 'json', { max_tokens: 20 });
    if (at % 2 === 0) assert.equal(textOf(await asked), 'Plain.');
    else await assert.rejects(asked, { status: 400 });
  }
  assert.equal(other.chats.length, 5);
});

test('fallback: who takes no tools does not stand in for an upstream that rests', async (t) => {
  const other = await startLoopbackUpstream(t, () => says({ text: 'Plain.' }));
  const gateway = await startGateway(t, {
    script: (_chat, number) => (number < 6 ? answerError(500, 'broken') : says({ text: 'Well again.' })),
    upstreams: (scripted) => [
      scripted,
      { name: 'second', url: other.url, ...own, capabilities: [{ models: ['*'], tools: 'none' }] },
    ],
  });
  for (const _ of [1, 2, 3]) await assert.rejects(ask(gateway, 'json'), { status: 500 });
  assert.equal(textOf(await ask(gateway, 'json')), 'Well again.');
  assert.equal(other.chats.length, 0);
});
