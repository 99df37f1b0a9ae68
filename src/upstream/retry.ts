// When an upstream is asked once more for the same step (`wire.md` T2, F3).
import { setTimeout as wait } from 'node:timers/promises';
import { EgressError, type EgressAnswer } from '../egress/egress.ts';
import { UpstreamError } from '../errors.ts';

const passing = new Set([500, 502, 503, 504]);

/** Longest waits, in milliseconds, that an upstream's `retry-after` may ask for. */
const patience = { failure: 5_000, limited: 20_000 };
const maxLimited = 2;

/** Sends one request and gives a successful answer, or throws. */
export type Post = (signal: AbortSignal) => Promise<EgressAnswer>;

/** Repeats a request at once, and silently, when a kept-alive socket had died before any byte of an answer (N13). */
export async function overDeadSocket<T>(post: () => Promise<T>): Promise<T> {
  try {
    return await post();
  } catch (error) {
    if (error instanceof EgressError && error.reusedSocket) return post();
    throw error;
  }
}

/**
 * Repeats a failed step: once after 500, 502, 503, 504 and after Groq's `tool_use_failed`, twice after 429, but not
 * in the first step, where the client's own retry is the better one. All before any byte has gone to the client.
 */
export async function askAgain(post: Post, firstStep: boolean, signal: AbortSignal): Promise<EgressAnswer> {
  let failures = 0;
  let limited = 0;
  for (;;) {
    try {
      return await post(signal);
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.headers['x-should-retry'] === 'false') throw error;
      const pause = pauseBefore(error);
      if (isPassing(error) && failures === 0 && pause <= patience.failure) failures += 1;
      else if (isLimited(error) && !firstStep && limited < maxLimited && pause <= patience.limited)
        limited += 1;
      else throw error;
      await wait(pause, undefined, { signal });
    }
  }
}

function isLimited(error: UpstreamError): boolean {
  return error.statusCode === 429;
}

function isPassing(error: UpstreamError): boolean {
  if (passing.has(error.statusCode)) return true;
  return (
    error.statusCode === 400 && 'code' in error.body.error && error.body.error.code === 'tool_use_failed'
  );
}

/** Milliseconds that the upstream asks for, else a quarter to half a second. */
function pauseBefore({ headers }: UpstreamError): number {
  const milliseconds = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const after = headers['retry-after'];
  if (after === undefined) return 250 + Math.random() * 250;
  const seconds = Number(after);
  if (seconds >= 0) return seconds * 1000;
  const date = Date.parse(after);
  return Number.isNaN(date) ? 250 : Math.max(0, date - Date.now());
}
