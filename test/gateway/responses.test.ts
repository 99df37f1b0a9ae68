// Models that take function tools on /v1/responses only, served to clients that speak chat (C2, C4, C5).
import assert from 'node:assert/strict';
import test from 'node:test';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, modes, question, textOf, times } from './ask.ts';
import { says, usualUsage } from './dialects.ts';
import { startGateway, testBudget, type GatewayOptions } from './gateway.ts';
import {
  answerBytes,
  answerError,
  answerJson,
  type Script,
  type UpstreamRequest,
} from './loopback-upstream.ts';
import type { Scope } from './loopback-server.ts';
import { createResponsesCheck } from '../responses-schema.ts';
import { saysInResponses, speaksResponses } from './responses-upstream.ts';

const lookUp = { id: 'call_1', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const mine = {
  type: 'function' as const,
  function: { name: 'mine', parameters: { type: 'object', properties: {} } },
};
const refusal = answerJson(
  {
    error: {
      message:
        'Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. ' +
        'Please use /v1/responses instead.',
      type: 'invalid_request_error',
      param: 'reasoning_effort',
      code: null,
    },
  },
  400,
);

const check = createResponsesCheck();

/** A gateway whose upstream takes tools on /v1/responses only; `asked` are the requests there. */
async function start(t: Scope, script: Script, options: GatewayOptions = {}) {
  const asked: UpstreamRequest[] = [];
  const gateway = await startGateway(t, {
    elsewhere: speaksResponses(script, asked),
    upstreams: (scripted) => [{ ...scripted, capabilities: [{ models: ['*'], tools: 'responses' }] }],
    ...options,
  });
  t.after(() => asked.forEach(({ json }, number) => check(json, `request ${number}`)));
  return { gateway, asked };
}

for (const mode of modes) {
  test(`C4, C5 ${mode}: a plugin call and its answer, the reasoning carried verbatim`, async (t) => {
    const { gateway, asked } = await start(t, [
      saysInResponses({ calls: [lookUp] }, 3),
      saysInResponses({ text: 'Sunny in Oslo, blåhøstdag.' }, 4),
    ]);
    const answer = await ask(gateway, mode, { reasoning_effort: 'low' });
    assert.equal(textOf(answer), 'Sunny in Oslo, blåhøstdag.');
    assert.equal(answer.choices[0]?.finish_reason, 'stop');
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.object, 'chat.completion');
    assert.deepEqual(answer.usage, {
      ...(times(usualUsage, 2) as JsonObject),
      completion_tokens_details: { reasoning_tokens: 0 },
    });
    assert.equal(gateway.upstream.chats.length, 0);

    const [first, second] = asked.map(({ json }) => json);
    assert.deepEqual(first?.['reasoning'], { effort: 'low' });
    assert.equal(first?.['store'], false);
    const names = (first?.['tools'] as JsonObject[]).map(({ name, strict }) => [name, strict]);
    assert.ok(names.some(([name, strict]) => name === lookUp.name && strict === false));
    assert.deepEqual(second?.['tools'], first?.['tools'], 'M16');
    const before = first?.['input'] as JsonObject[];
    const added = second?.['input'] as JsonObject[];
    assert.deepEqual(added.slice(0, before.length), before);
    assert.deepEqual(
      added.slice(before.length).map(({ type, id, call_id, encrypted_content }) => ({
        type,
        id,
        call_id,
        encrypted_content,
      })),
      [
        { type: 'reasoning', id: 'rs_call_1', call_id: undefined, encrypted_content: 'sealed call_1' },
        { type: 'function_call', id: 'fc_call_1', call_id: 'call_1', encrypted_content: undefined },
        { type: 'function_call_output', id: undefined, call_id: 'call_1', encrypted_content: undefined },
      ],
    );
  });

  test(`C5 ${mode}: calls of the client's own functions, then the follow-up`, async (t) => {
    const own = { id: 'call_2', name: 'mine', arguments: '{"a":1}' };
    const { gateway, asked } = await start(t, [
      saysInResponses({ text: 'Let me see.', calls: [lookUp, own] }),
      saysInResponses({ text: 'Both done.' }),
    ]);
    const first = await ask(gateway, mode, { tools: [mine] });
    const message = first.choices[0]?.message;
    assert.equal(first.choices[0]?.finish_reason, 'tool_calls');
    assert.deepEqual(message?.tool_calls, [
      { id: 'call_2', type: 'function', function: { name: 'mine', arguments: '{"a":1}' } },
    ]);
    const messages = [...question, message, { role: 'tool', tool_call_id: 'call_2', content: 'ok' }];
    const second = await ask(gateway, mode, { tools: [mine], messages: messages as typeof question });
    assert.equal(textOf(second), 'Both done.');
    const input = asked[1]?.json['input'] as JsonObject[];
    assert.deepEqual(
      input.filter(({ type }) => type !== 'message').map(({ type, call_id }) => [type, call_id]),
      [
        ['function_call', 'call_1'],
        ['function_call', 'call_2'],
        ['function_call_output', 'call_1'],
        ['function_call_output', 'call_2'],
      ],
    );
  });

  test(`C5 ${mode}: an answer cut for length says so`, async (t) => {
    const { gateway } = await start(t, [saysInResponses({ text: 'It was a', finish: 'length' })]);
    const answer = await ask(gateway, mode);
    assert.equal(answer.choices[0]?.finish_reason, 'length');
    assert.equal(textOf(answer), 'It was a');
  });

  test(`C2 ${mode}: a refusal that points to /v1/responses is followed at once, and remembered`, async (t) => {
    const { gateway, asked } = await start(
      t,
      [saysInResponses({ text: 'One.' }), saysInResponses({ text: 'Two.' })],
      { script: [refusal], upstreams: (scripted) => [scripted] },
    );
    assert.equal(textOf(await ask(gateway, mode)), 'One.');
    assert.equal(textOf(await ask(gateway, mode)), 'Two.');
    assert.deepEqual([gateway.upstream.chats.length, asked.length], [1, 2]);
  });

  test(`C2 ${mode}: where there is no /v1/responses, the request goes on without our functions`, async (t) => {
    const gateway = await startGateway(t, { script: [refusal, says({ text: 'Plain.' })] });
    assert.equal(textOf(await ask(gateway, mode)), 'Plain.');
  });

  test(`C4 ${mode}: what has no counterpart there is plain chat without plugins`, async (t) => {
    const { gateway, asked } = await start(t, [], { script: [says({ text: 'Plain.' })] });
    assert.equal(textOf(await ask(gateway, mode, { stop: ['x'] })), 'Plain.');
    assert.equal(asked.length, 0);
    assert.ok(!('tools' in (gateway.upstream.chats[0]?.json ?? {})));
  });
}

