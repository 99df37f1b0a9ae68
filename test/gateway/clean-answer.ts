// What every answer to a client must be, judged on its bytes (`wire.md` E1 to E14, J1, F1).
import assert from 'node:assert/strict';
import type { Chunk, ChunkChoice, Completion, JsonObject } from '../../src/openai/chat.ts';

/** The events of a stream, without comments and `[DONE]`. */
export function eventsOf(raw: string): Chunk[] {
  return raw
    .split('\n\n')
    .filter((block) => block.startsWith('data: {'))
    .map((block) => JSON.parse(block.slice(6)) as Chunk);
}

/** Asserts that a stream is complete and clean. With `usage`: whether the client asked for it. */
export function assertCleanStream(raw: string, options: { usage?: boolean } = {}): void {
  const blocks = assertFraming(raw);
  assert.equal(blocks.at(-1), 'data: [DONE]', 'E7: ends with [DONE] and nothing else');
  assert.equal(blocks.filter((block) => block === 'data: [DONE]').length, 1, 'E7: one [DONE]');
  const chunks = eventsOf(raw);
  assert.ok(chunks.length > 0, 'a stream has chunks');
  for (const chunk of chunks) assert.equal(chunk['error'], undefined, 'E11: a clean stream holds no error');
  assertOneIdentity(chunks);
  assertChoices(chunks);
  assertUsage(chunks, options.usage);
  assertPluginCallsPlace(chunks);
}

/** Asserts that a stream ended in an error as E11 says. Gives the error. */
export function assertFailedStream(raw: string): JsonObject {
  const blocks = assertFraming(raw);
  assert.ok(!blocks.includes('data: [DONE]'), 'E11: no [DONE] after a failure');
  const last = JSON.parse((blocks.at(-1) ?? '').replace(/^data: /, '')) as JsonObject;
  const error = last['error'] as JsonObject | undefined;
  assert.equal(typeof error?.['message'], 'string', 'E11: an error with a message');
  const finishes = eventsOf(raw)
    .flatMap((chunk) => chunk.choices ?? [])
    .filter((choice) => choice.finish_reason);
  assert.deepEqual(finishes, [], 'E11: no finish chunk before a failure');
  return error ?? {};
}

/** Asserts OpenAI's error envelope with all four members (F1). */
export function assertError(body: JsonObject): void {
  const error = body['error'] as JsonObject | undefined;
  assert.ok(
    error && typeof error === 'object',
    `F1: an error envelope, got ${JSON.stringify(body).slice(0, 200)}`,
  );
  assert.deepEqual(Object.keys(error).toSorted(), ['code', 'message', 'param', 'type'], 'F1: four members');
  assert.equal(typeof error['message'], 'string', 'F1: message');
  assert.equal(typeof error['type'], 'string', 'F1: type');
}

/** Asserts the shape of a JSON answer (J1). */
export function assertCleanCompletion(body: Completion): void {
  assert.equal(body['error'], undefined, 'J3: never 200 with an error');
  assert.equal(body.object, 'chat.completion', 'J1: object');
  assert.ok(typeof body.id === 'string' && body.id !== '', 'J1: id');
  assert.equal(typeof body.created, 'number', 'J1: created');
  assert.ok(typeof body.model === 'string' && body.model !== '', 'J1: model');
  for (const [at, choice] of body.choices.entries()) {
    assert.equal(choice.index, at, 'J1: choices in order');
    assert.equal(choice.message.role, 'assistant', 'J1: role');
    assert.ok('content' in choice.message, 'J1: content is there, null with only calls');
    assert.ok('refusal' in choice.message, 'J1: refusal is there');
    assert.ok('logprobs' in choice, 'J1: logprobs is there');
    assert.equal(typeof choice.finish_reason, 'string', 'J1: finish_reason');
    if (!('tool_calls' in choice.message)) continue;
    assert.ok(choice.message.tool_calls?.length, 'J1: tool_calls absent when there are none');
    for (const call of choice.message.tool_calls) {
      assert.ok(call.id, 'J1: call id');
      assert.equal(typeof call.type, 'string', 'J1: call type');
    }
  }
}

