// Opens an upstream's answer, event stream or JSON, and reads it as chunks.
import type { EgressAnswer } from '../egress/egress.ts';
import { gatewayError } from '../errors.ts';
import type { AnswerReader } from '../openai/answer-reader.ts';
import type {
  JsonObject,
  Piece,
  Pieces,
  PiecesListener,
  PieceSource,
  UpstreamAnswer,
  WholeAnswer,
} from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { EventDecoder, EventTooLargeError, type EventDecoderOptions } from '../openai/event-stream.ts';
import { failureWithin, type Speaker } from './failure.ts';

/** The longest JSON answer, in bytes (section 8). */
export const maxJsonBytes = 64 * 1024 * 1024;

/** The longest event stream, in bytes: its text is kept until its end, which an upstream gone mad never reaches. */
const maxStreamBytes = 256 * 1024 * 1024;

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
    const events = new EventReader(answer, speaker, reader, named);
    return { whole: null, pieces: (await events.open()) ? events : [] };
  }
  if (type === 'application/json' || type.endsWith('+json')) return readJson(answer, speaker, reader);
  await answer.body[Symbol.asyncIterator]().return?.();
  const words = type === '' ? 'no content type' : `"${type.slice(0, 80)}"`;
  throw gatewayError('upstream_bad_content_type', [speaker.name, words]);
}

/**
 * Reads an event stream. A class, so that its generator function is made once: to one made anew for each stream V8 gives
 * hidden classes of its own, which hold the stream until the next full collection.
 */
class EventReader implements PieceSource, AsyncIterator<Pieces, void>, EventDecoderOptions {
  readonly #body: EgressAnswer['body'];
  readonly #speaker: Speaker;
  readonly #reader: AnswerReader;
  readonly #named: (error: unknown) => unknown;
  readonly #decoder: EventDecoder;
  readonly #rest: AsyncGenerator<Pieces, void, undefined>;
  /** Read when the stream was opened, and waiting for the reader. */
  #first: Pieces | null = null;
  /** What the bytes at hand bring. */
  #pieces: Piece[] | null = null;
  #size = 0;
  #events = 0;
  #done = false;
  #failure: { readonly error: unknown } | null = null;
  /** What the bytes bring that the reader gets next, when they have been decoded for the listener. */
  #decoded: Pieces | null = null;

  constructor(
    { body }: EgressAnswer,
    speaker: Speaker,
    reader: AnswerReader,
    named: (error: unknown) => unknown,
  ) {
    this.#body = body;
    this.#speaker = speaker;
    this.#reader = reader;
    this.#named = named;
    this.#decoder = new EventDecoder(this);
    this.#rest = this.#read();
  }

  /** Resolves when the first pieces are there; `false`: there are none. Throws what makes the answer a failure. */
  async open(): Promise<boolean> {
    const { value, done } = await this.#rest.next();
    if (!done) this.#first = value;
    return !done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // By hand: a generator in between would cost each event its promises.
  next(): Promise<IteratorResult<Pieces, void>> {
    const first = this.#first;
    if (!first) return this.#rest.next();
    this.#first = null; // the stream may go on for minutes
    return Promise.resolve({ done: false, value: first });
  }

  return(): Promise<IteratorResult<Pieces, void>> {
    return this.#rest.return();
  }

  /** At once; in vain where the bytes have to be decoded by a stream of Node's, which has no such way. */
  listen({ ready, hear }: PiecesListener): void {
    this.#body.listen?.({ ready, hear: (bytes) => this.#hear(bytes, hear) });
  }

  get maxEventBytes(): number {
    return this.#reader.maxEventBytes;
  }

  onEvent(data: string): void {
    if (this.#done) return; // D2: what comes behind it is not read
    this.#events += 1;
    this.#done = data === '[DONE]';
    if (!this.#done) this.#pieces?.push(...readEvent(data, this.#speaker, this.#reader));
  }

  shortcut(text: string, at: number): number {
    const found = this.#done ? null : this.#reader.more(text, at);
    if (!found) return at;
    this.#events += 1;
    this.#pieces?.push(found.piece);
    return found.next;
  }

  async *#read(): AsyncGenerator<Pieces, void, undefined> {
    const { name } = this.#speaker;
    const { maxEventBytes } = this.#reader;
    try {
      for await (const bytes of this.#body) {
        const some = this.#decoded ?? this.#decode(bytes);
        this.#decoded = null;
        if (some.length > 0) yield some;
        if (this.#failure) throw this.#failure.error;
        if (this.#done) break;
      }
      const last = this.#done ? [] : this.#decode(null);
      if (last.length > 0) yield last;
      if (this.#failure) throw this.#failure.error;
    } catch (error) {
      if (!(error instanceof EventTooLargeError)) throw this.#named(error);
      throw gatewayError('upstream_too_large', [name, maxEventBytes], { cause: error });
    }
    if (this.#events === 0) throw gatewayError('upstream_empty', [name]);
    if (!this.#reader.finished(this.#done)) throw gatewayError('upstream_truncated', [name]);
  }

  /** `false`: the reader takes them, who decides what the end means, and writes the last pieces together with it. */
  #hear(bytes: Uint8Array, hear: (pieces: Pieces) => void): boolean {
    const some = this.#decode(bytes);
    if (this.#done || this.#failure !== null) this.#decoded = some;
    else if (some.length > 0) hear(some);
    return this.#decoded === null;
  }

  /** What some bytes bring, `null` the last ones; what is wrong with an event is for behind those before it. */
  #decode(bytes: Uint8Array | null): Pieces {
    const some: Piece[] = [];
    this.#pieces = some;
    try {
      this.#size += bytes?.length ?? 0;
      if (this.#size > maxStreamBytes)
        throw gatewayError('upstream_too_large', [this.#speaker.name, maxStreamBytes]);
      if (bytes) this.#decoder.push(bytes);
      else this.#decoder.end();
    } catch (error) {
      if (!this.#done) this.#failure = { error };
    }
    // Let go, for a new one each time: kept from event to event it would have grown old, and what an old array takes in is
    // alive for the collector of the young, thrown away or not.
    this.#pieces = null;
    return some;
  }
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

/**
 * A JSON answer. Its pieces are made when they are asked for: most answers go out as they came. A class, as V8 gives each
 * literal with a getter a hidden class of its own.
 */
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
