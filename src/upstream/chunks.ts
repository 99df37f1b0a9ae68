// Opens an upstream's answer, event stream or JSON, and reads it as chunks.
import type { EgressAnswer } from '../egress/egress.ts';
import { gatewayError } from '../errors.ts';
import type { AnswerReader } from '../openai/answer-reader.ts';
import type { JsonObject, Piece, Pieces, PieceSource, UpstreamAnswer, WholeAnswer } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { createEventDecoder, EventTooLargeError } from '../openai/event-stream.ts';
import { failureWithin, type Speaker } from './failure.ts';

/** The longest JSON answer, in bytes (section 8). */
export const maxJsonBytes = 64 * 1024 * 1024;

/**
 * Opens a successful answer by its content type (`wire.md` D1 to D3), as `reader` reads it: resolves with the whole JSON
 * answer, or when the first pieces of a stream are there. Throws a `GatewayError` or an `UpstreamError` when it is cut,
 * empty, something else, or carries an error (A9); what goes wrong later is thrown to the reader, as `named` words it.
 */
export async function openAnswer(
  answer: EgressAnswer,
  speaker: Speaker,
  reader: AnswerReader,
  named: (error: unknown) => unknown,
): Promise<UpstreamAnswer> {
  const type = contentType(answer);
  if (answer.status === 204 || answer.headers['content-length'] === '0') {
    await answer.body[Symbol.asyncIterator]().return?.();
    throw gatewayError('upstream_empty', [speaker.name]);
  }
  if (type === 'text/event-stream') {
    const events = readEvents(answer, speaker, reader, named);
    const first = await events.pieces.next();
    return { whole: null, pieces: first.done ? [] : goOn(first.value, events) };
  }
  if (type === 'application/json' || type.endsWith('+json')) return readJson(answer, speaker, reader);
  await answer.body[Symbol.asyncIterator]().return?.();
  const words = type === '' ? 'no content type' : `"${type.slice(0, 80)}"`;
  throw gatewayError('upstream_bad_content_type', [speaker.name, words]);
}

/** A stream that is being read. */
interface Events extends Pick<PieceSource, 'listen'> {
  readonly pieces: AsyncGenerator<Pieces, void, undefined>;
}

/** The pieces of a stream of which the first ones have been read. */
function goOn(first: Pieces, { pieces, listen }: Events): PieceSource {
  let waiting: Pieces | null = first;
  const rest: AsyncIterator<Pieces> = {
    next() {
      if (!waiting) return pieces.next();
      const value = waiting;
      waiting = null;
      return Promise.resolve({ done: false, value });
    },
    return: () => pieces.return(),
  };
  return { listen, [Symbol.asyncIterator]: () => rest };
}

function readEvents(
  { body }: EgressAnswer,
  speaker: Speaker,
  reader: AnswerReader,
  named: (error: unknown) => unknown,
): Events {
  let pieces: Piece[] = [];
  let events = 0;
  let done = false;
  let failure: { readonly error: unknown } | null = null;
  /** What the bytes bring that the reader gets next, when they have been decoded for the listener. */
  let decoded: Pieces | null = null;
  const decoder = createEventDecoder({
    maxEventBytes: reader.maxEventBytes,
    onEvent(data) {
      if (done) return; // D2: what comes behind it is not read
      events += 1;
      done = data === '[DONE]';
      if (!done) pieces.push(...readEvent(data, speaker, reader));
    },
    shortcut(text, at) {
      const found = done ? null : reader.more(text, at);
      if (!found) return at;
      events += 1;
      pieces.push(found.piece);
      return found.next;
    },
  });

  /** What some bytes bring, `null` the last ones; what is wrong with an event is for behind those before it. */
  function decode(bytes: Uint8Array | null): Pieces {
    try {
      if (bytes) decoder.push(bytes);
      else decoder.end();
    } catch (error) {
      if (!done) failure = { error };
    }
    const some = pieces;
    pieces = [];
    return some;
  }

  async function* read(): AsyncGenerator<Pieces, void, undefined> {
    try {
      for await (const bytes of body) {
        const some = decoded ?? decode(bytes);
        decoded = null;
        if (some.length > 0) yield some;
        if (failure) throw failure.error;
        if (done) break;
      }
      const last = done ? [] : decode(null);
      if (last.length > 0) yield last;
      if (failure) throw failure.error;
    } catch (error) {
      if (!(error instanceof EventTooLargeError)) throw named(error);
      throw gatewayError('upstream_too_large', [speaker.name, reader.maxEventBytes], { cause: error });
    }
    if (events === 0) throw gatewayError('upstream_empty', [speaker.name]);
    if (!reader.finished(done)) throw gatewayError('upstream_truncated', [speaker.name]);
  }

  return {
    pieces: read(),
    listen:
      body.listen &&
      (({ ready, hear }) =>
        body.listen?.({
          ready,
          hear(bytes) {
            const some = decode(bytes);
            // The reader decides what the end means, and writes the last pieces together with it.
            if (done || failure !== null) decoded = some;
            else if (some.length > 0) hear(some);
            return decoded === null;
          },
        })),
  };
}

function readEvent(data: string, speaker: Speaker, reader: AnswerReader): Pieces {
  const value = data.trim() === '' ? {} : parseObject(data, speaker);
  if (Object.keys(value).length === 0) return []; // a ping
  const failure = reader.failure(value);
  if (failure) throw failureWithin(speaker, failure);
  return reader.event(value, data);
}

async function readJson(
  answer: EgressAnswer,
  speaker: Speaker,
  reader: AnswerReader,
): Promise<UpstreamAnswer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body) {
    parts.push(part);
    size += part.length;
    if (size > maxJsonBytes) throw gatewayError('upstream_too_large', [speaker.name, maxJsonBytes]);
  }
  const bytes = Buffer.concat(parts);
  const text = bytes.toString().trim();
  if (text === '') throw gatewayError('upstream_empty', [speaker.name]);
  const value = parseObject(text, speaker);
  const failure = reader.failure(value);
  if (failure) throw failureWithin(speaker, failure);
  return new JsonAnswer({ bytes, value }, reader);
}

/** A JSON answer. Its pieces are made when they are asked for: most answers go out as they came. */
class JsonAnswer {
  readonly whole: WholeAnswer;
  readonly #reader: AnswerReader;
  #pieces: Pieces[] | undefined;

  constructor(whole: WholeAnswer, reader: AnswerReader) {
    this.whole = whole;
    this.#reader = reader;
  }

  get pieces(): readonly Pieces[] {
    return (this.#pieces ??= [this.#reader.whole(this.whole.value)]);
  }
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
