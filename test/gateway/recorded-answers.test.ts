// Every recorded chat answer of real providers, seen through the gateway with plugins on: clean, and nothing lost.
import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import type { Completion, JsonObject } from '../../src/openai/chat.ts';
import { isJsonObject } from '../../src/openai/exact-json.ts';
import { needsShared } from '../shared-data.ts';
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
import { bodyOf, readRecordings, readSaid, type RecordedSaid, type Recording } from './recorded-answer.ts';

const byProvider = needsShared.skip ? new Map<string, Recording[]>() : readRecordings();

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

function playRecording({ status, stream }: Recording, body: string, seed: number): Answer {
  const contentType = stream ? 'text/event-stream' : 'application/json';
  if (status === 200) return answerBytes(body, { contentType, seed, cuts: 200 });
  return (_request, response) => void response.writeHead(status, { 'content-type': contentType }).end(body);
}

async function playOne(gateway: TestGateway, recording: Recording, body: string, mode: Mode): Promise<void> {
  const { status } = recording;
  const said = readSaid(recording, body);
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

function assertSame(answer: Completion, said: RecordedSaid): void {
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
