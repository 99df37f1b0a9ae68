// What people can see of a run: plugin_calls, x-request-id, x-plugin-calls, and the audit record.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, bothModes } from './ask.ts';
import { eventsOf } from './clean-answer.ts';
import { says, type Call } from './dialects.ts';
import { startGateway } from './gateway.ts';
import { answerJson as answerUpstream, type Answer } from './loopback-upstream.ts';
import { answerJson } from './loopback-plugin.ts';

const oslo: Call = { id: 'call_1', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const wrong: Call = { id: 'call_2', name: 'weather__addAlert', arguments: '{"level":9}' };
const alert: Call = { id: 'call_3', name: 'weather__addAlert', arguments: '{"city":"Oslo"}' };
const script = [says({ calls: [oslo, wrong] }), says({ calls: [alert] }), says({ text: 'Done.' })];
const summary = [
  { plugin: 'weather', operation: 'getWeather', arguments: { city: 'Oslo' }, status: 200 },
  { plugin: 'weather', operation: 'addAlert', arguments: '{"level":9}', status: 'invalid_arguments' },
  { plugin: 'weather', operation: 'addAlert', arguments: { city: 'Oslo' }, status: 200 },
];

for (const detail of ['summary', 'full'] as const) {
  bothModes(
    `x-plugin-trace: ${detail} tells of every call, in their order (architecture 6)`,
    async (t, mode) => {
      const gateway = await startGateway(t, { script, api: answerJson({ degrees: 4 }) });
      const answer = await ask(gateway, mode, {}, { headers: { 'x-plugin-trace': detail } });
      const calls = answer['plugin_calls'] as JsonObject[];
      assert.deepEqual(
        calls.map(({ milliseconds: _time, result: _result, ...rest }) => rest),
        summary,
      );
      for (const { milliseconds } of calls) assert.ok(Number.isInteger(milliseconds));
      const members = ['plugin', 'operation', 'arguments', 'status', 'milliseconds'];
      for (const call of calls)
        assert.deepEqual(Object.keys(call), detail === 'full' ? [...members, 'result'] : members);
      if (detail === 'full') assert.equal(calls[0]?.['result'], '{"degrees":4}');
    },
  );
}

for (const value of ['', 'none', 'FULL', 'yes']) {
  bothModes(`x-plugin-trace: ${JSON.stringify(value)} tells nothing`, async (t, mode) => {
    const gateway = await startGateway(t, { script });
    const answer = await ask(gateway, mode, {}, { headers: { 'x-plugin-trace': value } });
    assert.ok(!('plugin_calls' in answer));
  });
}

bothModes('E8: a traced run without calls has an empty plugin_calls', async (t, mode) => {
  const gateway = await startGateway(t, { script: [says({ text: 'Hello.' })] });
  const answer = await ask(gateway, mode, {}, { headers: { 'x-plugin-trace': 'summary' } });
  assert.deepEqual(answer['plugin_calls'], []);
});

test('E8: with several choices plugin_calls stands once, on the last finish chunk', async (t) => {
  const gateway = await startGateway(t, {
    script: (request) =>
      request.json['n'] === 2 ? says([{ calls: [oslo] }, { text: 'Hm.' }]) : says({ text: 'Done.' }),
  });
  const response = await gateway.post(
    { model: 'm', messages: [{ role: 'user', content: 'Hi' }], n: 2, stream: true },
    { 'x-plugin-trace': 'summary' },
  );
  const traced = eventsOf(await response.text()).filter((chunk) => 'plugin_calls' in chunk);
  assert.equal(traced.length, 1);
  assert.ok(traced[0]?.choices[0]?.finish_reason);
});

bothModes('J2: x-request-id is on every answer, x-plugin-calls on JSON ones', async (t, mode) => {
  const gateway = await startGateway(t, { script });
  await ask(gateway, mode);
  const [answer] = gateway.wire;
  assert.match(answer?.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{24}$/);
  assert.equal(answer?.headers.get('x-plugin-calls'), mode === 'json' ? '3' : null);
  const refused = await gateway.post('{');
  assert.match(refused.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{24}$/);
});

bothModes('M1: the audit record of a run names its id and all ids of the upstream', async (t, mode) => {
  const step = (number: number, said: Parameters<typeof says>[0]): Answer => {
    const answer = says(said);
    return (request, response) => {
      response.setHeader('x-request-id', `upstream-${number}`);
      return answer(request, response);
    };
  };
  const gateway = await startGateway(t, { script: [step(1, { calls: [oslo] }), step(2, { text: 'Done.' })] });
  await ask(gateway, mode);
  const [run] = await gateway.logged('run');
  assert.equal(run?.['id'], gateway.wire[0]?.headers.get('x-request-id'));
  assert.deepEqual(run?.['completionIds'], ['chatcmpl-upstream', 'chatcmpl-upstream']);
  assert.deepEqual(run?.['upstreamRequestIds'], ['upstream-1', 'upstream-2']);
  assert.equal(run?.['steps'], 2);
  assert.equal(run?.['pluginCalls'], 1);
});

for (const [what, usage, uncounted] of [
  ['right', { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }, 0],
  ['missing', undefined, 1],
  ['negative', { prompt_tokens: -5, completion_tokens: 2 }, 1],
  ['no number', { prompt_tokens: '5', completion_tokens: 2 }, 1],
  ['huge', { prompt_tokens: 1e300, completion_tokens: 2 }, 1],
] as const) {
  test(`M2, F-U45: usage that is ${what} leaves ${uncounted} steps uncounted in the audit record`, async (t) => {
    const message = { role: 'assistant', content: 'Hm.' };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    const body = { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices, usage };
    const gateway = await startGateway(t, { script: [answerUpstream(body)] });
    await ask(gateway, 'json');
    const [run] = await gateway.logged('run');
    assert.equal(run?.['uncountedSteps'], uncounted);
    assert.equal(run?.['promptTokens'], what === 'right' ? 5 : 0);
  });
}

test('M1: ids of the upstream are cut, whatever it sends', async (t) => {
  const message = { role: 'assistant', content: 'Hm.' };
  const body = {
    id: 'x'.repeat(10_000),
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
  };
  const gateway = await startGateway(t, { script: [answerUpstream(body)] });
  await ask(gateway, 'json');
  const [run] = await gateway.logged('run');
  assert.deepEqual(run?.['completionIds'], ['x'.repeat(200)]);
});
