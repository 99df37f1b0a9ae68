// The loop, against scripted doors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chunk, JsonObject } from '../../src/openai/chat.ts';
import { answer, call, play, stream } from './scripted.ts';

const text = (chunks: readonly Chunk[]) =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

test('an answer without calls comes back as it was', async () => {
  const message = {
    role: 'assistant',
    content: 'hello',
    refusal: null,
    annotations: [],
    reasoning_content: 'hm',
  };
  const { completion } = await play({
    steps: [answer(message, 'stop', { service_tier: 'default', citations: ['x'] })],
  });
  assert.deepEqual(completion, {
    id: 'chatcmpl-upstream',
    object: 'chat.completion',
    created: 1700000000,
    model: 'm-1',
    service_tier: 'default',
    citations: ['x'],
    choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  });
});

test('M2, M3: own calls run, their step is hidden, usage is the sum', async () => {
  const { completion, requests, calls } = await play({
    functions: { todo__add: '{"ok":true}' },
    steps: [
      answer({ tool_calls: [call('c1', 'todo__add', { a: 1 })] }, 'tool_calls'),
      answer({ content: 'done' }),
    ],
  });
  assert.equal(calls.length, 1);
  assert.deepEqual(requests[1]?.['messages'], [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: null, tool_calls: [call('c1', 'todo__add', { a: 1 })] },
    { role: 'tool', tool_call_id: 'c1', content: '{"ok":true}' },
  ]);
  assert.deepEqual(completion.choices[0]?.message, { role: 'assistant', content: 'done', refusal: null });
  assert.equal(completion.choices[0]?.finish_reason, 'stop');
  assert.deepEqual(completion.usage, { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 });
});

test('results keep the order of the calls, whichever ends first', async () => {
  const slow = Promise.withResolvers<void>();
  const { requests } = await play({
    functions: {
      slow: async () => {
        await slow.promise;
        return { content: 'slow' };
      },
      quick: async () => {
        slow.resolve();
        return { content: 'quick' };
      },
    },
    steps: [
      answer({ tool_calls: [call('a', 'slow'), call('b', 'quick')] }, 'tool_calls'),
      answer({ content: 'ok' }),
    ],
  });
  const messages = requests[1]?.['messages'] as JsonObject[];
  assert.deepEqual(
    messages.slice(2).map((message) => message['content']),
    ['slow', 'quick'],
  );
});

test('E3, E5, E6: one role, one finish, usage last, whatever the steps sent', async () => {
  const usage = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } };
  const { chunks } = await play({
    functions: { f: 'r' },
    steps: [
      [
        ...stream(
          { role: 'assistant', content: null },
          { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] },
          'tool_calls',
        ),
        usage,
      ],
      [
        ...stream(
          { role: 'assistant', content: '' },
          { content: 'Hel' },
          { role: 'assistant', content: 'lo' },
          'stop',
        ),
        usage,
      ],
    ],
  });
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices[0]?.delta ?? chunk.usage),
    [
      { role: 'assistant', content: null, refusal: null },
      { content: 'Hel' },
      { content: 'lo' },
      {},
      { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 },
    ],
  );
  assert.equal(chunks.filter((chunk) => chunk.choices[0]?.finish_reason).length, 1);
  assert.deepEqual(new Set(chunks.map(({ id }) => id)), new Set(['chatcmpl-stream']));
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
});

test('M4: texts of two steps are parted by a blank line', async () => {
  const { chunks } = await play({
    functions: { f: 'r' },
    steps: [
      answer({ content: 'Looking.', tool_calls: [call('a', 'f')] }, 'tool_calls'),
      answer({ content: 'Found.' }),
    ],
  });
  assert.equal(text(chunks), 'Looking.\n\nFound.');
});

test('M4: with a JSON format the text of a hidden step is dropped', async () => {
  const { chunks } = await play({
    functions: { f: 'r' },
    request: { response_format: { type: 'json_object' } },
    steps: [
      answer({ content: '{"a"', tool_calls: [call('a', 'f')] }, 'tool_calls'),
      answer({ content: '{"b":1}' }),
    ],
  });
  assert.equal(text(chunks), '{"b":1}');
});

