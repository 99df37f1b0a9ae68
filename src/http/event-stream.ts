// A run as an event stream: one write per batch of events, comments while nothing flows, late failures as error events.
import type { ServerResponse } from 'node:http';
import { doneEvent, encodeEvent, keepAliveComment } from '../openai/event-stream.ts';
import { wireError } from './error-answer.ts';
import type { LogReader } from './event-log.ts';
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

/** A stream that may begin: its status is known. */
export interface OpenStream {
  /** Writes the events, then the end. A slow reader pauses the run (`wire.md` K10). Never throws. */
  readonly pour: (response: ServerResponse) => Promise<void>;
}

/**
 * Waits for the first event, at most one heartbeat. A failure before the first byte is thrown, so that it becomes an
 * answer with a status; a later one is an event `{"error":...}` and the end, never a clean one (E11).
 */
export async function openEventStream(events: LogReader, options: StreamOptions): Promise<OpenStream> {
  let first: ReturnType<LogReader['next']> | null = events.next();
  const started = await startsWithin(first, heartbeat);
  return {
    async pour(response) {
      // One timer, put off by each write: setting one anew for each event would cost more.
      const beat = setTimeout(() => {
        if (!response.writableNeedDrain) response.write(keepAliveComment);
        beat.refresh();
      }, heartbeat);
      response.once('close', () => {
        clearTimeout(beat);
        // The run is aborted by its own signal: nothing has to be awaited.
        events.return?.().catch(() => undefined);
      });
      if (!started) response.write(keepAliveComment);
      // At once (`PiecesListener`): what the upstream says while this waits is written by its own call, unless the client is slow.
      events.listen?.({
        ready: () => !response.writableNeedDrain && !response.destroyed,
        hear(piece) {
          beat.refresh();
          response.write(piece);
        },
      });
      // An async function keeps its locals while it waits, here the last text: a plain one takes and writes it.
      const show = ({ done, value }: IteratorResult<string, void>): boolean => {
        if (done || response.destroyed) return false;
        beat.refresh();
        response.write(value);
        return true;
      };
      const next = () => {
        const coming = first ?? events.next();
        first = null;
        return coming.then(show);
      };
      try {
        while (await next()) if (response.writableNeedDrain) await drained(response);
        if (!response.destroyed) response.end(doneEvent);
      } catch (error) {
        options.onFailure(error);
        response.end(encodeEvent(JSON.stringify(wireError(error, options.requestId).body)));
      } finally {
        clearTimeout(beat);
      }
    },
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
