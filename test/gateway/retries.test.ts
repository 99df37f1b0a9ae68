// A client that asks again gets the run it has: no plugin request that may change something leaves twice (T1 to T6).
import assert from 'node:assert/strict';
import test from 'node:test';
import { ask, bothModes, textOf, type Mode } from './ask.ts';
import { assertError, eventsOf, foldStream } from './clean-answer.ts';
import { says, type Call } from './dialects.ts';
import { startGateway, toolResults, type TestGateway } from './gateway.ts';
import { answerJson, cutOff, reset, type PluginHandler } from './loopback-plugin.ts';
import { answerError, hang, type Script } from './loopback-upstream.ts';

const alert: Call = { id: 'call_post', name: 'weather__addAlert', arguments: '{"city":"Oslo"}' };
const oslo: Call = { id: 'call_get', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const marked = { 'x-stainless-retry-count': '1' };
const named = { 'idempotency-key': 'a-key-of-the-client' };

const bodyOf = (mode: Mode, text = 'How is Oslo?') => ({
  model: 'm',
  messages: [{ role: 'user', content: text }],
  stream: mode === 'stream',
});

/** The text of an answer, streamed or not. */
async function answered(response: Response, mode: Mode): Promise<unknown> {
  const raw = await response.text();
  return textOf(mode === 'stream' ? foldStream(eventsOf(raw)) : JSON.parse(raw));
}

/** A plugin whose answers wait until the test lets them go. */
function heldPlugin(): { api: PluginHandler; release: () => void } {
  const gate = Promise.withResolvers<void>();
  const api: PluginHandler = async (_request, response) => {
    await gate.promise;
    response.end('{"done":true}');
  };
  return { api, release: () => gate.resolve() };
}

/** Sends a request and goes away after `until`; resolves when the gateway has ended that run. */
async function abandon(
  gateway: TestGateway,
  mode: Mode,
  until: Promise<unknown>,
  headers: Record<string, string> = {},
): Promise<void> {
  const leaving = new AbortController();
  const gone = gateway
    .post(bodyOf(mode), headers, leaving.signal)
    .then((response) => response.text())
    .catch(() => undefined);
  await until;
  leaving.abort();
  await gone;
  const [run] = await gateway.logged('run');
  assert.equal(run?.['status'], 499);
}

const posts = ({ api }: TestGateway) => api.requests.filter(({ method }) => method === 'POST').length;

/** The first answer calls, the second never comes, the third is the last. */
const cutInStepTwo = (call: Call): Script => {
  const answers = [says({ calls: [call] }), hang, says({ text: 'Done.' })];
  return (_request, number) => answers[number] ?? says({ text: 'Asked too often.' });
};

bothModes('T4: a retry joins the running run and gets all of its answer', async (t, mode) => {
  const { api, release } = heldPlugin();
  const gateway = await startGateway(t, { script: [says({ calls: [alert] }), says({ text: 'Done.' })], api });
  const first = gateway.post(bodyOf(mode));
  await gateway.api.next();
  const second = gateway.post(bodyOf(mode), marked);
  await gateway.logged('run joined');
  release();
  const answers = await Promise.all([first, second]);
  for (const answer of answers) assert.equal(await answered(answer, mode), 'Done.');
  assert.equal(gateway.wire[0]?.text(), gateway.wire[1]?.text());
  assert.equal(answers[0].headers.get('x-request-id'), answers[1].headers.get('x-request-id'));
  assert.equal(posts(gateway), 1);
  assert.equal(gateway.upstream.chats.length, 2);
});

bothModes('T4: a joined run goes on when its first client has gone', async (t, mode) => {
  const { api, release } = heldPlugin();
  const gateway = await startGateway(t, { script: [says({ calls: [oslo] }), says({ text: 'Done.' })], api });
  const leaving = new AbortController();
  const first = gateway
    .post(bodyOf(mode), {}, leaving.signal)
    .then((response) => response.text())
    .catch(() => 'gone');
  await gateway.api.next();
  const second = gateway.post(bodyOf(mode), marked);
  await gateway.logged('run joined');
  leaving.abort();
  await first;
  release();
  assert.equal(await answered(await second, mode), 'Done.');
  assert.equal(gateway.api.requests.length, 1);
  assert.equal(gateway.upstream.chats.length, 2);
});

bothModes('T4: an ended run is replayed, byte for byte, with its id', async (t, mode) => {
  for (const headers of [marked, named]) {
    const gateway = await startGateway(t, { script: [says({ calls: [oslo] }), says({ text: 'Done.' })] });
    const first = await gateway.post(bodyOf(mode), headers === named ? named : {});
    assert.equal(await answered(first, mode), 'Done.');
    const second = await gateway.post(bodyOf(mode), headers);
    assert.equal(await answered(second, mode), 'Done.');
    assert.equal(gateway.wire[0]?.text(), gateway.wire[1]?.text());
    for (const name of ['x-request-id', 'x-plugin-calls', 'openai-version', 'content-type'])
      assert.equal(second.headers.get(name), first.headers.get(name), name);
    assert.equal(gateway.api.requests.length, 1);
    assert.equal(gateway.upstream.chats.length, 2);
  }
});

bothModes(
  'T4: an error after a side effect is replayed, and says again not to retry (T1)',
  async (t, mode) => {
    const gateway = await startGateway(t, {
      script: (_request, number) => (number === 0 ? says({ calls: [alert] }) : answerError(400, 'bad_step')),
    });
    for (const headers of [{}, marked]) {
      const response = await gateway.post(bodyOf(mode), headers);
      assert.match(await response.text(), /bad_step/);
      if (mode === 'stream') continue;
      assert.equal(response.status, 400);
      assert.equal(response.headers.get('x-should-retry'), 'false');
    }
    assert.equal(posts(gateway), 1);
    assert.equal(gateway.upstream.chats.length, 2);
  },
);

test("T1: after a side effect the upstream's own x-should-retry: true is not believed", async (t) => {
  const inviting = answerError(429, 'rate_limit_exceeded', { 'x-should-retry': 'true', 'retry-after': '60' });
  const gateway = await startGateway(t, { script: [says({ calls: [alert] }), inviting] });
  const response = await gateway.post(bodyOf('json'));
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('x-should-retry'), 'false');
  assert.equal(response.headers.get('retry-after'), '60');
});

