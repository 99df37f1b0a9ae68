// The signals of one run: what ends it, and when it may start no more calls.
import type { ServerResponse } from 'node:http';
import { gatewayError } from '../errors.ts';

export interface RunSignals {
  /** Ends everything: the client has gone, the time is up, or the process stops. The reason is a GatewayError. */
  readonly signal: AbortSignal;
  /** Ends plugin calls: the last fifth of the time is for the closing step (`wire.md` K5). */
  readonly callsUntil: AbortSignal;
}

/**
 * Watches one response. The client has gone when it closes unfinished: right for reset, destroy and half-close
 * (`wire.md` K3). Fastify's `request.signal` must not be used: it aborts in every POST whose body has been read.
 */
export function watchRun(response: ServerResponse, seconds: number, stopping: AbortSignal): RunSignals {
  const ended = new AbortController();
  const callsEnded = new AbortController();
  const atEnd = setTimeout(() => ended.abort(gatewayError('run_timeout', [seconds])), seconds * 1000);
  const atCallsEnd = setTimeout(() => callsEnded.abort(), seconds * 800);
  const stop = () => ended.abort(stopping.reason);
  stopping.addEventListener('abort', stop, { once: true });
  response.once('close', () => {
    clearTimeout(atEnd);
    clearTimeout(atCallsEnd);
    stopping.removeEventListener('abort', stop);
    if (!response.writableFinished) ended.abort(gatewayError('client_closed_request'));
  });
  if (stopping.aborted) stop();
  return { signal: ended.signal, callsUntil: callsEnded.signal };
}
