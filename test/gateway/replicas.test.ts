// Replicas that share a database: what one began another one finishes (P8, M18), with or without the database.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type OpenAI from 'openai';
import type { Completion, JsonObject, ToolCall } from '../../src/openai/chat.ts';
import { openWay } from '../cut-off.ts';
import { needsPostgres } from '../postgres.ts';
import { ask, modes, question, textOf, type Mode } from './ask.ts';
import { says, type Call } from './dialects.ts';
import { prepareReplicas, storeKey } from './replicas.ts';

const oslo: Call = { id: 'call_oslo', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const fjord: Call = { id: 'call_fjord', name: 'look_up', arguments: '{"word":"fjord"}' };
const tools: OpenAI.ChatCompletionTool[] = [
  { type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } },
];

/** The question, the answer with the client's call, and its result. */
function followUp(answer: Completion): OpenAI.ChatCompletionMessageParam[] {
  const message = answer.choices[0]?.message as unknown as OpenAI.ChatCompletionAssistantMessageParam;
  const id = message.tool_calls?.[0]?.id ?? '';
  return [...question, message, { role: 'tool', tool_call_id: id, content: 'a long bay' }];
}

function calledIn(request: JsonObject | undefined): string[] {
  const messages = (request?.['messages'] ?? []) as { tool_calls?: ToolCall[] }[];
  return messages.flatMap((message) => (message.tool_calls ?? []).map((call) => call.function.name));
}

function inBothModes(name: string, run: (t: TestContext, mode: Mode) => Promise<void>): void {
  for (const mode of modes) test(`${name}, ${mode}`, (t) => run(t, mode));
}

describe('replicas', needsPostgres, () => {
  inBothModes('P8: a mixed turn begun at one is finished at another', async (t, mode) => {
    const script = [says({ calls: [oslo, fjord] }), says({ text: 'A bay.' })];
    const { start, upstream, api } = await prepareReplicas(t, { script });
    const [a, b] = [await start(), await start()];
    const answer = await ask(a, mode, { tools });
    assert.equal(textOf(await ask(b, mode, { tools, messages: followUp(answer) })), 'A bay.');
    assert.deepEqual(calledIn(upstream.chats[1]?.json), [oslo.name, fjord.name]);
    assert.equal(api.requests.length, 1);
  });

  inBothModes('M18: the model remembers at one what it looked up at another', async (t, mode) => {
    const script = [says({ calls: [oslo] }), says({ text: 'It is 4 degrees.' }), says({ text: 'Warmer.' })];
    const { start, upstream } = await prepareReplicas(t, { script });
    const [a, b] = [await start(), await start()];
    const content = textOf(await ask(a, mode)) as string;
    const messages = [
      ...question,
      { role: 'assistant' as const, content },
      { role: 'user' as const, content: 'And Rome?' },
    ];
    assert.equal(textOf(await ask(b, mode, { messages })), 'Warmer.');
    assert.deepEqual(calledIn(upstream.chats[2]?.json), [oslo.name]);
  });

  inBothModes('F-G10: without the database from the start, every request is answered', async (t, mode) => {
    const script = [says({ calls: [oslo, fjord] }), says({ text: 'A bay.' })];
    const { start, upstream, database } = await prepareReplicas(t, { script });
    const way = await openWay(t, database.url);
    way.cut();
    const a = await start({ store: { url: way.url, key: storeKey } });
    const answer = await ask(a, mode, { tools });
    // P8: the process itself still knows.
    assert.equal(textOf(await ask(a, mode, { tools, messages: followUp(answer) })), 'A bay.');
    assert.deepEqual(calledIn(upstream.chats[1]?.json), [oslo.name, fjord.name]);
  });

  inBothModes('P7: with the database gone in between, the follow-up is a plain one', async (t, mode) => {
    const script = [says({ calls: [oslo, fjord] }), says({ text: 'A bay.' })];
    const { start, upstream, database } = await prepareReplicas(t, { script });
    const way = await openWay(t, database.url);
    const [a, b] = [await start(), await start({ store: { url: way.url, key: storeKey } })];
    const answer = await ask(a, mode, { tools });
    way.cut();
    assert.equal(textOf(await ask(b, mode, { tools, messages: followUp(answer) })), 'A bay.');
    assert.deepEqual(calledIn(upstream.chats[1]?.json), [fjord.name]);
  });
});
