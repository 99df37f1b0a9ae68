// Scenarios 47 to 52: agent frameworks and chat applications, each by its own loop, with plugins in between.
import assert from 'node:assert/strict';
import createInstructor from '@instructor-ai/instructor';
import { Agent, Runner } from '@openai/agents';
import { HumanMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod/v3';
import type { JsonObject, Message } from '../../src/openai/chat.ts';
import { scenario, streamScenario, type Mode } from '../gateway/ask.ts';
import { says, type Call, type Dialect, type Said } from '../gateway/dialects.ts';
import { startGateway, toolNames, type TestGateway } from '../gateway/gateway.ts';
import { answerJson } from '../gateway/loopback-plugin.ts';
import type { Scope } from '../gateway/loopback-server.ts';
import { createModel } from './agents.ts';
import { aiModels, settings } from './ai-sdk.ts';
import { createChat } from './langchain.ts';
import { addressOf, lookUp, question } from './library.ts';

const oslo: Call = { id: 'call_oslo', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const alert: Call = { id: 'call_alert', name: 'weather__addAlert', arguments: '{"city":"Oslo"}' };
const fjord: Call = { id: 'call_fjord', name: 'look_up', arguments: '{"word":"fjord"}' };

function start(t: Scope, dialect: Dialect, ...said: Said[]): Promise<TestGateway> {
  return startGateway(t, {
    script: said.map((one, at) => says(one, dialect, at)),
    api: answerJson({ degrees: 4 }),
  });
}

/** The names of all calls that the model sees in its history. */
function rememberedCalls({ upstream }: TestGateway): string[] {
  const messages = upstream.chats.at(-1)?.json['messages'] as unknown as Message[];
  return messages.flatMap((message) => (message.tool_calls ?? []).map((call) => call.function.name));
}

for (const [provider, modelOf] of aiModels) {
  scenario(`47: AI SDK (${provider}), several steps`, async (t, mode, dialect) => {
    const gateway = await start(
      t,
      dialect,
      { text: 'Let me see.', calls: [oslo, fjord] },
      { calls: [alert] },
      { text: 'A long bay at 4 °C.' },
    );
    const options = settings(modelOf(addressOf(gateway), 'm'), { lookUp: () => 'a long bay' }, []);
    const result = mode === 'json' ? await generateText(options) : streamText(options);
    assert.equal(await result.text, 'A long bay at 4 °C.');
    const steps = await result.steps;
    assert.deepEqual(
      steps.map((step) => [step.text, step.finishReason, step.toolCalls.map((call) => call.toolName)]),
      [
        ['Let me see.', 'tool-calls', ['look_up']],
        ['A long bay at 4 °C.', 'stop', []],
      ],
    );
    assert.deepEqual(rememberedCalls(gateway), [oslo.name, fjord.name, alert.name]);
  });

  scenario(`48: AI SDK (${provider}), Output.object with tools`, async (t, mode, dialect) => {
    const gateway = await start(
      t,
      dialect,
      { calls: [fjord, oslo] },
      { calls: [alert] },
      { text: '{"degrees":4}' },
    );
    const wishes = { lookUp: () => 'a long bay', object: true } as const;
    const options = settings(modelOf(addressOf(gateway), 'm'), wishes, []);
    const result = mode === 'json' ? await generateText(options) : streamText(options);
    assert.deepEqual(await result.output, { degrees: 4 });
    assert.equal(gateway.api.requests.length, 2);
  });
}

streamScenario('49: LangChain tool loop, streamed', async (t, dialect) => {
  const gateway = await start(
    t,
    dialect,
    { text: 'Let me see.', calls: [oslo, fjord] },
    { calls: [alert] },
    { text: 'A long bay.' },
  );
  const chat = createChat(addressOf(gateway)).bindTools([{ type: 'function', function: lookUp }]);
  const first = await gather(await chat.stream([new HumanMessage(question)]));
  assert.equal(first.text, 'Let me see.');
  assert.deepEqual(
    first.tool_calls?.map(({ name, args }) => [name, args]),
    [['look_up', { word: 'fjord' }]],
  );
  assert.deepEqual(first.invalid_tool_calls, []);
  const result = new ToolMessage({ content: 'a long bay', tool_call_id: first.tool_calls?.[0]?.id ?? '' });
  const last = await gather(await chat.stream([new HumanMessage(question), first, result]));
  assert.equal(last.text, 'A long bay.');
  assert.deepEqual(last.tool_calls, []);
  assert.equal(last.response_metadata['finish_reason'], 'stop');
  assert.deepEqual(rememberedCalls(gateway), [oslo.name, fjord.name, alert.name]);
});

async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  const [first, ...others] = await Array.fromAsync(stream);
  assert.ok(first);
  return others.reduce((whole, chunk) => whole.concat(chunk), first);
}

scenario('50: Agents SDK, a handoff in the same answer as a plugin call', async (t, mode, dialect) => {
  const handoff: Call = { id: 'call_handoff', name: 'transfer_to_Geographer', arguments: '{}' };
  const gateway = await start(
    t,
    dialect,
    { calls: [oslo, handoff] },
    { calls: [alert] },
    { text: 'A long bay at 4 °C.' },
  );
  const model = createModel(addressOf(gateway));
  const geographer = new Agent({ name: 'Geographer', instructions: 'You know every bay.', model });
  const triage = new Agent({ name: 'Triage', instructions: 'Hand over.', model, handoffs: [geographer] });
  const runner = new Runner({ tracingDisabled: true });
  const result = await (mode === 'json' ? runner.run(triage, question) : streamed(runner, triage));
  assert.equal(result.finalOutput, 'A long bay at 4 °C.');
  assert.equal(result.lastAgent?.name, 'Geographer');
  assert.deepEqual(rememberedCalls(gateway), [oslo.name, handoff.name, alert.name]);
});

async function streamed(runner: Runner, agent: Agent) {
  const result = await runner.run(agent, question, { stream: true });
  for await (const _ of result);
  await result.completed;
  return result;
}

scenario(
  '51: Instructor in mode TOOLS forces its own function: nothing is injected (Q2)',
  async (t, mode, dialect) => {
    const said = { calls: [{ id: 'call_1', name: 'Weather', arguments: '{"degrees":4}' }] };
    const gateway = await start(t, dialect, said);
    const client = new OpenAI({ ...addressOf(gateway), maxRetries: 0 });
    const instructor = createInstructor({ client: client as never, mode: 'TOOLS' });
    const params = {
      model: 'm',
      messages: [{ role: 'user' as const, content: question }],
      response_model: { schema: z.object({ degrees: z.number() }) as never, name: 'Weather' },
      max_retries: 0,
    };
    assert.deepEqual(await lastObject(mode, instructor, params), { degrees: 4 });
    assert.deepEqual(toolNames(gateway.upstream.chats[0]?.json ?? {}), ['Weather']);
  },
);

async function lastObject(
  mode: Mode,
  instructor: ReturnType<typeof createInstructor>,
  params: object,
): Promise<unknown> {
  const create = instructor.chat.completions.create as (params: object) => Promise<JsonObject>;
  const answer = await create({ ...params, ...(mode === 'stream' ? { stream: true } : {}) });
  if (mode === 'json') return withoutMeta(answer);
  let last: JsonObject = {};
  for await (const partial of answer as unknown as AsyncIterable<JsonObject>) last = partial;
  return withoutMeta(last);
}

/** Instructor puts the usage and more beside the members of the object. */
function withoutMeta({ _meta, ...object }: JsonObject): JsonObject {
  return object;
}

streamScenario("52: a chat application's request: Continue's adapter", async (t, dialect) => {
  const gateway = await start(t, dialect, { calls: [oslo] }, { text: 'It is 4 °C.' });
  const client = new OpenAI({ ...addressOf(gateway), maxRetries: 0 });
  // Its OpenAIApi hands the editor's body to `create` and reads `delta` and a last chunk with `usage`.
  const stream = await client.chat.completions.create(
    {
      model: 'm',
      messages: [
        { role: 'system', content: 'You are in agent mode.' },
        { role: 'user', content: [{ type: 'text', text: question }] },
      ],
      tools: [{ type: 'function', function: { ...lookUp, name: 'read_file' } }],
      parallel_tool_calls: false,
      max_tokens: 4096,
      stream: true,
      stream_options: { include_usage: true },
    },
    { signal: new AbortController().signal },
  );
  let text = '';
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, 'It is 4 °C.');
  assert.equal(usage?.completion_tokens, 14);
});

streamScenario(
  "52: a chat application's request: LibreChat's custom endpoint, and its title",
  async (t, dialect) => {
    const gateway = await start(
      t,
      dialect,
      { calls: [oslo] },
      { text: 'It is 4 °C.' },
      { text: 'Weather in Oslo' },
    );
    // A custom endpoint is LangChain's model, and a second, short request for the title.
    const chat = createChat(addressOf(gateway));
    const options = { stop: ['\nUser:'] };
    const answer = await gather(
      await chat.stream(
        [
          ['system', 'Be kind.'],
          ['user', question],
        ],
        options,
      ),
    );
    assert.equal(answer.text, 'It is 4 °C.');
    assert.deepEqual(gateway.upstream.chats[1]?.json['stop'], options.stop);
    const titles = createChat(addressOf(gateway), { mostTokens: 40 });
    const title = await titles.invoke([['user', `Write a title for: ${question}`]]);
    assert.equal(title.text, 'Weather in Oslo');
    assert.deepEqual(
      toolNames(gateway.upstream.chats[2]?.json ?? {}),
      [],
      'Q2: a title maker gets no plugins',
    );
  },
);
