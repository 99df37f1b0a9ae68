// Clients that speak `functions`: the same answers, in their words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold } from '../../src/completion/fold.ts';
import { fromLegacy, isLegacy, legacyCallId, toLegacy } from '../../src/completion/legacy.ts';
import type { JsonObject, Pieces } from '../../src/openai/chat.ts';
import { parseRequest, requestBytes } from '../../src/openai/request.ts';
import { answer, call, play } from './scripted.ts';

const translate = (request: JsonObject) =>
  JSON.parse(String(requestBytes(fromLegacy(parseRequest(JSON.stringify(request)))))) as JsonObject;

test('L1: functions become tools, function_call becomes tool_choice, one call at a time', () => {
  const functions = [{ name: 'weather', parameters: { type: 'object' } }];
  const sent = translate({ model: 'm', messages: [], functions, function_call: { name: 'weather' } });
  assert.deepEqual(sent, {
    model: 'm',
    messages: [],
    tools: [{ type: 'function', function: functions[0] }],
    tool_choice: { type: 'function', function: { name: 'weather' } },
    parallel_tool_calls: false,
  });
  assert.equal(translate({ messages: [], functions, function_call: 'none' })['tool_choice'], 'none');
});

test('L1: only functions without tools are legacy', () => {
  const functions = [{ name: 'a' }];
  assert.equal(isLegacy(parseRequest(JSON.stringify({ functions }))), true);
  assert.equal(isLegacy(parseRequest(JSON.stringify({ functions: [] }))), false);
  assert.equal(isLegacy(parseRequest(JSON.stringify({ functions, tools: [{ type: 'function' }] }))), false);
});

test('L2: the history becomes tool calls with ids that are always the same', () => {
  const history = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: null, function_call: { name: 'weather', arguments: '{}' } },
    { role: 'function', name: 'weather', content: 'sun' },
  ];
  const id = legacyCallId(1, 'weather');
  assert.match(id, /^[a-z0-9]{9}$/);
  assert.deepEqual(translate({ functions: [{ name: 'weather' }], messages: history })['messages'], [
    history[0],
    { role: 'assistant', content: null, tool_calls: [call(id, 'weather')] },
    { role: 'tool', content: 'sun', tool_call_id: id },
  ]);
});

test('L3, L4: the first client call comes as function_call, further ones are left out', async () => {
  const { chunks } = await play({
    clientTools: new Set(['weather']),
    steps: [
      answer({ tool_calls: [call('a', 'weather', { q: 1 }), call('b', 'weather', { q: 2 })] }, 'tool_calls'),
    ],
  });
  async function* replay(): AsyncGenerator<Pieces> {
    yield chunks;
  }
  const { choices } = await fold(toLegacy(replay()));
  assert.deepEqual(choices[0]?.message, {
    role: 'assistant',
    content: null,
    refusal: null,
    function_call: { name: 'weather', arguments: '{"q":1}' },
  });
  assert.equal(choices[0]?.finish_reason, 'function_call');
});
