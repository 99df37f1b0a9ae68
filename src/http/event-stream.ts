// A run as an event stream: one write per batch of events, comments while nothing flows, late failures as error events.
import type { ServerResponse } from 'node:http';
import { doneEvent, encodeEvent, keepAliveComment } from '../openai/event-stream.ts';
import { wireError } from './error-answer.ts';
import type { LogListener, LogReader } from './event-log.ts';
import { drained } from './pour.ts';

/** Headers of every stream (`wire.md` E13). */
export const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
} as const;

/** Silence after which a comment goes out, in milliseconds (`wire.md` K1). */
export const heartbeat = 15_000;

export interface StreamOptions {
  readonly requestId: string;
  /** Hears of a failure after the first byte, which the client sees as an error event. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Waits for the first event, at most one heartbeat. A failure before the first byte is thrown, so that it becomes an
 * answer with a status; a later one is an event `{"error":...}` and the end, never a clean one (E11).
 */
export async function openEventStream(events: LogReader, options: StreamOptions): Promise<OpenStream> {
  const first = events.next();
  const started = await startsWithin(first, heartbeat);
  return new OpenStream(events, { ...options, first, started });
}

/** A stream that may begin: its status is known. It writes what its log says, asked for or at once. */
export class OpenStream implements LogListener {
  readonly #events: LogReader;
  readonly #options: StreamOptions & { readonly started: boolean };
  #first: ReturnType<LogReader['next']> | null;
  #response: ServerResponse | null = null;
  #beat: NodeJS.Timeout | undefined;

  constructor(
    events: LogReader,
    { first, ...options }: StreamOptions & { first: ReturnType<LogReader['next']>; started: boolean },
  ) {
    this.#events = events;
    this.#options = options;
    this.#first = first;
  }

  /** Writes the events, then the end. A slow reader pauses the run (`wire.md` K10). Never throws. */
  async pour(response: ServerResponse): Promise<void> {
    this.#response = response;
    // One timer, put off by each write: setting one anew for each event would cost more.
    this.#beat = setTimeout(() => {
      if (!response.writableNeedDrain) response.write(keepAliveComment);
      this.#beat?.refresh();
    }, heartbeat);
    response.once('close', () => {
      clearTimeout(this.#beat);
      // The run is aborted by its own signal: nothing has to be awaited.
      this.#events.return?.().catch(() => undefined);
    });
    if (!this.#options.started) response.write(keepAliveComment);
    this.#events.listen?.(this);
    try {
      while (await this.#next()) if (response.writableNeedDrain) await drained(response);
      if (!response.destroyed) response.end(doneEvent);
    } catch (error) {
      this.#options.onFailure(error);
      response.end(encodeEvent(JSON.stringify(wireError(error, this.#options.requestId).body)));
    } finally {
      clearTimeout(this.#beat);
    }
  }

  // At once (`PiecesListener`): what the upstream says while this waits is written by its own call, unless the client is slow.
  ready(): boolean {
    return this.#response?.writableNeedDrain === false && !this.#response.destroyed;
  }

  hear(text: string): void {
    this.#beat?.refresh();
    this.#response?.write(text);
  }

  #next(): Promise<boolean> {
    const coming = this.#first ?? this.#events.next();
    this.#first = null;
    return coming.then(this.#show);
  }

  // An async function keeps its locals while it waits, here the last text: a plain one takes and writes it. A
  // field: `then` gets it without its object.
  readonly #show = ({ done, value }: IteratorResult<string, void>): boolean => {
    if (done || this.#response?.destroyed) return false;
    this.hear(value);
    return true;
  };
}

/** True once the promise has settled, false when it takes longer; throws what the promise throws. */
export async function startsWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const silence = Promise.withResolvers<false>();
  const timer = setTimeout(() => silence.resolve(false), milliseconds);
  try {
    return await Promise.race([promise.then(() => true as const), silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}
