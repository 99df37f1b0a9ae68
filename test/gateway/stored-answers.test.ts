// A stored answer is asked for by the id that the client knows, and found where its last step is (M1).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, bothModes } from './ask.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import { answerBytes, startLoopbackUpstream, type Answer } from './loopback-upstream.ts';

/** A JSON answer, folded from what an upstream would store under this id. */
function answer(id: string, message: object, finish_reason: string): Answer {
  return (request, response) => {
    const head = { id, created: 1, model: 'm' };
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    if (request.json['stream'] !== true) {
      const choices = [
        { index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason },
      ];
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }));
      return;
    }
    const chunk = (choices: object[], more = {}) =>
      `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices, ...more })}\n\n`;
    const bytes =
      chunk([{ index: 0, delta: { role: 'assistant', ...message }, finish_reason: null }]) +
      chunk([{ index: 0, delta: {}, finish_reason }]) +
      chunk([], { usage });
    return answerBytes(`${bytes}data: [DONE]\n\n`)(request, response);
  };
}

const call = {
  index: 0,
  id: 'call_1',
  type: 'function',
  function: { name: 'weather__now', arguments: '{}' },
};
const calls = (id: string) => answer(id, { tool_calls: [call] }, 'tool_calls');
const speaks = (id: string) => answer(id, { content: 'Done.' }, 'stop');

const paths = ({ upstream }: TestGateway) =>
  upstream.requests.filter(({ method }) => method === 'GET').map(({ path }) => path);

const elsewhere: Answer = (_request, response) => void response.end('{"stored":true}');

const client = { authorization: 'Bearer sk-of-the-client' };

async function get(gateway: TestGateway, path: string, headers = client): Promise<void> {
  const response = await gateway.send(`/v1/chat/completions/${path}`, { headers });
  assert.equal(await response.text(), '{"stored":true}');
}

bothModes('M1: the last of the upstream ids is asked for, its messages too', async (t, mode) => {
  const script = [calls('chatcmpl-first'), calls('chatcmpl-second'), speaks('chatcmpl-last')];
  const gateway = await startGateway(t, { script, elsewhere });
  const { id } = await ask(gateway, mode, { store: true });
  assert.equal(id, 'chatcmpl-first');
  await get(gateway, id);
  await get(gateway, `${id}/messages?limit=2`);
  await get(gateway, 'chatcmpl-other');
  await get(gateway, `${id}/unheard-of`);
  await get(gateway, `?model=m`);
  assert.deepEqual(paths(gateway), [
    '/v1/chat/completions/chatcmpl-last',
    '/v1/chat/completions/chatcmpl-last/messages?limit=2',
    '/v1/chat/completions/chatcmpl-other',
    '/v1/chat/completions/chatcmpl-first/unheard-of',
    '/v1/chat/completions/?model=m',
  ]);
});

test('M1: what changes or deletes an answer names it as the client does', async (t) => {
  const gateway = await startGateway(t, { script: [calls('a'), speaks('b')], elsewhere });
  await ask(gateway, 'json');
  const init = { method: 'DELETE', headers: client };
  assert.equal((await gateway.send('/v1/chat/completions/a', init)).status, 200);
  assert.equal(gateway.upstream.requests.at(-1)?.path, '/v1/chat/completions/a');
});

test('I7: the id of another consumer is one like any other', async (t) => {
  const consumers = ['alice', 'bob'].map((name) => ({ name, key: `a-key-of-${name}-1234`, plugins: ['*'] }));
  const gateway = await startGateway(t, {
    config: { access: { consumers } },
    script: [calls('first'), speaks('last')],
    elsewhere,
  });
  const headers = { authorization: 'Bearer a-key-of-alice-1234' };
  await ask(gateway, 'json', {}, { headers });
  await get(gateway, 'first', { authorization: 'Bearer a-key-of-bob-1234' });
  await get(gateway, 'first', headers);
  assert.deepEqual(paths(gateway), ['/v1/chat/completions/first', '/v1/chat/completions/last']);
});

for (const id of ['..', '../../models', 'a/b', 'a b', '%2e%2e', 'é', 'x'.repeat(300)]) {
  test(`M1: an upstream's id that is no plain one never becomes a path: ${id.slice(0, 20)}`, async (t) => {
    const gateway = await startGateway(t, { script: [calls('first'), speaks(id)], elsewhere });
    await ask(gateway, 'json');
    await get(gateway, 'first');
    assert.deepEqual(paths(gateway), ['/v1/chat/completions/first']);
  });
}

test('M1: of several upstreams the one that answered is asked', async (t) => {
  const other = await startLoopbackUpstream(t, [calls('first'), speaks('last')], elsewhere);
  const gateway = await startGateway(t, {
    upstreams: (scripted) => [
      { ...scripted, models: ['gpt-*'] },
      { ...scripted, name: 'other', url: other.url, models: ['*'] },
    ],
  });
  await ask(gateway, 'json', { model: 'm' });
  await get(gateway, 'first');
  assert.equal(other.requests.at(-1)?.path, '/v1/chat/completions/last');
  assert.equal(gateway.upstream.requests.length, 0);
});
