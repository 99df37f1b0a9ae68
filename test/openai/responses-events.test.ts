// Answers of /v1/responses as chat chunks (C5).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fold } from '../../src/completion/fold.ts';
import type { Chunk, Completion, JsonObject } from '../../src/openai/chat.ts';
import { createResponsesReader } from '../../src/openai/responses-events.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

interface Read {
  readonly chunks: Chunk[];
  readonly completion: Completion;
  readonly items: readonly JsonObject[];
  readonly finished: boolean;
}

/** Reads a stream of events, or one whole answer. */
async function read(answer: readonly JsonObject[] | JsonObject): Promise<Read> {
  let items: readonly JsonObject[] = [];
  const reader = createResponsesReader((output) => (items = output));
  const values = Array.isArray(answer) ? (answer as readonly JsonObject[]) : [answer as JsonObject];
  for (const value of values) assert.equal(reader.failure(value), null);
  const chunks = Array.isArray(answer)
    ? values.flatMap((value) => reader.event(value, ''))
    : values.flatMap(reader.whole);
  async function* replay() {
    yield structuredClone(chunks);
  }
  return { chunks, completion: await fold(replay()), items, finished: reader.finished(false) };
}

const usage = {
  input_tokens: 7,
  output_tokens: 5,
  total_tokens: 12,
  input_tokens_details: { cached_tokens: 2 },
  output_tokens_details: { reasoning_tokens: 1 },
  cost: 0.5,
};
const head = {
  object: 'response',
  id: 'resp_1',
  created_at: 1_700_000_000.5,
  model: 'gpt-5.4',
  service_tier: 'default',
};
const reasoning = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'xyz' };
const message = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: 'Hello you', annotations: [], logprobs: [] }],
};
const call = {
  type: 'function_call',
  id: 'fc_1',
  call_id: 'call_1',
  name: 'f',
  arguments: '{"a":1}',
  status: 'completed',
};
const output = [reasoning, message, call];
const whole = { ...head, status: 'completed', error: null, incomplete_details: null, output, usage };
const delta = (type: string, output_index: number, delta: string, more: JsonObject = {}) => ({
  type: `response.${type}.delta`,
  output_index,
  delta,
  ...more,
});
const stream: JsonObject[] = [
  {
    type: 'response.created',
    response: { ...head, service_tier: 'auto', status: 'in_progress', output: [] },
  },
  { type: 'response.output_item.added', output_index: 0, item: { ...reasoning, encrypted_content: '' } },
  { type: 'response.output_item.done', output_index: 0, item: reasoning },
  { type: 'response.output_item.added', output_index: 1, item: { ...message, content: [] } },
  delta('output_text', 1, 'Hello', { content_index: 0, obfuscation: 'q' }),
  delta('output_text', 1, ' you', { content_index: 0 }),
  { type: 'response.output_item.done', output_index: 1, item: message },
  { type: 'response.output_item.added', output_index: 2, item: { ...call, arguments: '' } },
  delta('function_call_arguments', 2, '{"a"'),
  delta('function_call_arguments', 2, ':1}'),
  { type: 'response.function_call_arguments.done', output_index: 2, arguments: '{"a":1}' },
  { type: 'response.output_item.done', output_index: 2, item: call },
  { type: 'response.completed', response: whole },
];

const expected = {
  choices: [
    {
      index: 0,
      finish_reason: 'tool_calls',
      logprobs: null,
      message: {
        role: 'assistant',
        content: 'Hello you',
        refusal: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
    },
  ],
  usage: {
    prompt_tokens: 7,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 1 },
    total_tokens: 12,
    cost: 0.5,
  },
};

for (const [what, answer] of Object.entries({ stream, whole })) {
  test(`C5 ${what}: texts, calls, usage and the end come out as in chat`, async () => {
    const { completion, items, finished } = await read(answer);
    const { choices, usage: counted, created, model, service_tier: tier } = completion;
    assert.deepEqual({ choices, usage: counted }, expected);
    assert.deepEqual([created, model, tier], [1_700_000_000, 'gpt-5.4', 'default']);
    assert.deepEqual(items, output);
    assert.ok(finished);
  });
}

test('C5: text comes with its events, not at the end; obfuscation stays where it was (E10)', async () => {
  const { chunks } = await read(stream);
  const texts = chunks.filter((chunk) => chunk.choices[0]?.delta.content);
  assert.deepEqual(
    texts.map((chunk) => [chunk.choices[0]?.delta.content, chunk['obfuscation']]),
    [
      ['Hello', 'q'],
      [' you', undefined],
    ],
  );
});

test('C5: whatever events a server leaves out, the items make up for it', async () => {
  const noDeltas = stream.filter(({ type }) => !String(type).endsWith('.delta'));
  const noAdded = stream.filter(({ type }) => type !== 'response.output_item.added');
  const onlyTheEnd = stream.slice(-1);
  const { response: _response, ...last } = stream.at(-1) ?? {};
  const emptyEnd = [...stream.slice(0, -1), { ...last, response: { ...whole, output: [] } }];
  for (const events of [noDeltas, noAdded, onlyTheEnd, emptyEnd]) {
    const { completion, items } = await read(events);
    assert.deepEqual(completion.choices, expected.choices);
    assert.deepEqual(items, output);
  }
});

