// When an upstream is asked once more for the same step (`wire.md` T2, F3).
import { setTimeout as wait } from 'node:timers/promises';
import { EgressError } from '../egress/egress.ts';
import { UpstreamError } from '../errors.ts';

const passing = new Set([500, 502, 503, 504]);

/** Longest waits, in milliseconds, that an upstream's `retry-after` may ask for. */
const patience = { failure: 5_000, limited: 20_000 };
const maxLimited = 2;

/** Repeats a request at once, and silently, when a kept-alive socket had died before any byte of an answer (N13). */
export function overDeadSocket<T>(post: () => Promise<T>): Promise<T> {
  return post().catch((error: unknown) => {
    if (isDeadSocket(error)) return post();
    throw error;
  });
}

/** Resolves when a failed step is to be posted once more; throws the error when it is not. */
export type Retry = (error: unknown, signal: AbortSignal) => Promise<void>;

/**
 * Makes the rule for one step. It is posted again at once over a dead socket (as {@link overDeadSocket}); once after
 * 500, 502, 503, 504 and after Groq's `tool_use_failed`; twice after 429, but not in the first step, where the client's
 * own retry is the better one. All before any byte has gone to the client.
 */
export function createRetry(firstStep: boolean): Retry {
  let deadSocket = false;
  let failures = 0;
  let limited = 0;
  return async (error, signal) => {
    if (isDeadSocket(error) && !deadSocket) {
      deadSocket = true;
      return;
    }
    if (!(error instanceof UpstreamError) || error.headers['x-should-retry'] === 'false') throw error;
    const pause = pauseBefore(error);
    if (isPassing(error) && failures === 0 && pause <= patience.failure) failures += 1;
    else if (isLimited(error) && !firstStep && limited < maxLimited && pause <= patience.limited)
      limited += 1;
    else throw error;
    deadSocket = false;
    await wait(pause, undefined, { signal });
  };
}

function isDeadSocket(error: unknown): boolean {
  return error instanceof EgressError && error.reusedSocket;
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
