// Chat requests in the words of /v1/responses (C4).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../src/openai/chat.ts';
import { parseRequest } from '../../src/openai/request.ts';
import type { KnownItems } from '../../src/openai/responses-input.ts';
import { hasResponsesForm, toResponsesRequest } from '../../src/openai/responses-request.ts';
import { createResponsesCheck } from '../responses-schema.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

const user = { role: 'user', content: 'hi' };
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };
const always = { store: false, include: ['reasoning.encrypted_content'] };

function translate(members: object, itemsOf?: KnownItems): JsonObject {
  const request = parseRequest(JSON.stringify({ model: 'm', messages: [user], ...members }));
  assert.ok(hasResponsesForm(request));
  return JSON.parse(toResponsesRequest(request, itemsOf)) as JsonObject;
}

const hasForm = (members: object): boolean =>
  hasResponsesForm(parseRequest(JSON.stringify({ model: 'm', messages: [user], ...members })));

test('C4: the smallest request', () => {
  const input = [{ type: 'message', role: 'user', content: 'hi' }];
  assert.deepEqual(translate({}), { model: 'm', input, ...always });
});

test('C4: messages become items, calls and results among them, in order', () => {
  const messages = [
    { role: 'system', content: 'be brief' },
    { role: 'developer', content: [{ type: 'text', text: 'be kind' }] },
    { role: 'user', name: 'ann', content: [{ type: 'text', text: 'look' }] },
    { role: 'assistant', content: 'well', refusal: null, tool_calls: [call, { ...call, id: 'call_2' }] },
    { role: 'tool', tool_call_id: 'call_1', content: 'one' },
    { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'two' }] },
    { role: 'assistant', content: null, refusal: 'no' },
  ];
  assert.deepEqual(translate({ messages })['input'], [
    { type: 'message', role: 'system', content: 'be brief' },
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'be kind' }] },
    {
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: 'name: ann' },
        { type: 'input_text', text: 'look' },
      ],
    },
    { type: 'message', role: 'assistant', content: 'well' },
    { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{"a":1}' },
    { type: 'function_call', call_id: 'call_2', name: 'f', arguments: '{"a":1}' },
    { type: 'function_call_output', call_id: 'call_1', output: 'one' },
    { type: 'function_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: 'two' }] },
    { type: 'message', role: 'assistant', content: 'no' },
  ]);
});

test('C4: the name of who speaks is said in words; there is no member for it', () => {
  const messages = [
    { role: 'system', name: 'example_user', content: 'hi' },
    { role: 'user', name: '', content: 'hi' },
    { role: 'assistant', name: 'bot', content: 'hello' },
  ];
  const text = (words: string) => ({ type: 'input_text', text: words });
  assert.deepEqual(translate({ messages })['input'], [
    { type: 'message', role: 'system', content: [text('name: example_user'), text('hi')] },
    { type: 'message', role: 'user', content: 'hi' },
    { type: 'message', role: 'assistant', content: 'hello' },
  ]);
});

test('C4: pictures and files go along', () => {
  const content = [
    { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'low' } },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
    { type: 'file', file: { file_id: 'file-1' } },
  ];
  const [message] = translate({ messages: [{ role: 'user', content }] })['input'] as JsonObject[];
  assert.deepEqual(message?.['content'], [
    { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'low' },
    { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'auto' },
    { type: 'input_file', file_id: 'file-1' },
  ]);
});

test('C4: tools are flat, with the strictness and the parameters that chat takes for granted', () => {
  const tools = [
    {
      type: 'function',
      function: { name: 'f', description: 'does', parameters: { type: 'object' }, strict: true },
    },
    { type: 'function', function: { name: 'g' } },
  ];
  assert.deepEqual(translate({ tools, tool_choice: 'required', parallel_tool_calls: false }), {
    model: 'm',
    parallel_tool_calls: false,
    input: [{ type: 'message', role: 'user', content: 'hi' }],
    tools: [
      { type: 'function', name: 'f', description: 'does', parameters: { type: 'object' }, strict: true },
      { type: 'function', name: 'g', parameters: { type: 'object', properties: {} }, strict: false },
    ],
    tool_choice: 'required',
    ...always,
  });
});

test('C4: custom tools, their calls and results', () => {
  const grammar = { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } };
  const tools = [{ type: 'custom', custom: { name: 'c', format: grammar } }];
  const custom = { id: 'call_9', type: 'custom', custom: { name: 'c', input: 'raw' } };
  const messages = [
    user,
    { role: 'assistant', content: null, tool_calls: [custom] },
    { role: 'tool', tool_call_id: 'call_9', content: 'ok' },
  ];
  const said = translate({ messages, tools });
  assert.deepEqual(said['tools'], [
    { type: 'custom', name: 'c', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
  ]);
  assert.deepEqual((said['input'] as JsonObject[]).slice(1), [
    { type: 'custom_tool_call', call_id: 'call_9', name: 'c', input: 'raw' },
    { type: 'custom_tool_call_output', call_id: 'call_9', output: 'ok' },
  ]);
});

test('C4: a choice of tools', () => {
  const tools = [{ type: 'function', function: { name: 'f' } }];
  const named = { type: 'function', function: { name: 'f' } };
  const allowed = { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [named] } };
  const choice = (tool_choice: unknown) => translate({ tools, tool_choice })['tool_choice'];
  assert.deepEqual(choice(named), { type: 'function', name: 'f' });
  assert.deepEqual(choice(allowed), {
    type: 'allowed_tools',
    mode: 'auto',
    tools: [{ type: 'function', name: 'f' }],
  });
  assert.equal(choice('none'), 'none');
});

