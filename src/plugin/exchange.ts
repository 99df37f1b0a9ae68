// One HTTP exchange with a plugin: sent once, read within its limits, or a failure that names no address.
import { EgressError, type EgressAnswer, type EgressFailure, type Send } from '../egress/egress.ts';
import type { PluginRequest } from './request.ts';

/** The whole answer of a plugin, decoded; whatever its status is. */
export interface Answered {
  readonly status: number;
  readonly headers: EgressAnswer['headers'];
  readonly body: Uint8Array;
  /** The body is the start of a stream that had not ended in time, or grew too large (R5). */
  readonly unfinished: boolean;
}

/** Why there is no answer. `code` and `retryable` are for the model, `error` for the log. */
export interface Failed {
  readonly code: string;
  readonly retryable: boolean;
  readonly message?: string;
  /** The plugin seems to be down: the next call would fail alike (F-P01 to F-P16). */
  readonly down: boolean;
  readonly error: unknown;
}

/** Decoded bytes of an answer. */
const maxBytes = 1024 * 1024;

/** What the model is told about a failed exchange; never an address (R8). */
const failures: Readonly<Record<EgressFailure, readonly [code: string, retryable: boolean]>> = {
  timeout: ['plugin_timeout', true],
  connect_timeout: ['plugin_timeout', true],
  dns_failed: ['plugin_unreachable', true],
  unreachable: ['plugin_unreachable', true],
  reset: ['plugin_unreachable', true],
  truncated: ['plugin_unreachable', true],
  tls_failed: ['plugin_unreachable', false],
  address_refused: ['plugin_not_allowed', false],
  insecure_server: ['plugin_not_allowed', false],
  redirect_refused: ['plugin_not_allowed', false],
  loop_detected: ['plugin_not_allowed', false],
  too_large: ['plugin_answer_too_large', false],
  bad_answer: ['plugin_bad_answer', false],
  bad_encoding: ['plugin_bad_answer', false],
};

/** What is wrong with the plugin as a whole rather than with one answer of it. */
const signsOfDown: ReadonlySet<EgressFailure> = new Set([
  'timeout',
  'connect_timeout',
  'dns_failed',
  'unreachable',
  'reset',
  'truncated',
  'tls_failed',
  'address_refused',
]);

/** After these, a request may have been carried out: one that must not be repeated has an unknown outcome (T5). */
const unknowable: ReadonlySet<EgressFailure> = new Set(['timeout', 'reset', 'truncated']);
const unknownOutcome = {
  code: 'outcome_unknown',
  retryable: false,
  message:
    'The outcome of this call is unknown: it was sent and may have been carried out. Do not repeat it without asking the user.',
} as const;

/**
 * Exchanges one request for an answer within `total` milliseconds (B15). `repeatable`: it may be sent a second time when
 * the plugin had closed an idle socket (N13: a POST never is). Throws the signal's reason alone.
 */
export async function exchange(
  send: Send,
  request: PluginRequest,
  { total, repeatable }: { readonly total: number; readonly repeatable: boolean },
  signal: AbortSignal,
): Promise<Answered | Failed> {
  const limits = { firstByte: total, idle: total, total, maxBytes };
  try {
    const answer = await sendOnce(repeatable, send, { ...request, limits }, signal);
    return { status: answer.status, headers: answer.headers, ...(await readBody(answer, signal)) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EgressError))
      return { code: 'plugin_failed', retryable: false, down: false, error };
    const { failure } = error;
    const down = signsOfDown.has(failure);
    if (!repeatable && unknowable.has(failure)) return { ...unknownOutcome, down, error };
    const [code, retryable] = failures[failure];
    return { code, retryable, down, error };
  }
}

/** The whole body; of a stream without an end the whole lines that came until the deadline or the cap (R5). */
async function readBody(
  { headers, body }: EgressAnswer,
  signal: AbortSignal,
): Promise<Pick<Answered, 'body' | 'unfinished'>> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk);
    const [whole, further] = chunks;
    return { body: whole && !further ? whole : Buffer.concat(chunks), unfinished: false };
  } catch (error) {
    const start = Buffer.concat(chunks);
    const lines = start.subarray(0, start.lastIndexOf('\n') + 1);
    const isOver = error instanceof EgressError && ['timeout', 'too_large'].includes(error.failure);
    if (!isOver || signal.aborted || lines.length === 0 || !isStream(headers['content-type'])) throw error;
    return { body: lines, unfinished: true };
  }
}

function isStream(type: string | string[] | undefined): boolean {
  return /^(?:text\/event-stream|application\/(?:x-)?(?:ndjson|jsonl|jsonlines))\b/i.test(
    String(type).trim(),
  );
}

/** A socket that the plugin closed while it was idle is no failure: what may be repeated goes out on a fresh one. */
async function sendOnce(
  repeatable: boolean,
  send: Send,
  request: Parameters<Send>[0],
  signal: AbortSignal,
): Promise<EgressAnswer> {
  try {
    return await send(request, signal);
  } catch (error) {
    if (!repeatable || !(error instanceof EgressError && error.reusedSocket) || signal.aborted) throw error;
    return send(request, signal);
  }
}
