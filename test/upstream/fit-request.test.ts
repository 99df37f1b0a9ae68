// Requests made to fit an upstream that cannot do everything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultCapabilities, type Capabilities } from '../../src/openai/capabilities.ts';
import type { JsonObject } from '../../src/openai/chat.ts';
import { parseRequest, requestBytes } from '../../src/openai/request.ts';
import { fitRequest } from '../../src/upstream/fit-request.ts';

const tool = (name: string) => ({ type: 'function', function: { name } });
const tools = [tool('one'), tool('two')];
const named = { type: 'function', function: { name: 'two' } };
const format = { type: 'json_schema', json_schema: { name: 'answer', schema: {} } };
const base = { model: 'm', messages: [], tools, parallel_tool_calls: false };

function fit(members: object, capabilities: Partial<Capabilities>): JsonObject {
  const request = parseRequest(JSON.stringify({ ...base, ...members }));
  return JSON.parse(
    String(requestBytes(fitRequest(request, { ...defaultCapabilities, ...capabilities }))),
  ) as JsonObject;
}

test('what can do everything gets the request as it is', () => {
  const text = '{ "model":"m", "seed":9223372036854775807,"messages":[] , "tools":[]}';
  const request = parseRequest(text);
  assert.equal(fitRequest(request, defaultCapabilities), request);
});

test('M12: where tool_choice has no effect, the closing step has neither tools nor their members', () => {
  const { tools: _tools, parallel_tool_calls: _parallel, ...rest } = base;
  assert.deepEqual(fit({ tool_choice: 'none' }, { toolChoice: 'ignored' }), rest);
  assert.deepEqual(fit({ tool_choice: 'auto' }, { toolChoice: 'ignored' }), { ...base, tool_choice: 'auto' });
});

test('C1: where no call can be required, the model may choose', () => {
  assert.equal(fit({ tool_choice: 'required' }, { toolChoice: 'auto' })['tool_choice'], 'auto');
  assert.equal(fit({ tool_choice: named }, { toolChoice: 'auto' })['tool_choice'], 'auto');
  assert.equal(fit({ tool_choice: 'none' }, { toolChoice: 'auto' })['tool_choice'], 'none');
});

test('C1: where tool_choice is a word only, a named function is the only one offered, and required', () => {
  const fitted = fit({ tool_choice: named }, { toolChoice: 'strings' });
  assert.equal(fitted['tool_choice'], 'required');
  assert.deepEqual(fitted['tools'], [tool('two')]);
  assert.equal(fit({ tool_choice: 'required' }, { toolChoice: 'strings' })['tool_choice'], 'required');
});

test('M13: a deferred format is left out while tools are offered, and takes their place at the end', () => {
  const capabilities = { jsonWithTools: 'deferred' } as const;
  assert.deepEqual(fit({ response_format: format }, capabilities), base);
  const closing = fit({ response_format: format, tool_choice: 'none' }, capabilities);
  assert.deepEqual(closing, { model: 'm', messages: [], response_format: format });
  const text = { response_format: { type: 'text' }, tool_choice: 'none' };
  assert.deepEqual(fit(text, capabilities), { ...base, ...text });
});

test('Q6: ids of calls become nine letters and digits, the same each time, wherever they stand', () => {
  const call = (id: string) => ({
    id,
    type: 'function',
    function: { name: 'one', arguments: '{"a":9007199254740993}' },
  });
  const messages = [
    { role: 'assistant', content: null, tool_calls: [call('call_zSTyd8s8KUqV'), call('abcDEF123')] },
    { role: 'tool', tool_call_id: 'abcDEF123', content: 'kept' },
    { role: 'tool', tool_call_id: 'call_zSTyd8s8KUqV', content: '"tool_call_id"' },
  ];
  const fitted = fit({ messages }, { toolCallIds: 'alphanumeric9' })['messages'] as JsonObject[];
  const calls = fitted[0]?.['tool_calls'] as JsonObject[];
  assert.match(String(calls[0]?.['id']), /^[A-Za-z0-9]{9}$/);
  assert.equal(calls[0]?.['id'], fitted[2]?.['tool_call_id']);
  assert.deepEqual(calls[1], call('abcDEF123'));
  assert.deepEqual(fitted[1], messages[1]);
  assert.deepEqual(fit({ messages }, { toolCallIds: 'alphanumeric9' })['messages'], fitted);
});

test('Q4: numbers in a message whose ids are replaced keep their spelling', () => {
  const text =
    '{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"call_1","n":9007199254740993}]}]}';
  const capabilities = { ...defaultCapabilities, toolCallIds: 'alphanumeric9' } as const;
  assert.match(String(requestBytes(fitRequest(parseRequest(text), capabilities))), /"n":9007199254740993/);
});
