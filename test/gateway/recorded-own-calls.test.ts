// Every recorded answer with calls, its functions become a plugin: they are called, and nobody sees their names (E14).
import assert from 'node:assert/strict';
import test, { describe, type TestContext } from 'node:test';
import type { Completion, JsonObject } from '../../src/openai/chat.ts';
import { needsShared } from '../shared-data.ts';
import { modes, question, type Mode } from './ask.ts';
import { eventsOf, foldStream } from './clean-answer.ts';
import { completion } from './dialects.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import { answerBytes, answerJson, type Answer } from './loopback-upstream.ts';
import { bodyOf, readRecordings, readSaid, type RecordedSaid, type Recording } from './recorded-answer.ts';
import { renameFunctions } from './recorded-loop.ts';

const last = 'That is all.';
const { usage: _, ...lastAnswer } = completion([{ text: last }], 'openai', 'm');

interface Played {
  readonly recording: Recording;
  readonly body: string;
  readonly said: RecordedSaid;
}

/** One choice with calls, complete. */
function playable(recordings: readonly Recording[]): Played[] {
  return recordings
    .filter(({ status }) => status === 200)
    .map((recording) => ({ recording, body: bodyOf(recording) }))
    .map((one) => ({ ...one, said: readSaid(one.recording, one.body) }))
    .filter(({ said }) => !said.failed && said.choices === 1 && said.calls.length > 0);
}

describe("recorded calls of a plugin's functions", needsShared, () => {
  for (const [provider, recordings] of needsShared.skip ? [] : readRecordings()) {
    const played = playable(recordings);
    if (played.length === 0) continue;
    for (const mode of modes) {
      test(`${provider}: ${played.length} answers as ${mode}`, (t) => playAll(t, played, mode));
    }
  }
});

async function playAll(t: TestContext, played: readonly Played[], mode: Mode): Promise<void> {
  const functions = new Set(played.flatMap(({ said }) => said.calls.map((call) => call.function.name)));
  const names = new Map([...functions].map((name, at) => [name, `recorded__f${at}`]));
  let current: Answer | undefined;
  const gateway = await startGateway(t, {
    script: (request) =>
      (request.json['messages'] as JsonObject[]).at(-1)?.['role'] === 'tool'
        ? answerJson(lastAnswer)
        : (current ?? answerJson({}, 500)),
    plugins: (origin) => [{ name: 'recorded', origin, paths: pathsOf(played, names) }],
  });
  for (const [seed, { recording, body, said }] of played.entries()) {
    const contentType = recording.stream ? 'text/event-stream' : 'application/json';
    current = answerBytes(renameFunctions(body, names), { contentType, seed, cuts: 200 });
    try {
      await playOne(gateway, said, names, mode);
    } catch (error) {
      throw new Error(`${recording.file} as ${mode}`, { cause: error });
    }
  }
}

/** `POST /fN` for each function, its body made of the arguments that its recorded calls have. */
function pathsOf(played: readonly Played[], names: ReadonlyMap<string, string>): JsonObject {
  const calls = played.flatMap(({ said }) => said.calls.map((call) => call.function));
  const paths: JsonObject = {};
  for (const [name, ours] of names) {
    const given = calls.filter((call) => call.name === name).map((call) => parse(call.arguments));
    const properties = Object.fromEntries(given.flatMap((one) => Object.keys(one)).map((key) => [key, {}]));
    const schema = { type: 'object', properties };
    const requestBody =
      Object.keys(properties).length === 0
        ? {}
        : { requestBody: { content: { 'application/json': { schema } } } };
    const operationId = ours.replace('recorded__', '');
    paths[`/${operationId}`] = {
      post: { operationId, ...requestBody, responses: { 200: { description: 'OK' } } },
    };
  }
  return paths;
}

async function playOne(
  gateway: TestGateway,
  said: RecordedSaid,
  names: ReadonlyMap<string, string>,
  mode: Mode,
): Promise<void> {
  const before = gateway.api.requests.length;
  const response = await gateway.post({
    model: 'recorded',
    messages: question,
    ...(mode === 'stream' ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.ok(!text.includes('recorded__') && !text.includes('"tool_calls"'), 'E14: nothing of an own call');
  const answer = mode === 'json' ? (JSON.parse(text) as Completion) : foldStream(eventsOf(text));
  assert.equal(answer.choices[0]?.finish_reason, 'stop');
  if (said.text !== null) {
    const shown = said.text === '' || /\s$/.test(said.text) ? said.text : `${said.text}\n\n`;
    assert.equal(answer.choices[0].message.content, shown + last);
  }
  for (const key of ['prompt_tokens', 'completion_tokens', 'total_tokens']) {
    if (typeof said.usage?.[key] === 'number') assert.equal(answer.usage?.[key], said.usage[key], key);
  }
  const called = gateway.api.requests
    .slice(before)
    .map(({ path, body }) => `${path} ${normal(String(body))}`);
  const wanted = said.calls.map(
    ({ function: { name, arguments: input } }) =>
      `${names.get(name)?.replace('recorded__', '/')} ${normal(input)}`,
  );
  assert.deepEqual(called.toSorted(), wanted.toSorted(), 'the recorded calls, with their arguments');
}

function parse(input: unknown): JsonObject {
  return typeof input === 'string'
    ? (JSON.parse(input || '{}') as JsonObject)
    : ((input ?? {}) as JsonObject);
}

/** Arguments without the blanks and the order in which the model wrote them. */
function normal(input: unknown): string {
  return JSON.stringify(Object.entries(parse(input)).toSorted(([one], [other]) => one.localeCompare(other)));
}
