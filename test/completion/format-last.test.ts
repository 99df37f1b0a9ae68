// `response_format` where it cannot stand beside tools: the answer gets its format in a step of its own (M13).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, call, play } from './scripted.ts';

const tool = { type: 'function', function: { name: 'todo__add' } };
const request = { tools: [tool], response_format: { type: 'json_object' } };
const functions = { todo__add: '{"ok":true}' };
const formatLast = () => true;

test('M13: an answer without its format is dropped and asked for again, in a closing step', async () => {
  const { completion, requests } = await play({
    request,
    functions,
    formatLast,
    steps: [
      answer({ tool_calls: [call('c1', 'todo__add', {})] }, 'tool_calls'),
      answer({ content: 'It is done.' }),
      answer({ content: '{"done":true}' }),
    ],
  });
  assert.equal(completion.choices[0]?.message.content, '{"done":true}');
  assert.equal(completion.choices[0]?.finish_reason, 'stop');
  assert.deepEqual(requests[2]?.['messages'], requests[1]?.['messages'], 'from the last tool result on');
  assert.equal(requests[2]?.['tool_choice'], 'none');
  assert.deepEqual(completion.usage, { prompt_tokens: 30, completion_tokens: 15, total_tokens: 45 });
});

test('M13: calls handed to the client, a cut answer and a request without tools need no further step', async () => {
  const mixed = await play({
    request,
    formatLast,
    clientTools: new Set(['mine']),
    steps: [answer({ tool_calls: [call('c1', 'mine', {})] }, 'tool_calls')],
  });
  assert.equal(mixed.requests.length, 1);
  assert.equal(mixed.completion.choices[0]?.finish_reason, 'tool_calls');

  const cut = await play({
    request,
    formatLast,
    steps: [answer({ content: 'It is' }, 'length')],
  });
  assert.equal(cut.requests.length, 1);
  assert.equal(cut.completion.choices[0]?.finish_reason, 'length');

  const bare = await play({
    request: { response_format: { type: 'json_object' } },
    formatLast,
    steps: [answer({ content: '{}' })],
  });
  assert.equal(bare.requests.length, 1);
});

test('M12, M13: the closing step at the limit has the format already', async () => {
  const { requests, completion } = await play({
    request,
    functions,
    formatLast,
    budget: { steps: 2, calls: 64, parallel: 8, callsPerStep: 16, badCalls: 3, tokens: 'perRun' },
    steps: [
      answer({ tool_calls: [call('c1', 'todo__add', {})] }, 'tool_calls'),
      answer({ content: '{"done":true}' }),
    ],
  });
  assert.equal(requests.length, 2);
  assert.equal(requests[1]?.['tool_choice'], 'none');
  assert.equal(completion.choices[0]?.message.content, '{"done":true}');
});