test('E11: a stream of /v1/responses that fails or breaks off ends in an error event', async (t) => {
  const begun =
    'data: {"type":"response.created","response":{"model":"m","created_at":1}}\n\n' +
    'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hel"}\n\n';
  const failed =
    'data: {"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"it broke"}}}\n\n';
  const { gateway } = await start(t, [answerBytes(begun + failed), answerBytes(begun)]);
  await assert.rejects(ask(gateway, 'stream'), { message: /it broke/ });
  await assert.rejects(ask(gateway, 'stream'), { message: /ended before it was complete/ });
});

test('C3: a refusal of /v1/responses is repeated in plain chat without our functions', async (t) => {
  const { gateway } = await start(t, [answerError(400, 'bad_schema')], {
    script: [says({ text: 'Plain.' })],
  });
  assert.equal(textOf(await ask(gateway, 'json')), 'Plain.');
});

test('M12: the closing step keeps its tools there too', async (t) => {
  const { gateway, asked } = await start(
    t,
    [saysInResponses({ calls: [lookUp] }), saysInResponses({ text: 'Enough.' })],
    { config: { budget: testBudget({ steps: 2 }) } },
  );
  assert.equal(textOf(await ask(gateway, 'json')), 'Enough.');
  assert.equal(asked[1]?.json['tool_choice'], 'none');
  assert.deepEqual(asked[1]?.json['tools'], asked[0]?.json['tools']);
});

test('L1, C4: a client that still speaks functions is served there too', async (t) => {
  const own = { id: 'call_2', name: 'mine', arguments: '{"a":1}' };
  const { gateway, asked } = await start(t, [
    saysInResponses({ calls: [lookUp] }),
    saysInResponses({ calls: [own] }),
  ]);
  const answer = await ask(gateway, 'json', { functions: [mine.function] });
  assert.deepEqual(answer.choices[0]?.message['function_call'], { name: 'mine', arguments: '{"a":1}' });
  assert.equal(asked.length, 2);
  assert.equal(asked[0]?.json['parallel_tool_calls'], false);
});

test('M4, C4: a JSON format stands beside the tools', async (t) => {
  const { gateway, asked } = await start(t, [
    saysInResponses({ text: 'Looking.', calls: [lookUp] }),
    saysInResponses({ text: '{"sky":"sunny"}' }),
  ]);
  const response_format = { type: 'json_object' as const };
  assert.equal(textOf(await ask(gateway, 'stream', { response_format })), '{"sky":"sunny"}');
  assert.deepEqual(asked[1]?.json['text'], { format: { type: 'json_object' } });
});