function assertFraming(raw: string): string[] {
  assert.ok(!raw.includes('\r'), 'E1: no CR');
  assert.ok(!raw.startsWith('\uFEFF'), 'E1: no BOM');
  assert.ok(raw.endsWith('\n\n'), `E7: the last event has its blank line: ${JSON.stringify(raw.slice(-80))}`);
  const blocks = raw.slice(0, -2).split('\n\n');
  for (const block of blocks) {
    assert.match(
      block,
      /^(?:data: (?:\{[^\n]*\}|\[DONE\])|: keep-alive)$/,
      `E1: ${JSON.stringify(block.slice(0, 120))}`,
    );
  }
  return blocks.filter((block) => block.startsWith('data: '));
}

function assertOneIdentity(chunks: readonly Chunk[]): void {
  const first = chunks[0];
  for (const chunk of chunks) {
    assert.ok(typeof chunk.id === 'string' && chunk.id !== '', 'E2: id');
    assert.equal(chunk.object, 'chat.completion.chunk', 'E2: object');
    assert.ok(Array.isArray(chunk.choices), 'E10: every chunk has choices');
    assert.ok(typeof chunk.model === 'string' && chunk.model !== '', 'E2: model');
    for (const key of ['id', 'created', 'model']) {
      assert.deepEqual(chunk[key], first?.[key], `E2: one ${key} on every chunk`);
    }
  }
  // Some servers tell these only later: nothing stands before the first one, and the same after it.
  for (const key of ['system_fingerprint', 'service_tier']) {
    const told = chunks.slice(chunks.findIndex((chunk) => chunk[key])).map((chunk) => chunk[key]);
    assert.equal(new Set(told).size, 1, `E2: one ${key}`);
  }
}

function assertChoices(chunks: readonly Chunk[]): void {
  const byIndex = new Map<number, ChunkChoice[]>();
  for (const choice of chunks.flatMap((chunk) => chunk.choices)) {
    const seen = byIndex.get(choice.index);
    if (seen) seen.push(choice);
    else {
      assert.equal(choice.index, byIndex.size, 'E3: choices open in order 0..n-1');
      byIndex.set(choice.index, [choice]);
    }
  }
  assert.ok(byIndex.size > 0, 'E3: at least one choice');
  for (const parts of byIndex.values()) assertChoice(parts);
}

function assertChoice(parts: readonly ChunkChoice[]): void {
  const [opening, ...others] = parts;
  assert.equal(opening?.delta.role, 'assistant', 'E3: the first chunk has the role');
  assert.ok(opening.delta.content === '' || opening.delta.content === null, 'E3: content "" or null first');
  assert.equal(opening.delta.refusal, null, 'E3: refusal null first');
  for (const part of others) assert.ok(!('role' in part.delta), 'E3: the role once');
  const finishes = parts.filter((part) => part.finish_reason);
  assert.equal(finishes.length, 1, 'E5: one finish_reason');
  assert.equal(finishes[0], parts.at(-1), 'E5: after all text and calls');
  assert.deepEqual(finishes[0]?.delta, {}, 'E5: in its own chunk');
  assertCallFragments(parts);
}

function assertCallFragments(parts: readonly ChunkChoice[]): void {
  const opened = new Set<number>();
  const ids = new Set<string>();
  for (const fragment of parts.flatMap((part) => part.delta.tool_calls ?? [])) {
    const index = fragment.index ?? -1;
    const first = !opened.has(index);
    if (first) {
      assert.equal(index, opened.size, 'E4: dense index from 0');
      assert.ok(fragment.id && !ids.has(fragment.id), 'E4: an id of its own');
      ids.add(fragment.id);
      assert.ok(fragment.type, 'E4: type in the first fragment');
      if (fragment.type === 'function') assert.ok(fragment.function?.name, 'E4: name in the first fragment');
    } else {
      assert.ok(!('id' in fragment) && !('type' in fragment), 'E4: id and type once');
      assert.ok(!fragment.function || !('name' in fragment.function), 'E4: name once');
    }
    if (fragment.function && 'arguments' in fragment.function) {
      assert.equal(typeof fragment.function.arguments, 'string', 'E4: arguments are a string');
    }
    opened.add(index);
  }
}