test('M5: the calls of a truncated step are never executed', async () => {
  const { calls, completion } = await play({
    functions: { f: 'r' },
    steps: [answer({ content: 'x', tool_calls: [call('a', 'f')] }, 'length')],
  });
  assert.equal(calls.length, 0);
  assert.equal(completion.choices[0]?.finish_reason, 'length');
  assert.equal(completion.choices[0]?.message.tool_calls, undefined);
});

test('M5: the loop runs on calls, whatever the finish reason says', async () => {
  const { calls } = await play({
    functions: { f: 'r' },
    steps: [answer({ tool_calls: [call('a', 'f')] }, 'stop'), answer({ content: 'ok' })],
  });
  assert.equal(calls.length, 1);
});

test('M6: each choice with own calls goes on alone; equal calls of siblings run once', async () => {
  const choice = (index: number, message: JsonObject, finish: string) => ({
    index,
    message: { role: 'assistant', content: null, ...message },
    finish_reason: finish,
  });
  const first = answer({}, 'stop', {
    choices: [
      choice(0, { tool_calls: [call('a', 'f')] }, 'tool_calls'),
      choice(1, { content: 'plain' }, 'stop'),
      choice(2, { tool_calls: [call('b', 'f')] }, 'tool_calls'),
    ],
  });
  const { completion, calls, requests } = await play({
    functions: { f: 'r' },
    request: { n: 3 },
    steps: [first, answer({ content: 'two' }), answer({ content: 'three' })],
  });
  assert.deepEqual(
    completion.choices.map(({ index, message }) => [index, message.content]),
    [
      [0, 'two'],
      [1, 'plain'],
      [2, 'three'],
    ],
  );
  assert.equal(calls.length, 1);
  assert.deepEqual(
    requests.slice(1).map(({ n }) => n),
    [1, 1],
  );
});

test('M6: calls of siblings that differ in the last digit of a long id both run', async () => {
  const choices = ['1', '2'].map((id, index) => {
    const tool_calls = [call(`c${id}`, 'f', `{"id":110000000000000000${id}}`)];
    return { index, message: { role: 'assistant', content: null, tool_calls }, finish_reason: 'tool_calls' };
  });
  const { calls } = await play({
    functions: { f: 'r' },
    request: { n: 2 },
    steps: [answer({}, 'stop', { choices }), answer({ content: 'one' }), answer({ content: 'two' })],
  });
  assert.equal(calls.length, 2);
});

test('M9: later steps get what is left of the token budget', async () => {
  const { requests } = await play({
    functions: { f: 'r' },
    request: { max_tokens: 100 },
    steps: [answer({ tool_calls: [call('a', 'f')] }, 'tool_calls'), answer({ content: 'ok' })],
  });
  assert.deepEqual(
    requests.map((request) => request['max_tokens']),
    [100, 95],
  );
});

test('M9: with fewer than 16 tokens left the run ends with length', async () => {
  const { completion, calls } = await play({
    functions: { f: 'r' },
    request: { max_tokens: 20 },
    steps: [answer({ tool_calls: [call('a', 'f')] }, 'tool_calls')],
  });
  assert.equal(completion.choices[0]?.finish_reason, 'length');
  assert.equal(calls.length, 0);
});

test('M9: with perStep the bound is that of each step', async () => {
  const { requests, completion } = await play({
    functions: { f: 'r' },
    request: { max_tokens: 20 },
    budget: { steps: 10, calls: 64, parallel: 8, callsPerStep: 16, badCalls: 3, tokens: 'perStep' },
    steps: [answer({ tool_calls: [call('a', 'f')] }, 'tool_calls'), answer({ content: 'ok' })],
  });
  assert.deepEqual(
    requests.map((request) => request['max_tokens']),
    [20, 20],
  );
  assert.equal(completion.choices[0]?.message.content, 'ok');
});

