// A run as an event stream: one flush per event, comments while nothing flows, late failures as error events.
import { Readable } from 'node:stream';
import type { Chunk } from '../openai/chat.ts';
import { doneEvent, encodeEvent, keepAliveComment } from '../openai/event-stream.ts';
import { wireError } from './server.ts';

/** Headers of every stream (`wire.md` E13). */
export const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
} as const;

/** Silence after which a comment goes out, in milliseconds (`wire.md` K1). */
const heartbeat = 15_000;

export interface StreamOptions {
  readonly requestId: string;
  /** Hears of a failure after the first byte, which the client sees as an error event. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Waits for the first chunk (at most one heartbeat), then streams. A failure before the first byte is thrown, so that
 * it becomes an answer with a status; a later one is an event `{"error":...}` and the end, never a clean one (E11).
 */
export async function openEventStream(
  chunks: AsyncGenerator<Chunk, void, undefined>,
  options: StreamOptions,
): Promise<Readable> {
  const first = chunks.next();
  await beforeHeartbeat(first);
  return Readable.from(events(chunks, first, options), { objectMode: false, highWaterMark: 64 * 1024 });
}

async function* events(
  chunks: AsyncGenerator<Chunk, void, undefined>,
  first: Promise<IteratorResult<Chunk, void>>,
  options: StreamOptions,
): AsyncGenerator<string, void, undefined> {
  let next = first;
  try {
    for (;;) {
      while (!(await beforeHeartbeat(next))) yield keepAliveComment;
      const { done, value } = await next;
      if (done) break;
      yield encodeEvent(JSON.stringify(value));
      next = chunks.next();
    }
    yield doneEvent;
  } catch (error) {
    options.onFailure(error);
    yield encodeEvent(JSON.stringify(wireError(error, options.requestId).body));
  } finally {
    // A reader that stopped early: the run ends too. It is aborted by its signal, so nothing has to be awaited.
    chunks.return().catch(() => undefined);
  }
}

/** True once the promise has settled, false after a heartbeat; throws what the promise throws. */
async function beforeHeartbeat(promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), heartbeat);
  });
  try {
    return await Promise.race([promise.then(() => true as const), silence]);
  } finally {
    clearTimeout(timer);
  }
}
