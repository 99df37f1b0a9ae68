// Real tool loops, replayed step by step: the functions become a plugin, the results its API's answers.
import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import type { JsonObject, Message, ToolCall } from '../../src/openai/chat.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { ask, modes, type Mode } from './ask.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import type { PluginHandler } from './loopback-plugin.ts';
import { answerBytes } from './loopback-upstream.ts';
import {
  addUsage,
  addedMessages,
  clientFunctions,
  documentParts,
  flatText,
  offeredFunctions,
  readRecordedLoops,
  renameFunctions,
  type RecordedRun,
} from './recorded-loop.ts';

/** Why a run cannot be replayed. */
function whyNot(run: RecordedRun): string | null {
  const [first] = run.steps;
  const last = run.steps.at(-1);
  if (!first || !last) return 'no step recorded';
  if (first.answer.calls.length === 0) return 'no call in the first answer';
  if (run.steps.length === 1) return 'the step after the call is not recorded';
  const client = clientFunctions(run);
  if (last.answer.calls.some((call) => !client.has(call.function.name)))
    return 'the results of the last calls are not recorded';
  return null;
}

const shared = sharedFolder();
const loops = shared ? readRecordedLoops(shared) : [];

describe('recorded loops', needsShared, () => {
  const replayed = new Set<number>();
  for (const [number, { runs }] of loops.entries()) {
    for (const run of runs) {
      if (whyNot(run)) continue;
      replayed.add(number);
      for (const mode of modes) {
        const recorded = run.steps[0]?.streamed ? 'streamed' : 'blocking';
        test(`loop ${run.id} (${run.provider}, ${recorded}, ${run.steps.length} steps) as ${mode}: ${run.source}`, (t) =>
          replay(t, run, mode));
      }
    }
  }
  test('all recorded loops but three are replayed', () => {
    const left = loops.flatMap(({ line, runs }, number) =>
      replayed.has(number) ? [] : [`${line.path.split('/').at(-1)}: ${runs.map(whyNot).join('; ')}`],
    );
    assert.deepEqual(left, [
      'test_retry_chat_model_acomplete_openai.yaml: the results of the last calls are not recorded',
      'test_retry_chat_model_complete_litellm_openai.yaml: the results of the last calls are not recorded',
      'test_multimodal_tool_return_matrix[direct-url_force_download-image-openai_chat].yaml: the step after the call is not recorded',
    ]);
  });
});

async function replay(t: TestContext, run: RecordedRun, mode: Mode): Promise<void> {
  const client = clientFunctions(run);
  const offered = offeredFunctions(run);
  const functions = new Map([...offered].filter(([name]) => !client.has(name)));
  const clientTools = [...client].map((name) => ({ type: 'function', function: offered.get(name) }));
  const names = new Map(
    [...functions.keys()].map((name) => [name, `recorded__${name.replaceAll(/^_+|_+$/g, '')}`]),
  );
  const { paths, schemas } = documentParts(functions);
  const arrived: { name: string; body: unknown }[] = [];
  const gateway = await startGateway(t, {
    script: run.steps.map((step, at) =>
      answerBytes(renameFunctions(step.body, names), {
        contentType: step.streamed ? 'text/event-stream' : 'application/json',
        seed: Number(run.id) * 1000 + at,
        cuts: 200,
      }),
    ),
    api: answerAsRecorded(run, arrived),
    plugins: (origin) => [{ name: 'recorded', origin, paths, schemas, description: 'Recorded functions.' }],
  });
  const answer = await ask(gateway, mode, {
    ...firstRequest(run, names),
    ...(clientTools.length > 0 ? { tools: clientTools as never, tool_choice: 'auto' } : {}),
  });

  const [choice] = answer.choices;
  assert.equal(choice?.message.content ?? '', joinedText(run), 'the final text, with earlier text before it');
  assert.deepEqual(
    (choice?.message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]),
    run.steps.at(-1)?.answer.calls.map((call) => [call.function.name, call.function.arguments]),
    "the calls of the client's own functions",
  );
  assertCallsArrived(run, arrived);
  assertConversation(run, gateway, names);
  const usage = run.steps.reduce((sum, step) => addUsage(sum, step.answer.usage), {} as JsonObject);
  if (Object.keys(usage).length > 0)
    assert.deepEqual(addUsage({}, answer.usage ?? null), usage, 'usage is the sum');
}

/** The recorded first request without the functions that are a plugin's now. */
function firstRequest(run: RecordedRun, names: ReadonlyMap<string, string>): object {
  const {
    tools: _tools,
    stream: _stream,
    stream_options: _options,
    ...rest
  } = run.steps[0]?.request ?? { messages: [] };
  if (rest['tool_choice'] === undefined) return rest;
  const choice = renameFunctions(JSON.stringify(rest['tool_choice']), names);
  return { ...rest, tool_choice: JSON.parse(choice) as unknown };
}

/** Texts of all steps, as M4 joins them; with a JSON format only the last one's. */
function joinedText(run: RecordedRun): string {
  const format = run.steps[0]?.request['response_format'] as JsonObject | undefined;
  const texts = run.steps.map((step) => step.answer.text).filter((text) => text !== '');
  if (String(format?.['type']).startsWith('json')) return texts.at(-1) ?? '';
  return texts.reduce(
    (all, text) => (all === '' || /\s$/.test(all) || /^\s/.test(text) ? all + text : `${all}\n\n${text}`),
    '',
  );
}