bothModes('T4: an error before any side effect is not remembered: the client asks again', async (t, mode) => {
  const limited = answerError(429, 'rate_limit_exceeded', { 'retry-after-ms': '1' });
  const gateway = await startGateway(t, {
    script: [limited, says({ calls: [alert] }), says({ text: 'Done.' })],
  });
  assert.equal(textOf(await ask(gateway, mode, {}, { maxRetries: 2 })), 'Done.');
  assert.equal(gateway.wire.length, 2);
  assert.equal(posts(gateway), 1);
});

bothModes('T5: a cut run is taken up after its last complete step', async (t, mode) => {
  const gateway = await startGateway(t, { script: cutInStepTwo(alert), api: answerJson({ alert: 7 }) });
  await abandon(gateway, mode, gateway.upstream.chat(1));
  assert.equal(await answered(await gateway.post(bodyOf(mode), marked), mode), 'Done.');
  assert.equal(posts(gateway), 1);
  assert.equal(gateway.upstream.chats.length, 3);
  assert.deepEqual(gateway.upstream.chats[2]?.json, gateway.upstream.chats[1]?.json);
});

bothModes('T5: a call that is open at the cut is awaited, not repeated', async (t, mode) => {
  const { api, release } = heldPlugin();
  const gateway = await startGateway(t, { script: [says({ calls: [alert] }), says({ text: 'Done.' })], api });
  await abandon(gateway, mode, gateway.api.next());
  const again = gateway.post(bodyOf(mode), marked);
  if (mode === 'stream') await again;
  release();
  assert.equal(await answered(await again, mode), 'Done.');
  assert.equal(posts(gateway), 1);
  assert.deepEqual(toolResults(gateway.upstream.chats[1]?.json ?? {}), [{ done: true }]);
});

bothModes('T5: a GET that is open at the cut ends with it, and is made again (M24)', async (t, mode) => {
  let calls = 0;
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }), says({ text: 'Done.' })],
    api: (_request, response) => void ((calls += 1) > 1 && response.end('{}')),
  });
  await abandon(gateway, mode, gateway.api.next());
  await gateway.api.requests[0]?.abandoned;
  assert.equal(await answered(await gateway.post(bodyOf(mode), marked), mode), 'Done.');
  assert.equal(gateway.api.requests.length, 2);
  assert.equal(gateway.upstream.chats.length, 2);
});

bothModes(
  'T5: of two equal calls each keeps its own result, and only the missing one is made',
  async (t, mode) => {
    const second = { ...alert, id: 'call_post_2' };
    const answers = [says({ calls: [alert] }), hang, says({ calls: [second] }), says({ text: 'Done.' })];
    let number = 0;
    const gateway = await startGateway(t, {
      script: (_request, at) => answers[at] ?? hang,
      api: (_request, response) => void response.end(JSON.stringify({ number: (number += 1) })),
    });
    await abandon(gateway, mode, gateway.upstream.chat(1));
    assert.equal(await answered(await gateway.post(bodyOf(mode), marked), mode), 'Done.');
    assert.deepEqual(toolResults(gateway.upstream.chats[3]?.json ?? {}), [{ number: 1 }, { number: 2 }]);
  },
);