test('M10: a required tool choice is relaxed once an own call ran', async () => {
  const { requests } = await play({
    functions: { f: 'r' },
    request: { tool_choice: 'required' },
    steps: [answer({ tool_calls: [call('a', 'f')] }, 'tool_calls'), answer({ content: 'ok' })],
  });
  assert.deepEqual(
    requests.map((request) => request['tool_choice']),
    ['required', 'auto'],
  );
});

test('M12: a model that never stops calling gets a closing step and the client an answer', async () => {
  const again = (round: number) => answer({ tool_calls: [call(`c${round}`, 'f', { round })] }, 'tool_calls');
  const { requests, completion, calls } = await play({
    functions: { f: 'r' },
    steps: Array.from({ length: 20 }, (_, round) => again(round)),
  });
  assert.equal(requests.length, 10);
  assert.equal(requests.at(-1)?.['tool_choice'], 'none');
  assert.equal(calls.length, 9);
  assert.equal(completion.choices[0]?.finish_reason, 'length');
  assert.match(String(completion.choices[0]?.message.content), /limit/);
});

test('M12: a closing step that brings nothing ends in the sentence too, whatever was said before', async () => {
  const { completion, kept } = await play({
    functions: { f: 'r' },
    budget: { steps: 2, calls: 64, parallel: 8, callsPerStep: 16, badCalls: 3, tokens: 'perRun' },
    steps: [answer({ content: 'Let me look.', tool_calls: [call('a', 'f')] }, 'tool_calls'), []],
  });
  assert.equal(completion.choices[0]?.finish_reason, 'length');
  assert.match(String(completion.choices[0]?.message.content), /^Let me look\.\n\n.*limit/);
  assert.equal(kept[0]?.said, '');
});

test("M12: calls of a closing step are ignored, the client's as well", async () => {
  const { completion, chunks, parked } = await play({
    functions: { f: 'r' },
    clientTools: new Set(['mine']),
    budget: { steps: 2, calls: 64, parallel: 8, callsPerStep: 16, badCalls: 3, tokens: 'perRun' },
    steps: [
      answer({ tool_calls: [call('a', 'f')] }, 'tool_calls'),
      answer({ content: 'Enough.', tool_calls: [call('b', 'mine'), call('c', 'f')] }, 'tool_calls'),
    ],
  });
  assert.equal(completion.choices[0]?.finish_reason, 'stop');
  assert.equal(completion.choices[0].message.content, 'Enough.');
  assert.ok(!chunks.some(({ choices }) => choices.some(({ delta }) => delta.tool_calls)));
  assert.equal(parked.length, 0);
});

test('M12: the third identical call gets the earlier result and a note', async () => {
  const same = () => answer({ tool_calls: [call('c', 'f', { a: 1 })] }, 'tool_calls');
  const { requests, calls } = await play({
    functions: { f: 'r' },
    steps: [same(), same(), same(), answer({ content: 'ok' })],
  });
  assert.equal(calls.length, 2);
  const messages = requests[3]?.['messages'] as JsonObject[];
  assert.match(String(messages.at(-1)?.['content']), /^r\n\n.*identical/s);
});

test('M12: calls that differ in the last digit of a long id are not identical', async () => {
  const about = (id: string) =>
    answer({ tool_calls: [call(`c${id}`, 'f', `{"id":110000000000000000${id}}`)] });
  const { calls } = await play({
    functions: { f: 'r' },
    steps: [about('1'), about('2'), about('3'), answer({ content: 'ok' })],
  });
  assert.equal(calls.length, 3);
});

test('F-U39: of 128 parallel calls 16 run, 112 get an error result', async () => {
  const many = Array.from({ length: 128 }, (_, at) => call(`c${at}`, 'f', { at }));
  const { calls, requests } = await play({
    functions: { f: 'r' },
    steps: [answer({ tool_calls: many }, 'tool_calls'), answer({ content: 'ok' })],
  });
  assert.equal(calls.length, 16);
  const results = (requests[1]?.['messages'] as JsonObject[]).filter(({ role }) => role === 'tool');
  assert.equal(results.length, 128);
  assert.equal(results.filter(({ content }) => String(content).includes('call_limit')).length, 112);
});

