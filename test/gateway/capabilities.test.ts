// Upstreams that cannot do everything, as clients and upstreams see them through the gateway (`wire.md` section 7).
import assert from 'node:assert/strict';
import test from 'node:test';
import type { CapabilityEntry } from '../../src/config/schema.ts';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, modes, question, textOf } from './ask.ts';
import { says } from './dialects.ts';
import { startGateway, testBudget, toolNames } from './gateway.ts';
import type { Script } from './loopback-upstream.ts';
import type { Scope } from './loopback-server.ts';

const lookUp = { id: 'call_12345678901', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const response_format = {
  type: 'json_schema' as const,
  json_schema: { name: 'weather', schema: { type: 'object', properties: {} } },
};

function start(t: Scope, script: Script, capabilities: Partial<CapabilityEntry>, budget?: { steps: number }) {
  return startGateway(t, {
    script,
    upstreams: (scripted) => [{ ...scripted, capabilities: [{ models: ['*'], ...capabilities }] }],
    ...(budget && {
      config: { budget: testBudget(budget) },
    }),
  });
}

for (const mode of modes) {
  test(`C1 ${mode}: a model without tools gets none, from the first request on`, async (t) => {
    const gateway = await start(t, [says({ text: 'Plain.' })], { tools: 'none' });
    assert.equal(textOf(await ask(gateway, mode)), 'Plain.');
    assert.deepEqual(toolNames(gateway.upstream.chats[0]?.json ?? {}), []);
  });

  test(`M13 ${mode}: a deferred format comes with the last step alone, and only that step is shown`, async (t) => {
    const gateway = await start(
      t,
      [says({ calls: [lookUp] }), says({ text: 'Sunny.' }), says({ text: '{"sky":"sunny"}' })],
      { jsonWithTools: 'deferred' },
    );
    assert.equal(textOf(await ask(gateway, mode, { response_format })), '{"sky":"sunny"}');
    const shapes = gateway.upstream.chats.map(({ json }) => [
      toolNames(json).length > 0,
      'response_format' in json,
    ]);
    assert.deepEqual(shapes, [
      [true, false],
      [true, false],
      [false, true],
    ]);
    assert.deepEqual(
      gateway.upstream.chats[2]?.json['messages'],
      gateway.upstream.chats[1]?.json['messages'],
    );
  });

  test(`M12 ${mode}: where tool_choice has no effect, the closing step offers nothing`, async (t) => {
    const script = [says({ calls: [lookUp] }), says({ text: 'Enough.' })];
    const gateway = await start(t, script, { toolChoice: 'ignored' }, { steps: 2 });
    assert.equal(textOf(await ask(gateway, mode)), 'Enough.');
    const closing = gateway.upstream.chats[1]?.json ?? {};
    for (const member of ['tools', 'tool_choice', 'parallel_tool_calls'])
      assert.ok(!(member in closing), member);
  });
}

test('Q6: an upstream that wants nine alphanumerics gets them, in the replayed history too', async (t) => {
  const gateway = await start(t, [says({ calls: [lookUp] }), says({ text: 'Sunny.' })], {
    toolCallIds: 'alphanumeric9',
  });
  await ask(gateway, 'json', {
    messages: [
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_of_another_model', type: 'function', function: { name: 'f', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_of_another_model', content: 'ok' },
      { role: 'user', content: 'y' },
    ],
  });
  const messages = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  const ids = messages.flatMap((message) => [
    ...((message['tool_calls'] ?? []) as JsonObject[]).map(({ id }) => id),
    ...(message['tool_call_id'] === undefined ? [] : [message['tool_call_id']]),
  ]);
  assert.equal(ids.length, 4);
  for (const id of ids) assert.match(String(id), /^[A-Za-z0-9]{9}$/);
});

test('Q6: the restored history of a plain request fits too', async (t) => {
  const own = { id: 'call_of_the_client', name: 'mine', arguments: '{}' };
  const tools = [{ type: 'function' as const, function: { name: 'mine', parameters: {} } }];
  const script = [says({ calls: [lookUp, own] }), says({ text: 'Done.' })];
  const gateway = await start(t, script, { toolCallIds: 'alphanumeric9' });
  const first = await ask(gateway, 'json', { tools });
  const messages = [
    ...question,
    first.choices[0]?.message,
    { role: 'tool', tool_call_id: own.id, content: 'ok' },
  ] as typeof question;
  assert.equal(textOf(await ask(gateway, 'json', { messages, tools, tool_choice: 'none' })), 'Done.');
  const sent = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  const calls = sent[1]?.['tool_calls'] as JsonObject[];
  assert.deepEqual(
    calls.map(({ id }) => id),
    sent.slice(2).map((message) => message['tool_call_id']),
  );
  for (const { id } of calls) assert.match(String(id), /^[A-Za-z0-9]{9}$/);
});
