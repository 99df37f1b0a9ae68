// Upstreams that refuse tools: the client gets the plain answer, and the model is remembered.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ask, modes, question, textOf } from './ask.ts';
import { assertFailedStream } from './clean-answer.ts';
import { says, streamText } from './dialects.ts';
import { startGateway, toolNames } from './gateway.ts';
import { answerBytes, answerError, answerJson } from './loopback-upstream.ts';

const noTools = answerJson(
  { error: { message: 'test-model does not support tools', type: 'api_error' } },
  400,
);

for (const mode of modes) {
  test(`C2 ${mode}: a model without tools is asked once more without ours, and then always`, async (t) => {
    const gateway = await startGateway(t, {
      script: [noTools, says({ text: 'Plain.' }, 'openai'), says({ text: 'Again.' }, 'openai')],
    });
    assert.equal(textOf(await ask(gateway, mode)), 'Plain.');
    assert.equal(textOf(await ask(gateway, mode)), 'Again.');
    assert.deepEqual(
      gateway.upstream.chats.map((chat) => toolNames(chat.json).length > 0),
      [true, false, false],
    );
  });

  test(`C3 ${mode}: a refusal without a reason is remembered after three in a row`, async (t) => {
    const gateway = await startGateway(t, {
      script: (chat) =>
        toolNames(chat.json).length > 0 ? answerError(400, 'odd') : says({ text: 'Plain.' }, 'openai'),
    });
    for (let time = 0; time < 4; time += 1) assert.equal(textOf(await ask(gateway, mode)), 'Plain.');
    assert.equal(gateway.upstream.chats.length, 7);
  });

  test(`C3 ${mode}: when the repeat is refused too, its error is the client's`, async (t) => {
    const gateway = await startGateway(t, {
      script: [answerError(400, 'with_tools'), answerError(400, 'without_tools')],
    });
    await assert.rejects(ask(gateway, mode), { status: 400, code: 'without_tools' });
  });
}

test("C2: the client's own tools stay in the repeat", async (t) => {
  const gateway = await startGateway(t, { script: [noTools, says({ text: 'ok' }, 'openai')] });
  const tools = [
    { type: 'function' as const, function: { name: 'mine', parameters: { type: 'object', properties: {} } } },
  ];
  await ask(gateway, 'json', { tools });
  assert.deepEqual(toolNames(gateway.upstream.chats[1]?.json ?? {}), ['mine']);
});

test('C2: 404 counts as a refusal of tools if its words say so (OpenRouter)', async (t) => {
  const error = { message: 'No endpoints found that support tool use.', code: 404 };
  const gateway = await startGateway(t, { script: [answerJson({ error }, 404), says({ text: 'Plain.' })] });
  assert.equal(textOf(await ask(gateway, 'json')), 'Plain.');
});

test('C3: a model that does not exist is not asked for twice', async (t) => {
  const gateway = await startGateway(t, { script: [answerError(404, 'model_not_found')] });
  await assert.rejects(ask(gateway, 'json'), { status: 404, code: 'model_not_found' });
  assert.equal(gateway.upstream.chats.length, 1);
});

test('C2: what fails in the middle of an answer was no refusal: nothing is said twice (E11)', async (t) => {
  const begun = streamText([{ text: 'Hello there' }], 'openai', 'm', false)
    .split('\n\n')
    .slice(0, 3);
  const error = { message: 'bad', type: 'invalid_request_error', code: 400 };
  const raw = [...begun, `data: ${JSON.stringify({ error })}`, ''].join('\n\n');
  const gateway = await startGateway(t, { script: [answerBytes(raw), says({ text: 'Again.' })] });
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  assertFailedStream(await response.text());
  assert.equal(gateway.upstream.chats.length, 1);
});

test('M1: a request that was repeated without functions has one audit record', async (t) => {
  const gateway = await startGateway(t, { script: [noTools, says({ text: 'Plain.' })] });
  await ask(gateway, 'json');
  await ask(gateway, 'json', { max_tokens: 20 }).catch(() => undefined);
  const runs = await gateway.logged('run');
  assert.deepEqual(
    runs.map(({ status }) => status),
    [200],
  );
});

test('an error that has nothing to do with tools is passed at once', async (t) => {
  const gateway = await startGateway(t, { script: [answerError(429, 'slow_down')] });
  await assert.rejects(ask(gateway, 'json'), { status: 429 });
  assert.equal(gateway.upstream.chats.length, 1);
});