test('M8, I5: an unknown function is answered with an error; three of them close the run', async () => {
  const wrong = () => answer({ tool_calls: [call('c', '__proto__')] }, 'tool_calls');
  const { requests } = await play({ steps: [wrong(), wrong(), wrong(), answer({ content: 'ok' })] });
  assert.equal(requests.length, 4);
  assert.equal(requests[3]?.['tool_choice'], 'none');
});

test('M7: of a mixed step the client gets its calls, re-indexed; the rest is parked before the finish chunk', async () => {
  const { chunks, parked, calls } = await play({
    functions: { own: 'r' },
    clientTools: new Set(['theirs']),
    steps: [
      answer({ content: 'x', tool_calls: [call('a', 'own'), call('b', 'theirs', { q: 1 })] }, 'tool_calls'),
    ],
  });
  assert.equal(calls.length, 1);
  const shown = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
  assert.deepEqual(shown, [{ index: 0, ...call('b', 'theirs', { q: 1 }) }]);
  assert.equal(parked.length, 1);
  assert.deepEqual(parked[0]?.visible, ['b']);
  assert.deepEqual(parked[0]?.results, [{ role: 'tool', tool_call_id: 'a', content: 'r' }]);
  assert.equal(chunks.findLast((chunk) => chunk.choices[0])?.choices[0]?.finish_reason, 'tool_calls');
});

test('M17: structured reasoning of the last step alone reaches the client; all goes back upstream', async () => {
  const details = (id: string) => [{ type: 'reasoning.text', index: 0, text: id }];
  const { requests, completion } = await play({
    functions: { f: 'r' },
    steps: [
      answer({ reasoning_details: details('one'), tool_calls: [call('a', 'f')] }, 'tool_calls'),
      answer({ content: 'ok', reasoning_details: details('two') }),
    ],
  });
  assert.deepEqual((requests[1]?.['messages'] as JsonObject[])[1]?.['reasoning_details'], details('one'));
  assert.deepEqual(completion.choices[0]?.message['reasoning_details'], details('two'));
});

test('E2, E10: Azure opens with a chunk without id; it goes on under the id of the run', async () => {
  const { chunks } = await play({
    steps: [
      [
        { id: '', created: 0, model: '', object: '', choices: [], prompt_filter_results: [1] },
        ...stream({ content: 'a' }, 'stop'),
      ],
    ],
  });
  assert.deepEqual(chunks[0]?.['prompt_filter_results'], [1]);
  assert.equal(chunks[0]?.id, 'chatcmpl-stream');
});

test('A8, M5: empty refusal, function_call and custom beside a call are nothing', async () => {
  const nothing = { refusal: '', function_call: { name: '', arguments: '' } };
  const odd = { ...call('c1', 'todo__add', { a: 1 }), custom: { name: '', input: '' } };
  const { completion, calls } = await play({
    functions: { todo__add: '{"ok":true}' },
    steps: [
      answer({ content: '', ...nothing, tool_calls: [odd] }, ''),
      answer({ content: 'done', ...nothing }, ''),
    ],
  });
  assert.deepEqual(
    calls.map((made) => made.function.name),
    ['todo__add'],
  );
  assert.equal(completion.choices[0]?.message.content, 'done');
  assert.equal(completion.choices[0]?.finish_reason, 'stop');
});

test('A7, M12: repeated bad arguments count each time', async () => {
  const steps = Array.from({ length: 4 }, (_, at) =>
    answer({
      tool_calls: [{ ...call(`c${at}`, 'todo__add', {}), function: { name: 'todo__add', arguments: 'x' } }],
    }),
  );
  const { requests } = await play({
    functions: { todo__add: async () => ({ content: 'bad', badArguments: true }) },
    steps,
  });
  assert.equal(requests.length, 4);
  assert.equal(requests[3]?.['tool_choice'], 'none');
});
