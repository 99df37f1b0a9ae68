// What is injected, where, and when not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInjection, describePlugins, inject } from '../../src/completion/inject.ts';
import type { JsonObject } from '../../src/openai/chat.ts';
import { parseRequest, requestBytes } from '../../src/openai/request.ts';

const functions = ['todo__add', 'todo__list'].map((name) => ({
  name,
  text: () => `{"type":"function","function":{"name":"${name}"}}`,
}));
const injection = createInjection({ functions, instructions: 'Words.' });
const user = { role: 'user', content: 'hi' };

function injected(request: JsonObject, what = injection) {
  const result = inject(parseRequest(JSON.stringify({ model: 'm', messages: [user], ...request })), what);
  return { ...result, sent: JSON.parse(String(requestBytes(result.request))) as JsonObject };
}

test("M16: own functions stand after the client's, in their order", () => {
  const tool = { type: 'function', function: { name: 'mine', parameters: {} } };
  const { sent, names, clientTools } = injected({ tools: [tool] });
  assert.deepEqual(
    (sent['tools'] as JsonObject[]).map((one) => (one['function'] as JsonObject)['name']),
    ['mine', 'todo__add', 'todo__list'],
  );
  assert.deepEqual([...names], ['todo__add', 'todo__list']);
  assert.deepEqual([...clientTools], ['mine']);
});

test('empty and null tools count as absent', () => {
  for (const tools of [[], null]) assert.equal((injected({ tools }).sent['tools'] as unknown[]).length, 2);
});

test('M20, case 32: a client tool of the same name wins', () => {
  const { sent, names } = injected({ tools: [{ type: 'function', function: { name: 'todo__add' } }] });
  assert.equal((sent['tools'] as unknown[]).length, 2);
  assert.deepEqual([...names], ['todo__list']);
});

test("Q6: never more than 128 tools, the client's first", () => {
  const tools = Array.from({ length: 127 }, (_, at) => ({ type: 'function', function: { name: `t${at}` } }));
  assert.equal((injected({ tools }).sent['tools'] as unknown[]).length, 128);
});

test('Q2: nothing is injected where an own call must not happen', () => {
  const tools = [{ type: 'function', function: { name: 'mine' } }];
  const ruledOut: JsonObject[] = [
    { tool_choice: 'none' },
    { tool_choice: 'required', tools },
    { tool_choice: { type: 'function', function: { name: 'mine' } }, tools },
    { tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [] } }, tools },
    { max_tokens: 16 },
    { max_completion_tokens: 63 },
  ];
  for (const request of ruledOut) {
    const { names, sent } = injected(request);
    assert.equal(names.size, 0, JSON.stringify(request));
    assert.deepEqual(sent, { model: 'm', messages: [user], ...request });
  }
});

test('Q2: required without client tools, and an own function by name, are legal', () => {
  assert.equal(injected({ tool_choice: 'required' }).names.size, 2);
  assert.equal(
    injected({ tool_choice: { type: 'function', function: { name: 'todo__add' } } }).names.size,
    2,
  );
});

test("Q9: the plugins' words end the leading system message, or are a new one", () => {
  const messages = (request: JsonObject) => (injected(request).sent['messages'] as JsonObject[])[0];
  assert.deepEqual(messages({}), { role: 'system', content: 'Words.' });
  assert.deepEqual(messages({ messages: [{ role: 'developer', content: 'Be brief.', name: 'd' }, user] }), {
    role: 'developer',
    content: 'Be brief.\n\nWords.',
    name: 'd',
  });
  const parts = [{ type: 'text', text: 'Be brief.' }];
  assert.deepEqual(messages({ messages: [{ role: 'system', content: parts }, user] }), {
    role: 'system',
    content: [...parts, { type: 'text', text: 'Words.' }],
  });
});

test('Q3, Q4: everything else goes on as it came', () => {
  const text =
    '{"seed":9223372036854775807,"messages":[{"role":"user","content":"\\u00e9","x":1.0}],"enable_thinking":true,"model":"m"}';
  const plain = createInjection({ functions, instructions: '' });
  const sent = String(requestBytes(inject(parseRequest(text), plain).request));
  assert.ok(sent.startsWith(text.slice(0, -1)), sent);
});

test("usage is asked for in streams, beside the client's own options", () => {
  const { sent } = injected({ stream: true, stream_options: { include_obfuscation: false } });
  assert.deepEqual(sent['stream_options'], { include_obfuscation: false, include_usage: true });
  assert.equal(injected({}).sent['stream_options'], undefined);
});

test("the words of a plugin are marked as its author's", () => {
  assert.match(describePlugins([{ name: 'todo', description: 'Use it.' }]), /"todo".*author.*Use it\./s);
  assert.equal(describePlugins([]), '');
});