for (const [what, api] of [
  ['closes without an answer', reset],
  ['breaks off its answer', cutOff],
] as const) {
  bothModes(`T5: a plugin that ${what} leaves the outcome of a POST unknown`, async (t, mode) => {
    const gateway = await startGateway(t, { script: [says({ calls: [alert] }), says({ text: 'Hm.' })], api });
    assert.equal(textOf(await ask(gateway, mode)), 'Hm.');
    const [result] = toolResults(gateway.upstream.chats[1]?.json ?? {}) as { error: unknown }[];
    assert.deepEqual(result?.error, {
      code: 'outcome_unknown',
      retryable: false,
      message:
        'The outcome of this call is unknown: it was sent and may have been carried out. Do not repeat it without asking the user.',
    });
    assert.equal(posts(gateway), 1);
  });
}

bothModes('T4: without a mark, a run that was cut after a side effect is taken up', async (t, mode) => {
  const gateway = await startGateway(t, { script: cutInStepTwo(alert) });
  await abandon(gateway, mode, gateway.upstream.chat(1));
  assert.equal(await answered(await gateway.post(bodyOf(mode)), mode), 'Done.');
  assert.equal(posts(gateway), 1);
  assert.equal(gateway.upstream.chats.length, 3);
});

bothModes('T4: without a mark, a run that failed after a side effect is taken up', async (t, mode) => {
  const answers = [says({ calls: [alert] }), answerError(400, 'bad_step'), says({ text: 'Done.' })];
  const gateway = await startGateway(t, { script: answers });
  assert.match(await (await gateway.post(bodyOf(mode))).text(), /bad_step/);
  assert.equal(await answered(await gateway.post(bodyOf(mode)), mode), 'Done.');
  assert.equal(posts(gateway), 1);
});

bothModes('T4: without a mark, a run that was cut after reading alone begins anew', async (t, mode) => {
  const answers = [says({ calls: [oslo] }), hang, says({ calls: [oslo] }), says({ text: 'Done.' })];
  const gateway = await startGateway(t, { script: (_request, number) => answers[number] ?? hang });
  await abandon(gateway, mode, gateway.upstream.chat(1));
  assert.equal(await answered(await gateway.post(bodyOf(mode)), mode), 'Done.');
  assert.equal(gateway.api.requests.length, 2);
});

bothModes('T4: without a mark, an answer that was delivered is never given twice', async (t, mode) => {
  const gateway = await startGateway(t, {
    script: (_request, number) => says(number % 2 === 0 ? { calls: [alert] } : { text: 'Done.' }),
  });
  for (const _ of [1, 2]) assert.equal(await answered(await gateway.post(bodyOf(mode)), mode), 'Done.');
  assert.equal(posts(gateway), 2);
});

bothModes('T3: the same Idempotency-Key with another request is a 400', async (t, mode) => {
  const gateway = await startGateway(t, { script: [says({ calls: [oslo] }), says({ text: 'Done.' })] });
  await answered(await gateway.post(bodyOf(mode), named), mode);
  for (const [body, headers] of [
    [bodyOf(mode, 'Something else'), named],
    [bodyOf(mode), { ...named, 'x-plugins': 'weather' }],
  ] as const) {
    const response = await gateway.post(body, headers);
    const error = (await response.json()) as Parameters<typeof assertError>[0];
    assert.equal(response.status, 400);
    assertError(error);
    assert.equal((error['error'] as { code: string }).code, 'idempotency_key_reused');
  }
  assert.equal(gateway.upstream.chats.length, 2);
});

bothModes(
  'T3: without an Idempotency-Key, another narrowing of plugins is another request',
  async (t, mode) => {
    const gateway = await startGateway(t, { script: [says({ text: 'One.' }), says({ text: 'Two.' })] });
    assert.equal(await answered(await gateway.post(bodyOf(mode)), mode), 'One.');
    const narrowed = { ...marked, 'x-plugins': 'weather' };
    assert.equal(await answered(await gateway.post(bodyOf(mode), narrowed), mode), 'Two.');
  },
);

bothModes('I7: the same request and Idempotency-Key of another consumer is another run', async (t, mode) => {
  const consumers = [
    { name: 'alice', key: 'a-key-of-alice-1234', plugins: ['*'] },
    { name: 'bob', key: 'a-key-of-bob-567890', plugins: ['*'] },
  ];
  const gateway = await startGateway(t, {
    config: { access: { consumers } },
    script: [says({ text: 'For Alice.' }), says({ text: 'For Bob.' })],
  });
  for (const [at, text] of ['For Alice.', 'For Bob.'].entries()) {
    const headers = { ...named, ...marked, authorization: `Bearer ${consumers[at]?.key}` };
    assert.equal(await answered(await gateway.post(bodyOf(mode), headers), mode), text);
  }
});
