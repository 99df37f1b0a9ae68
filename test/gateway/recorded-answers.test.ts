// Every recorded chat answer of real providers, seen through the gateway with plugins on: clean, and nothing lost.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { describe, type TestContext } from 'node:test';
import type { Completion, JsonObject, ToolCall } from '../../src/openai/chat.ts';
import { isJsonObject } from '../../src/openai/exact-json.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { modes, question, type Mode } from './ask.ts';
import {
  assertCleanCompletion,
  assertError,
  assertFailedStream,
  eventsOf,
  foldStream,
} from './clean-answer.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import { answerBytes, type Answer } from './loopback-upstream.ts';

/** A line of the index of recordings. */
interface Recording {
  readonly provider: string;
  readonly endpoint: string;
  readonly file: string;
  readonly status: number;
  readonly stream: boolean;
}

const folder = `${sharedFolder()}/recordings`;
const byProvider = Map.groupBy(needsShared.skip ? [] : readIndex(), ({ provider }) => provider);

function readIndex(): Recording[] {
  const lines = readFileSync(`${folder}/index.jsonl`, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Recording).filter(({ endpoint }) => endpoint === 'chat');
}

describe('recorded answers', needsShared, () => {
  for (const [provider, recordings] of byProvider) {
    for (const mode of modes) {
      test(`${provider}: ${recordings.length} answers as ${mode}`, (t) => playAll(t, recordings, mode));
    }
  }
});

async function playAll(t: TestContext, recordings: readonly Recording[], mode: Mode): Promise<void> {
  let answer: Answer | undefined;
  const gateway = await startGateway(t, {
    script:
      () =>
      (...exchange) =>
        answer?.(...exchange),
  });
  for (const [number, recording] of recordings.entries()) {
    const body = bodyOf(recording);
    answer = playRecording(recording, body, number);
    try {
      await playOne(gateway, recording, body, mode);
    } catch (error) {
      throw new Error(`${recording.file} as ${mode}`, { cause: error });
    }
  }
}

/** The bytes of an answer; some streams were kept as one chunk per line. */
function bodyOf({ file }: Recording): string {
  const text = readFileSync(`${folder}/${file}`, 'utf8');
  if (!file.endsWith('.txt')) return text;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return `${lines.map((line) => `data: ${line}\n\n`).join('')}data: [DONE]\n\n`;
}

function playRecording({ status, stream }: Recording, body: string, seed: number): Answer {
  const contentType = stream ? 'text/event-stream' : 'application/json';
  if (status === 200) return answerBytes(body, { contentType, ...(stream ? { seed } : {}) });
  return (_request, response) => void response.writeHead(status, { 'content-type': contentType }).end(body);
}

