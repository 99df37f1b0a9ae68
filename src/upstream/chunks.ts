// Reads an upstream's answer, event stream or JSON, as chunks.
import type { EgressAnswer } from '../egress/egress.ts';
import { gatewayError } from '../errors.ts';
import type { Chunk, ChunkChoice, JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { decodeEvents, EventTooLargeError } from '../openai/event-stream.ts';
import { unfold } from '../openai/unfold.ts';
import { failureWithin, type Speaker } from './failure.ts';

/** Sizes in bytes (section 8). */
export const sizes = { event: 1024 * 1024, json: 64 * 1024 * 1024 };

/**
 * Yields the chunks of a successful answer, by its content type (`wire.md` D1 to D3). Throws a `GatewayError` or an
 * `UpstreamError` when it is cut, empty, something else, or carries an error (A9).
 */
export async function* readChunks(
  answer: EgressAnswer,
  speaker: Speaker,
): AsyncGenerator<Chunk, void, undefined> {
  const type = contentType(answer);
  if (answer.status === 204 || answer.headers['content-length'] === '0') {
    await answer.body[Symbol.asyncIterator]().return?.();
    throw gatewayError('upstream_empty', [speaker.name]);
  }
  if (type === 'text/event-stream') return yield* readEvents(answer, speaker);
  if (type === 'application/json' || type.endsWith('+json')) return yield* readJson(answer, speaker);
  await answer.body[Symbol.asyncIterator]().return?.();
  const words = type === '' ? 'no content type' : `"${type.slice(0, 80)}"`;
  throw gatewayError('upstream_bad_content_type', [speaker.name, words]);
}

async function* readEvents(answer: EgressAnswer, speaker: Speaker): AsyncGenerator<Chunk, void, undefined> {
  let events = 0;
  let finished = false;
  try {
    for await (const data of decodeEvents(answer.body, { maxEventBytes: sizes.event })) {
      events += 1;
      if (data === '[DONE]') return; // D2: what comes behind it is not read
      const value = data.trim() === '' ? {} : parseObject(data, speaker);
      if (Object.keys(value).length === 0) continue; // a ping
      if (hasError(value)) throw failureWithin(speaker, value);
      const chunk = toChunk(value);
      finished ||= chunk.choices.some((choice) => Boolean(choice.finish_reason));
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof EventTooLargeError)) throw error;
    throw gatewayError('upstream_too_large', [speaker.name, sizes.event], { cause: error });
  }
  if (events === 0) throw gatewayError('upstream_empty', [speaker.name]);
  if (!finished) throw gatewayError('upstream_truncated', [speaker.name]);
}

async function* readJson(answer: EgressAnswer, speaker: Speaker): AsyncGenerator<Chunk, void, undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body) {
    parts.push(part);
    size += part.length;
    if (size > sizes.json) throw gatewayError('upstream_too_large', [speaker.name, sizes.json]);
  }
  const text = Buffer.concat(parts).toString().trim();
  if (text === '') throw gatewayError('upstream_empty', [speaker.name]);
  const value = parseObject(text, speaker);
  if (hasError(value)) throw failureWithin(speaker, value);
  yield* unfold(value);
}

function hasError(value: JsonObject): boolean {
  return value['error'] !== undefined && value['error'] !== null;
}

/** Parsed at the border: afterwards `choices` and each `delta` are there, unknown members stay (A8). */
function toChunk(value: JsonObject): Chunk {
  const choices = Array.isArray(value['choices']) ? value['choices'] : [];
  return { ...value, choices: choices.filter(isJsonObject).map(toChoice) };
}

function toChoice(choice: JsonObject, place: number): ChunkChoice {
  const { index, delta } = choice;
  return {
    ...choice,
    index: typeof index === 'number' ? index : place,
    delta: isJsonObject(delta) ? delta : {},
    finish_reason: typeof choice['finish_reason'] === 'string' ? choice['finish_reason'] : null,
  };
}

function parseObject(text: string, speaker: Speaker): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw gatewayError('upstream_bad_answer', [speaker.name, 'it is not valid JSON'], { cause });
  }
  if (isJsonObject(value)) return value;
  throw gatewayError('upstream_bad_answer', [speaker.name, 'it is not a JSON object']);
}

function contentType(answer: EgressAnswer): string {
  const value = answer.headers['content-type'];
  const [type = ''] = (typeof value === 'string' ? value : '').split(';', 1);
  return type.trim().toLowerCase();
}