interface Expected {
  readonly call: ToolCall;
  readonly result: string;
}

function expectedCalls(run: RecordedRun): Expected[] {
  return run.steps.slice(1).flatMap((step, at) => {
    const before = run.steps[at];
    if (!before) return [];
    const results = addedMessages(before, step).filter((message) => message.role === 'tool');
    return before.answer.calls.map((call, position) => ({
      call,
      result: flatText(results[position]?.content),
    }));
  });
}

/** Answers each call with its recorded result; calls of the same function are told apart by their arguments. */
function answerAsRecorded(run: RecordedRun, arrived: { name: string; body: unknown }[]): PluginHandler {
  const open = expectedCalls(run);
  return (request, response) => {
    const name = decodeURIComponent(request.path.slice(1));
    const body: unknown = JSON.parse(request.body.toString() || '{}');
    arrived.push({ name, body });
    const exact = open.findIndex(
      ({ call }) => call.function.name === name && sameJson(parseArguments(call), body),
    );
    const at = exact === -1 ? open.findIndex(({ call }) => call.function.name === name) : exact;
    const [found] = at === -1 ? [] : open.splice(at, 1);
    const type = isJson(found?.result ?? '') ? 'application/json' : 'text/plain; charset=utf-8';
    response.writeHead(found ? 200 : 404, { 'content-type': type }).end(found?.result ?? '{}');
  };
}

function assertCallsArrived(run: RecordedRun, arrived: readonly { name: string; body: unknown }[]): void {
  const key = (name: string, body: unknown) => `${name} ${JSON.stringify(body)}`;
  assert.deepEqual(
    arrived.map(({ name, body }) => key(name, body)).toSorted(),
    expectedCalls(run)
      .map(({ call }) => key(call.function.name, parseArguments(call)))
      .toSorted(),
    'the calls that reached the plugin, with the arguments that the model wrote',
  );
}

/** Every step's conversation is the recorded one, but for what the recording's own client put in. */
function assertConversation(
  run: RecordedRun,
  gateway: TestGateway,
  names: ReadonlyMap<string, string>,
): void {
  const expected: Message[] = [...(run.steps[0]?.request.messages ?? [])];
  assert.equal(gateway.upstream.chats.length, run.steps.length);
  for (const [at, step] of run.steps.entries()) {
    const before = run.steps[at - 1];
    if (before)
      expected.push(
        ...addedMessages(before, step).map((message) => asOurs(message, before.answer.calls, names)),
      );
    fillToolIds(expected, before?.answer.calls ?? []);
    const sent = gateway.upstream.chats[at]?.json['messages'] as unknown as Message[];
    assert.deepEqual(
      withoutDescription(sent, expected[0]).map((message) => plain(message)),
      expected.map((message) => plain(message)),
      `the conversation of step ${at + 1}`,
    );
    if (before) assertVerbatim(sent, before.answer.extra);
  }
}

/** A message that the run added, as the gateway has it: its function names, and the upstream's ids, not the client's. */
function asOurs(message: Message, calls: readonly ToolCall[], names: ReadonlyMap<string, string>): Message {
  if (!message.tool_calls) return { ...message };
  const ours = message.tool_calls.map((call, at) => {
    const name = names.get(call.function.name) ?? call.function.name;
    return { ...call, id: calls[at]?.id ?? call.id, function: { ...call.function, name } };
  });
  return { ...message, tool_calls: ours };
}

function fillToolIds(messages: Message[], calls: readonly ToolCall[]): void {
  const results = messages.slice(messages.length - calls.length);
  for (const [at, message] of results.entries()) {
    if (message.role === 'tool') message.tool_call_id = calls[at]?.id ?? '';
  }
}

/** Removes the block that introduces the plugin: at the end of the leading message, or a new first one (Q9). */
function withoutDescription(
  [first, ...others]: readonly Message[],
  recorded: Message | undefined,
): Message[] {
  if (!first) return [];
  const text = flatText(first.content);
  assert.ok(text.includes('Recorded functions.'), 'Q9: the plugin is introduced');
  if (recorded?.role !== 'system' && recorded?.role !== 'developer') return others;
  assert.ok(text.startsWith(flatText(recorded.content)), "Q9: after the client's own words");
  return [recorded, ...others];
}

/** A message without what may differ: empty contents, blanks in JSON, order of keys. */
function plain(message: Message): unknown {
  return {
    role: message.role,
    content: message.role === 'tool' ? parseText(flatText(message.content)) : flatText(message.content),
    tool_call_id: message.tool_call_id,
    calls: (message.tool_calls ?? []).map((call) => ({
      id: call.id,
      name: call.function.name,
      arguments: parseArguments(call),
    })),
  };
}

/** What an upstream said besides text and calls goes back to it unchanged (M17), nothing said (`null`) aside. */
function assertVerbatim(messages: readonly Message[], extra: JsonObject): void {
  const step = messages.findLast((message) => message.tool_calls?.length);
  for (const [key, value] of Object.entries(extra)) {
    if (value !== null) assert.deepEqual(step?.[key], value, `M17: ${key}`);
  }
}

function parseArguments(call: ToolCall): unknown {
  return parseText(call.function.arguments || '{}');
}

function isJson(text: string): boolean {
  return text !== '' && parseText(text) !== text;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
