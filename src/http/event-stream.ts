// A run as an event stream: one push per event, comments while nothing flows, late failures as error events.
import { Readable } from 'node:stream';
import { doneEvent, encodeEvent, keepAliveComment } from '../openai/event-stream.ts';
import { wireError } from './error-answer.ts';

/** Headers of every stream (`wire.md` E13). */
export const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
} as const;

/** Silence after which a comment goes out, in milliseconds (`wire.md` K1). */
export const heartbeat = 15_000;

/** Bytes held for a reader before the run is paused (`wire.md` K10). */
const highWaterMark = 64 * 1024;

export interface StreamOptions {
  readonly requestId: string;
  /** Hears of a failure after the first byte, which the client sees as an error event. */
  readonly onFailure: (error: unknown) => void;
}

type Events = AsyncGenerator<Uint8Array, void, undefined>;

/**
 * Waits for the first event (at most one heartbeat), then streams. A failure before the first byte is thrown, so that
 * it becomes an answer with a status; a later one is an event `{"error":...}` and the end, never a clean one (E11).
 */
export async function openEventStream(events: Events, options: StreamOptions): Promise<Readable> {
  const first = events.next();
  const started = await startsWithin(first, heartbeat);
  return pour(events, first, started, options);
}

/** Pours the events into a stream that the server sends on. A slow reader pauses the run. */
function pour(
  events: Events,
  first: Promise<IteratorResult<Uint8Array, void>>,
  started: boolean,
  options: StreamOptions,
): Readable {
  let wanted = Promise.withResolvers<void>();
  const stream = new Readable({ highWaterMark, read: () => wanted.resolve() });
  const beat = setTimeout(() => {
    if (stream.readableLength === 0) stream.push(keepAliveComment);
    beat.refresh();
  }, heartbeat);
  stream.once('close', () => {
    clearTimeout(beat);
    wanted.resolve();
    // The run is aborted by its own signal: nothing has to be awaited.
    events.return().catch(() => undefined);
  });

  async function pump(): Promise<void> {
    try {
      for (let next = await first; !next.done; next = await events.next()) {
        beat.refresh();
        if (stream.destroyed) return;
        if (stream.push(next.value)) continue;
        wanted = Promise.withResolvers();
        await wanted.promise;
      }
      stream.push(doneEvent);
    } catch (error) {
      options.onFailure(error);
      stream.push(encodeEvent(JSON.stringify(wireError(error, options.requestId).body)));
    } finally {
      clearTimeout(beat);
      if (!stream.destroyed) stream.push(null);
    }
  }

  if (!started) stream.push(keepAliveComment);
  void pump();
  return stream;
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