test('C4: options that have another name there', () => {
  const schema = { type: 'object', properties: {} };
  const said = translate({
    response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } },
    verbosity: 'low',
    reasoning_effort: 'high',
    max_completion_tokens: 7,
    logprobs: true,
    top_logprobs: 2,
    stream: true,
    stream_options: { include_usage: true, include_obfuscation: false },
    store: true,
    n: 1,
    frequency_penalty: 0,
    stop: null,
  });
  assert.deepEqual(said, {
    model: 'm',
    top_logprobs: 2,
    stream: true,
    input: [{ type: 'message', role: 'user', content: 'hi' }],
    text: { format: { type: 'json_schema', name: 'a', strict: true, schema }, verbosity: 'low' },
    reasoning: { effort: 'high' },
    max_output_tokens: 16,
    stream_options: { include_obfuscation: false },
    store: false,
    include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
  });
  assert.deepEqual(translate({ response_format: { type: 'json_object' } })['text'], {
    format: { type: 'json_object' },
  });
});

test('C4: what is not known goes on as it came, and numbers keep their spelling (Q3, Q4)', () => {
  const text =
    '{"model":"m","user":"u","provider":{"order":[1.0]},"messages":[],"tools":[{"type":"function","function":' +
    '{"name":"f","parameters":{"type":"object","maximum":9223372036854775807}}}]}';
  const said = toResponsesRequest(parseRequest(text));
  assert.match(said, /"provider":\{"order":\[1\.0\]\}/);
  assert.match(said, /"user":"u"/);
  assert.match(said, /"maximum":9223372036854775807/);
});

test('C4: what cannot be said there', () => {
  assert.ok(!hasForm({ n: 2 }));
  assert.ok(!hasForm({ prediction: { type: 'content', content: 'x' } }));
  assert.ok(!hasForm({ tools: [{ type: 'web_search' }] }));
  const audio = { type: 'input_audio', input_audio: { data: '', format: 'wav' } };
  assert.ok(!hasForm({ messages: [{ role: 'user', content: [audio] }] }));
  assert.ok(!hasForm({ messages: [{ role: 'assistant', audio: { id: 'a' } }] }));
  assert.ok(!hasForm({ messages: [{ role: 'narrator', content: 'x' }] }));
});

test('C4: output items of this run go back verbatim in place of the message made of them', () => {
  const items = [
    { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'xyz' },
    {
      type: 'function_call',
      id: 'fc_1',
      call_id: 'call_1',
      name: 'f',
      arguments: '{"a":1}',
      status: 'completed',
    },
  ];
  const messages = [
    user,
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_1', content: 'one' },
  ];
  const input = translate({ messages }, (id) => (id === 'call_1' ? items : undefined))['input'];
  assert.deepEqual(input, [
    { type: 'message', role: 'user', content: 'hi' },
    ...items,
    { type: 'function_call_output', call_id: 'call_1', output: 'one' },
  ]);
});

test('C4: whatever a client sends, the question whether it has a form there is the answer', () => {
  const part = fc.record({ type: fc.constantFrom('text', 'image_url', 'file', 'x'), text: fc.jsonValue() });
  const message = fc.record(
    {
      role: fc.constantFrom('system', 'user', 'assistant', 'tool', 'x'),
      content: fc.oneof(fc.string(), fc.constant(null), fc.array(part), fc.jsonValue()),
      tool_calls: fc.oneof(fc.constant([call]), fc.array(fc.jsonValue()), fc.jsonValue()),
      tool_call_id: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const tool = fc.oneof(fc.constant({ type: 'function', function: { name: 'f' } }), fc.jsonValue());
  const members = fc.record(
    {
      messages: fc.array(message),
      tools: fc.oneof(fc.array(tool), fc.jsonValue()),
      tool_choice: fc.jsonValue(),
      response_format: fc.jsonValue(),
      max_tokens: fc.jsonValue(),
    },
    { requiredKeys: ['messages'] },
  );
  const property = fc.property(members, (sent) => {
    const request = parseRequest(JSON.stringify(sent));
    if (hasResponsesForm(request)) JSON.parse(toResponsesRequest(request));
    else assert.throws(() => toResponsesRequest(request), TypeError);
  });
  fc.assert(property, { numRuns: 500 });
});

test("C4: OpenAI's description takes what every recorded chat request becomes", needsShared, () => {
  const check = createResponsesCheck();
  let translated = 0;
  for (const [file, text] of recordedRequests()) {
    const request = parseRequest(text);
    if (!hasResponsesForm(request)) continue;
    check(JSON.parse(toResponsesRequest(request)), file);
    translated += 1;
  }
  assert.ok(translated > 100, String(translated));
});

/** The bodies of the chat requests that went to OpenAI and Azure. */
function* recordedRequests(): Generator<[file: string, text: string]> {
  const folder = `${sharedFolder()}/recordings`;
  for (const line of readFileSync(`${folder}/index.jsonl`, 'utf8').trim().split('\n')) {
    const { endpoint, provider, request, status } = JSON.parse(line) as Record<
      string,
      string | number | null
    >;
    if (endpoint !== 'chat' || status !== 200 || typeof request !== 'string') continue;
    if (provider === 'openai' || provider === 'azure')
      yield [request, readFileSync(`${folder}/${request}`, 'utf8')];
  }
}