function assertUsage(chunks: readonly Chunk[], asked: boolean | undefined): void {
  const at = chunks.findIndex((chunk) => chunk.usage);
  if (asked === false) assert.equal(at, -1, 'E6: no usage unless asked');
  if (asked === true) assert.notEqual(at, -1, 'E6: usage when asked');
  if (at === -1) return;
  assert.equal(at, chunks.length - 1, 'E6: usage comes last');
  assert.deepEqual(chunks[at]?.choices, [], 'E6: usage in a chunk of its own');
  for (const chunk of chunks.slice(0, at)) assert.equal(chunk.usage, null, 'E6: usage null before');
}

function assertPluginCallsPlace(chunks: readonly Chunk[]): void {
  const lastFinish = chunks.findLastIndex((chunk) => chunk.choices.some((choice) => choice.finish_reason));
  for (const [at, chunk] of chunks.entries()) {
    if ('plugin_calls' in chunk) assert.equal(at, lastFinish, 'E8: plugin_calls on the last finish chunk');
    for (const choice of chunk.choices) assert.ok(!('plugin_calls' in choice.delta), 'E8: never in a delta');
  }
}

/** Folds a clean stream into the JSON answer that it stands for, in the plainest way. */
export function foldStream(chunks: readonly Chunk[]): Completion {
  const { id = '', created = 0, model = '' } = chunks[0] ?? {};
  const folded: Completion = { id, object: 'chat.completion', created, model, choices: [] };
  for (const chunk of chunks) {
    if (chunk.usage) folded.usage = chunk.usage;
    if ('plugin_calls' in chunk) folded['plugin_calls'] = chunk['plugin_calls'] as JsonObject;
    for (const part of chunk.choices) foldPart(folded, part);
  }
  return folded;
}

function joinCall(before: JsonObject | undefined, part: JsonObject): JsonObject {
  const name = part['name'] ?? before?.['name'];
  return { name, arguments: `${String(before?.['arguments'] ?? '')}${String(part['arguments'] ?? '')}` };
}

function foldPart(folded: Completion, part: ChunkChoice): void {
  const choice = (folded.choices[part.index] ??= {
    index: part.index,
    message: { role: 'assistant', content: null, refusal: null },
    finish_reason: null,
    logprobs: null,
  });
  const { message } = choice;
  for (const [key, value] of Object.entries(part.delta)) {
    if (key === 'role' || value === null || value === undefined) continue;
    if (key === 'function_call') message[key] = joinCall(message[key] as JsonObject, value as JsonObject);
    if (typeof value === 'string' && value !== '') {
      const before = message[key];
      message[key] = `${typeof before === 'string' ? before : ''}${value}`;
    }
  }
  for (const { index = 0, ...fragment } of part.delta.tool_calls ?? []) {
    message.tool_calls ??= [];
    const call = (message.tool_calls[index] ??= {
      id: '',
      type: 'function',
      function: { name: '', arguments: '' },
    });
    call.id = fragment.id ?? call.id;
    call.type = fragment.type ?? call.type;
    call.function.name = fragment.function?.name ?? call.function.name;
    call.function.arguments += String(fragment.function?.arguments ?? '');
  }
  if (part.finish_reason) choice.finish_reason = part.finish_reason;
  const tokens = (part.logprobs as JsonObject | null | undefined)?.['content'];
  if (!Array.isArray(tokens)) return;
  const before = (choice.logprobs as JsonObject | null)?.['content'];
  choice.logprobs = { content: [...(Array.isArray(before) ? before : []), ...tokens], refusal: null };
}
