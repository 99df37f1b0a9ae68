// What is known of an upstream and a model: the operator's word, lessons, the table, defaults.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamConfig } from '../../src/config/schema.ts';
import { defaultCapabilities, type Capabilities } from '../../src/openai/capabilities.ts';
import { parseRequest } from '../../src/openai/request.ts';
import { createCapabilities } from '../../src/upstream/capabilities.ts';

const user = { role: 'user', content: 'x' };

function known(config: Partial<UpstreamConfig>) {
  return createCapabilities({ name: 'u', url: 'https://llm.example/v1', models: ['*'], ...config });
}

const request = (model: string, members: object = {}) =>
  parseRequest(JSON.stringify({ model, messages: [user], ...members }));

const rows: [url: string, model: string, expected: Partial<Capabilities>][] = [
  ['https://llm.example/v1', 'gpt-5.4', {}],
  ['https://api.openai.com/v1', 'gpt-4.1', {}],
  ['https://api.openai.com/v1', 'gpt-5.4-mini', { tools: 'responses' }],
  ['https://eu.api.openai.com/v1', 'gpt-5.6', { tools: 'responses' }],
  ['https://api.openai.com/v1', 'gpt-5-chat-latest', { tools: 'none' }],
  ['https://api.groq.com/openai/v1', 'llama', { jsonWithTools: 'deferred' }],
  ['https://generativelanguage.googleapis.com/v1beta/openai', 'gemini-3-pro', { jsonWithTools: 'deferred' }],
  ['https://api.deepseek.com', 'deepseek-chat', {}],
  ['https://api.deepseek.com', 'deepseek-reasoner', { toolChoice: 'auto' }],
  ['https://api.moonshot.ai/v1', 'kimi-k2', { toolChoice: 'auto' }],
  ['http://localhost:11434/v1', 'llama3', { toolChoice: 'ignored' }],
  ['http://192.168.1.9:1234/v1', 'qwen', { toolChoice: 'strings' }],
  ['https://api.mistral.ai/v1', 'mistral-large', { toolCallIds: 'alphanumeric9' }],
];

for (const [url, model, expected] of rows) {
  test(`C1: the table knows ${model} at ${new URL(url).host}`, () => {
    assert.deepEqual(known({ url }).of(request(model)), { ...defaultCapabilities, ...expected });
  });
}

test('C1: the kind that the operator names wins over the host', () => {
  assert.equal(known({ kind: 'vllm' }).of(request('m')).jsonWithTools, 'deferred');
  const url = 'https://api.openai.com/v1';
  assert.equal(known({ url, kind: 'other' }).of(request('gpt-5.4')).tools, 'chat');
});

test('C1: the operator wins over a lesson, a lesson over the table', () => {
  const lessons = known({ url: 'https://api.openai.com/v1' });
  lessons.learn(request('gpt-5.4'), 'none', 60_000);
  assert.equal(lessons.of(request('gpt-5.4')).tools, 'none');
  assert.equal(lessons.of(request('gpt-5.5')).tools, 'responses');

  const told = known({ capabilities: [{ models: ['gpt-*'], tools: 'chat' }] });
  told.learn(request('gpt-5.4'), 'none', 60_000);
  told.learn(request('other'), 'none', 60_000);
  assert.equal(told.of(request('gpt-5.4')).tools, 'chat');
  assert.equal(told.of(request('other')).tools, 'none');
});

test('C2: a lesson is forgotten in time', async () => {
  const lessons = known({});
  lessons.learn(request('m'), 'none', 1);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(lessons.of(request('m')).tools, 'chat');
});

test('of several entries of the operator, the first that names a capability counts', () => {
  const { of } = known({
    capabilities: [
      { models: ['small-*'], tools: 'none' },
      { models: ['*'], tools: 'chat', toolChoice: 'strings' },
    ],
  });
  assert.deepEqual(of(request('small-1')), { ...defaultCapabilities, tools: 'none', toolChoice: 'strings' });
  assert.deepEqual(of(request('big')), { ...defaultCapabilities, toolChoice: 'strings' });
});

test('C4: without reasoning the models of the table take tools in chat; the operator means what he says', () => {
  const quick = request('gpt-5.4', { reasoning_effort: 'none' });
  assert.equal(known({ url: 'https://api.openai.com/v1' }).of(quick).tools, 'chat');
  const told = known({ capabilities: [{ models: ['*'], tools: 'responses' }] });
  assert.equal(told.of(quick).tools, 'responses');
});

test('C4: a request with a parameter that /v1/responses does not know gets no functions', () => {
  const { of } = known({ url: 'https://api.openai.com/v1' });
  for (const members of [{ n: 2 }, { stop: ['x'] }, { seed: 1 }, { logit_bias: { 1: 2 } }, { audio: {} }]) {
    assert.equal(of(request('gpt-5.4', members)).tools, 'none', JSON.stringify(members));
  }
  for (const members of [{ n: 1 }, { stop: null }, { frequency_penalty: 0 }, { modalities: ['text'] }]) {
    assert.equal(of(request('gpt-5.4', members)).tools, 'responses', JSON.stringify(members));
  }
});
