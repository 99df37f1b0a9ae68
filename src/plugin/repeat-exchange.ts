// Repeats an exchange once where the plugin asks for it, or a repetition does no harm (`security.md` F-P30, F-P31).
import { setTimeout } from 'node:timers/promises';
import type { Answered, Failed } from './exchange.ts';

/** Milliseconds that a plugin may ask to wait. */
const longestWait = 5_000;
/** Milliseconds before a repetition that the plugin did not ask for. */
const pause = 300;

/** One exchange, within so many milliseconds. */
export type Exchange = (milliseconds: number) => Promise<Answered | Failed>;

/**
 * The answer, or the one after it: behind a 429 that says to wait for a while, and where `repeatable` behind a 500 or
 * 503. All of it takes `total` milliseconds at most. Throws the signal's reason alone.
 */
export async function repeatExchange(
  exchange: Exchange,
  { total, repeatable }: { readonly total: number; readonly repeatable: boolean },
  signal: AbortSignal,
): Promise<Answered | Failed> {
  const end = performance.now() + total;
  const answer = await exchange(total);
  const wait = 'error' in answer ? null : waitFor(answer, repeatable);
  if (wait === null || performance.now() + wait >= end) return answer;
  await setTimeout(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
  return exchange(end - performance.now());
}

/** Milliseconds until the repetition; `null`: none. */
function waitFor({ status, headers }: Answered, repeatable: boolean): number | null {
  const asked = readRetryAfter(String(headers['retry-after'] ?? ''));
  if (asked !== null && asked > longestWait) return null;
  if (status === 429) return asked;
  return repeatable && (status === 500 || status === 503) ? (asked ?? pause) : null;
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110). */
function readRetryAfter(text: string): number | null {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}
