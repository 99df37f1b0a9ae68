// All exchanges of one plugin call, within one deadline: repeated where that helps, redirected where it is allowed.
import { setTimeout } from 'node:timers/promises';
import type { Send } from '../egress/egress.ts';
import { exchange, type Answered, type Failed } from './exchange.ts';
import type { PluginRequest } from './request.ts';

/** Milliseconds that a plugin may ask to wait. */
const longestWait = 5_000;
/** Milliseconds before a repetition that the plugin did not ask for. */
const pause = 300;
const mostRedirects = 3;

export interface AskOptions {
  readonly send: Send;
  /** Milliseconds for everything (B15). */
  readonly total: number;
  /** A second time does no harm. */
  readonly repeatable: boolean;
  /** The server below which redirects are followed; `null`: none is. */
  readonly redirects: string | null;
}

/** Asks until there is an answer that counts. Throws the signal's reason alone. */
export async function askPlugin(
  request: PluginRequest,
  { send, total, repeatable, redirects }: AskOptions,
  signal: AbortSignal,
): Promise<Answered | Failed> {
  const end = performance.now() + total;
  const ask = (one: PluginRequest) =>
    exchange(send, one, { total: Math.max(1, end - performance.now()), repeatable }, signal);
  const first = await ask(request);
  const wait = 'error' in first ? null : waitFor(first, repeatable);
  let answer = first;
  if (wait !== null && performance.now() + wait < end) {
    await setTimeout(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    answer = await ask(request);
  }
  let next = redirects === null ? null : redirected(request, answer, redirects);
  for (let times = 0; next !== null && times < mostRedirects; times += 1) {
    answer = await ask(next);
    next = redirected(next, answer, redirects ?? '');
  }
  return answer;
}

/**
 * Milliseconds until a repetition, `null` for none: behind a 429 that says to wait for a while (F-P30), behind a 500 or
 * 503 where a second time does no harm (F-P31).
 */
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

/** The request of a redirected GET, on the same origin and below the same base path (E6, B14); else `null`. */
function redirected(request: PluginRequest, answer: Answered | Failed, server: string): PluginRequest | null {
  if ('error' in answer || request.method !== 'GET') return null;
  if (![301, 302, 303, 307, 308].includes(answer.status)) return null;
  const to = URL.parse(String(answer.headers['location'] ?? ''), request.origin + request.path);
  const { origin, pathname } = new URL(server);
  const base = pathname.replace(/\/*$/, '/');
  if (to?.origin !== origin || !to.pathname.startsWith(base) || to.username !== '') return null;
  return { ...request, path: to.pathname + to.search };
}