async function playOne(
  gateway: TestGateway,
  { status, stream }: Recording,
  body: string,
  mode: Mode,
): Promise<void> {
  const said = stream ? readStream(body) : readBody(body);
  const names = new Set(said.calls.map((call) => call.function.name));
  const tools = [...names].map((name) => ({
    type: 'function',
    function: { name, parameters: { type: 'object' } },
  }));
  const response = await gateway.post({
    model: 'recorded',
    messages: question,
    ...(said.choices > 1 ? { n: said.choices } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(mode === 'stream' ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
  const text = await response.text();
  if (status !== 200) {
    // F4: the gateway's own key was refused; everything else keeps its status (F3).
    const recorded = JSON.parse(body) as JsonObject;
    const passes = status !== 401 && isJsonObject(recorded['error']);
    assert.equal(response.status, status === 401 ? 502 : status);
    if (passes) assert.deepEqual(JSON.parse(text), recorded);
    else assertError(JSON.parse(text) as JsonObject);
    return;
  }
  if (said.failed) {
    if (response.status === 200) assertFailedStream(text);
    return;
  }
  assert.equal(response.status, 200, text);
  const answer = mode === 'json' ? (JSON.parse(text) as Completion) : foldStream(eventsOf(text));
  if (mode === 'json') assertCleanCompletion(answer);
  assertSame(answer, said);
}

/** What an answer says, read without the gateway's code. */
interface Said {
  choices: number;
  /** Text of the first choice; `null` when it is no text alone. */
  text: string | null;
  calls: ToolCall[];
  usage: JsonObject | null;
  /** It holds an error, or ends before it is complete. */
  failed: boolean;
}

function assertSame(answer: Completion, said: Said): void {
  assert.equal(answer.choices.length, said.choices);
  const [choice] = answer.choices;
  if (said.text !== null) assert.equal(choice?.message.content ?? '', said.text);
  assert.deepEqual(
    (choice?.message.tool_calls ?? []).map((call) => [call.function?.name, call.function?.arguments || '{}']),
    said.calls.map((call) => [call.function.name, call.function.arguments || '{}']),
  );
  if (said.calls.length > 0) assert.equal(choice?.finish_reason, 'tool_calls');
  for (const key of ['prompt_tokens', 'completion_tokens', 'total_tokens']) {
    if (typeof said.usage?.[key] === 'number') assert.equal(answer.usage?.[key], said.usage[key], key);
  }
}

interface RecordedChoice {
  index?: number;
  message?: RecordedMessage;
  delta?: RecordedMessage;
  finish_reason?: string | null;
}
interface RecordedMessage {
  content?: unknown;
  function_call?: ToolCall['function'] | null;
  tool_calls?: (ToolCall & { index?: number })[] | null;
}
interface RecordedBody {
  choices?: RecordedChoice[];
  usage?: JsonObject | null;
  error?: unknown;
  x_groq?: { usage?: JsonObject };
}

function readBody(body: string): Said {
  const { choices = [], usage, error } = JSON.parse(body) as RecordedBody;
  const message = choices[0]?.message;
  const content = message?.content ?? '';
  return {
    choices: choices.length,
    text: typeof content === 'string' ? content : null,
    calls: [...(message?.tool_calls ?? []), ...legacyCalls(message)],
    usage: usage ?? null,
    failed: choices.length === 0 || Boolean(error),
  };
}

/** A `function_call` of the older interface is a call (A8), an empty one is nothing. */
function legacyCalls(message: RecordedMessage | undefined): ToolCall[] {
  const call = message?.function_call;
  return call?.name || call?.arguments ? [{ id: '', type: 'function', function: { ...call } }] : [];
}

function readStream(body: string): Said {
  const said: Said = { choices: 0, text: '', calls: [], usage: null, failed: false };
  const indexes = new Set<number>();
  let finished = body.includes('[DONE]');
  for (const line of body.split(/\r\n|\r|\n/)) {
    if (!line.startsWith('data:') || line.includes('[DONE]')) continue;
    const event = JSON.parse(line.slice(5)) as RecordedBody;
    said.usage = event.usage ?? event.x_groq?.usage ?? said.usage;
    if (event.error) said.failed = true;
    for (const choice of event.choices ?? []) {
      indexes.add(choice.index ?? 0);
      finished ||= Boolean(choice.finish_reason);
      if ((choice.index ?? 0) === 0) addDelta(said, choice.delta ?? {});
    }
  }
  said.choices = indexes.size;
  said.failed ||= !finished || indexes.size === 0;
  return said;
}

function addDelta(said: Said, { content, tool_calls: parts, ...message }: RecordedMessage): void {
  if (typeof content === 'string' && said.text !== null) said.text += content;
  else if (content) said.text = null;
  for (const part of [...(parts ?? []), ...legacyCalls(message)]) {
    const known = said.calls.find((call) =>
      part.id ? call.id === part.id : call['index'] === part['index'],
    );
    const call = known ?? { ...part, function: { name: part.function.name, arguments: '' } };
    if (!known) said.calls.push(call);
    const added: unknown = part.function.arguments;
    call.function.arguments += typeof added === 'string' ? added : added ? JSON.stringify(added) : '';
  }
}
