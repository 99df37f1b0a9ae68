// The harness judges others, so it is judged first: what it must accept, and what it must refuse, by rule.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import type { JsonObject } from '../../src/openai/chat.ts';
import { assertCleanStream, assertFailedStream, eventsOf, foldStream } from './clean-answer.ts';
import { completion, dialects, says, streamText, usualUsage } from './dialects.ts';
import { startLoopbackUpstream } from './loopback-upstream.ts';
import { cutAt, rechunk } from './rechunk.ts';
import { assertValidRequest } from './valid-request.ts';

const call = { id: 'call_1', name: 'f', arguments: '{"a":"ü"}' };
const clean = streamText([{ text: 'Hello', calls: [call] }], 'openai', 'm', true);

test('a stream as OpenAI writes it is clean', () => {
  assertCleanStream(clean, { usage: true });
  assertCleanStream(streamText([{ text: 'a' }, { text: 'b' }], 'openai', 'm', false), { usage: false });
});

test('a clean stream folds into the same answer as JSON', () => {
  const folded = foldStream(eventsOf(clean));
  const json = completion([{ text: 'Hello', calls: [call] }], 'openai', 'm');
  assert.deepEqual(folded.choices, json['choices']);
  assert.deepEqual(folded.usage, usualUsage);
});

/** Ways to spoil a clean stream, by the rule that each breaks. */
const spoilt: [rule: string, spoil: (raw: string) => string][] = [
  ['E1', (raw) => raw.replaceAll('\n', '\r\n')],
  ['E1', (raw) => `\uFEFF${raw}`],
  ['E1', (raw) => `event: ping\n\n${raw}`],
  ['E1', (raw) => `: OPENROUTER PROCESSING\n\n${raw}`],
  ['E1', (raw) => raw.replace('data: ', 'id: 1\ndata: ')],
  ['E2', (raw) => raw.replace('chatcmpl-upstream', 'other')],
  ['E3', (raw) => raw.replaceAll('"role":"assistant",', '')],
  ['E3', (raw) => raw.replace('"delta":{"content":"Hello"', '"delta":{"role":"assistant","content":"Hello"')],
  ['E3', (raw) => raw.replaceAll('"index":0,"delta"', '"index":1,"delta"')],
  ['E4', (raw) => raw.replaceAll('"tool_calls":[{"index":0', '"tool_calls":[{"index":1')],
  ['E4', (raw) => raw.replace('"function":{"arguments"', '"function":{"name":"","arguments"')],
  ['E5', (raw) => raw.replace('"finish_reason":"tool_calls"', '"finish_reason":null')],
  ['E5', (raw) => raw.replace('"finish_reason":null', '"finish_reason":"stop"')],
  ['E6', (raw) => raw.replace('"usage":null', '"usage":{"total_tokens":1}')],
  ['E7', (raw) => raw.replace('data: [DONE]\n\n', '')],
  ['E7', (raw) => raw.slice(0, -1)],
  ['E7', (raw) => `${raw}data: {"choices":[]}\n\n`],
  ['E10', (raw) => raw.replace('"choices":[],', '')],
  ['E11', (raw) => raw.replace('data: [DONE]', 'data: {"error":{}}\n\ndata: [DONE]')],
];

for (const [number, [rule, spoil]] of spoilt.entries()) {
  test(`a spoilt stream is refused: ${rule} (${number + 1})`, () => {
    const raw = spoil(clean);
    assert.notEqual(raw, clean);
    assert.throws(() => assertCleanStream(raw), { message: new RegExp(`^${rule}:`) });
  });
}

test('a failed stream ends in its error, without a finish or [DONE]', () => {
  const error = 'data: {"error":{"message":"m","type":"server_error","param":null,"code":"c"}}\n\n';
  const begun = clean.slice(0, clean.indexOf('\n\n') + 2);
  assert.equal(assertFailedStream(begun + error)['code'], 'c');
  assert.throws(() => assertFailedStream(`${begun}${error}data: [DONE]\n\n`), assert.AssertionError);
  assert.throws(() => assertFailedStream(clean), assert.AssertionError);
});

const message = { role: 'user', content: 'x' };
const calling = {
  role: 'assistant',
  content: null,
  tool_calls: [{ id: 'a', type: 'function', function: { name: 'f' } }],
};
const tool = { type: 'function', function: { name: 'f' } };
for (const [what, request] of Object.entries<JsonObject>({
  'empty tools': { messages: [message], tools: [] },
  'tools that are null': { messages: [message], tools: null },
  'tool_choice without tools': { messages: [message], tool_choice: 'none' },
  'a name twice': { messages: [message], tools: [tool, tool] },
  'an illegal name': { messages: [message], tools: [{ type: 'function', function: { name: 'a.b' } }] },
  'a call without a result': { messages: [message, calling] },
  'a call whose result comes late': {
    messages: [calling, message, { role: 'tool', tool_call_id: 'a', content: '' }],
  },
  'a result without a call': { messages: [message, { role: 'tool', tool_call_id: 'a', content: '' }] },
})) {
  test(`a request to an upstream with ${what} is refused`, () => {
    assert.throws(() => assertValidRequest(request), assert.AssertionError);
  });
}

for (const dialect of dialects) {
  test(`the ${dialect}-like upstream is read by the official client, cut anywhere`, async (t) => {
    const said = { text: 'Grüße', calls: [call] };
    const upstream = await startLoopbackUpstream(t, () => says(said, dialect, 7));
    const client = new OpenAI({ baseURL: upstream.url, apiKey: 'k', maxRetries: 0 });
    const params = { model: 'm', messages: [{ role: 'user' as const, content: 'x' }] };
    const json = await client.chat.completions.create(params);
    assert.equal(json.choices[0]?.message.content, 'Grüße');
    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...params, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    assert.equal(text, 'Grüße');
    assert.equal(upstream.chats.length, 2);
  });
}

test('bytes are cut at as many borders as asked for, or at every one', () => {
  const bytes = Buffer.from('ü'.repeat(500));
  assert.equal(cutAt(bytes, 5, 200).length, 201);
  assert.deepEqual(Buffer.concat(cutAt(bytes, 5, 200)), bytes);
  assert.deepEqual(cutAt(Buffer.from('abc'), 5, 200).map(String), ['a', 'b', 'c']);
});

test('cutting bytes loses none and repeats itself', () => {
  const bytes = Buffer.from('ü'.repeat(500));
  assert.deepEqual(Buffer.concat(rechunk(bytes, 5)), bytes);
  assert.deepEqual(rechunk(bytes, 5), rechunk(bytes, 5));
  assert.notDeepEqual(rechunk(bytes, 5), rechunk(bytes, 6));
});