test('C5: an incomplete answer ends for length, or for the content filter', async () => {
  const end = (reason: string) => ({ ...whole, status: 'incomplete', incomplete_details: { reason } });
  for (const [reason, expected] of [
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
  ] as const) {
    const streamed = [...stream.slice(0, -1), { type: 'response.incomplete', response: end(reason) }];
    for (const answer of [streamed, end(reason)]) {
      const { completion, finished } = await read(answer);
      assert.equal(completion.choices[0]?.finish_reason, expected);
      assert.ok(finished);
    }
  }
});

test('C5: refusals, thoughts and log probabilities have their places in chat', async () => {
  const logprobs = [{ token: 'ü', logprob: -0.5, top_logprobs: [{ token: 'u', logprob: -2 }] }];
  const { completion } = await read([
    delta('reasoning_text', 0, 'hm', { content_index: 0 }),
    delta('reasoning_summary_text', 0, 'short', { summary_index: 0 }),
    delta('output_text', 1, 'ü', { content_index: 0, logprobs }),
    delta('refusal', 2, 'no', { content_index: 0 }),
    { type: 'response.completed', response: { ...whole, output: [] } },
  ]);
  assert.deepEqual(completion.choices[0]?.message, {
    role: 'assistant',
    content: 'ü',
    refusal: 'no',
    reasoning_content: 'hm\n\nshort',
  });
  assert.deepEqual(completion.choices[0]?.logprobs, {
    content: [
      {
        token: 'ü',
        logprob: -0.5,
        bytes: [0xc3, 0xbc],
        top_logprobs: [{ token: 'u', logprob: -2, bytes: [0x75] }],
      },
    ],
    refusal: null,
  });
});

test('C5: two messages of one answer are apart by a blank line (M4)', async () => {
  const second = { ...message, id: 'msg_2', content: [{ type: 'output_text', text: 'Done.' }] };
  const { completion } = await read({ ...whole, output: [message, second] });
  assert.equal(completion.choices[0]?.message.content, 'Hello you\n\nDone.');
  assert.equal(completion.choices[0]?.finish_reason, 'stop');
});

test('C5: failures of every form are found', () => {
  const { failure } = createResponsesReader(() => undefined);
  const failed = { status: 'failed', error: { code: 'server_error', message: 'it broke' } };
  const messageOf = (value: JsonObject) => (failure(value)?.['error'] as JsonObject | undefined)?.['message'];
  assert.equal(messageOf({ type: 'response.failed', response: failed }), 'it broke');
  assert.equal(messageOf(failed), 'it broke');
  assert.equal(messageOf({ type: 'error', code: 'x', message: 'flat', param: null }), 'flat');
  assert.equal(messageOf({ type: 'error', error: { message: 'nested' } }), 'nested');
  assert.match(String(messageOf({ status: 'cancelled' })), /cancelled/);
  assert.equal(failure({ type: 'response.created', response: { error: null, status: 'in_progress' } }), null);
});

test('C5: a stream that stops early is not finished, [DONE] or not (E11)', () => {
  const reader = createResponsesReader(() => undefined);
  for (const event of stream.slice(0, -1)) reader.event(event, '');
  assert.ok(!reader.finished(true));
});

test('C5: hostile indexes and types cost nothing', async () => {
  for (const index of [4e9, -1, Number.NaN, '__proto__', null, { toString: 1, valueOf: 1 }]) {
    const { completion } = await read([
      { type: 'response.output_item.added', output_index: index, item: { ...call, name: 5, arguments: {} } },
      { type: 'response.output_item.done', output_index: index, item: { ...call, arguments: 7 } },
      { type: 'response.output_text.delta', output_index: index, delta: { a: 1 } },
      { type: 'response.completed', response: { output: 'x', usage: [] } },
    ]);
    assert.equal(completion.choices[0]?.finish_reason, 'tool_calls');
  }
});

interface Recording {
  readonly endpoint: string;
  readonly file: string;
  readonly stream: boolean;
}

test('C5: each recorded answer says the same streamed and whole', needsShared, async () => {
  const folder = `${sharedFolder()}/recordings`;
  const lines = readFileSync(`${folder}/index.jsonl`, 'utf8').trim().split('\n');
  const recordings = lines.map((line) => JSON.parse(line) as Recording);
  let compared = 0;
  for (const { file, stream } of recordings.filter((one) => one.endpoint === 'responses' && one.stream)) {
    assert.ok(stream);
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    const data = file.endsWith('.chunks.txt')
      ? text.trim().split('\n')
      : [...text.matchAll(/^data: ?(.*)$/gm)].map(([, line]) => line ?? '');
    const events = data.map((line) => JSON.parse(line) as JsonObject);
    const end = events.findLast(({ type }) => type === 'response.completed')?.['response'] as JsonObject;
    const [streamed, folded] = [await read(events), await read(end)];
    assert.deepEqual(streamed.completion.choices, folded.completion.choices, file);
    assert.deepEqual(streamed.completion.usage, folded.completion.usage, file);
    assert.deepEqual(streamed.items, folded.items, file);
    compared += 1;
  }
  assert.equal(compared, 44);
});
