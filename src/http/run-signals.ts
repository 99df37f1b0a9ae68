// The signals of one run: what ends it, and when it may start no more calls.
import type { ServerResponse } from 'node:http';
import { gatewayError } from '../errors.ts';

export interface RunSignals {
  /** Ends everything: all clients have gone, the time is up, or the process stops. The reason is a GatewayError. */
  readonly signal: AbortSignal;
  /** Ends plugin calls: the last fifth of the time is for the closing step (`wire.md` K5). */
  readonly callsUntil: AbortSignal;
}

export interface WatchedRun extends RunSignals {
  /** One more response waits for the run. The run goes on as long as one does. */
  readonly serve: (response: ServerResponse) => void;
  /** Resolves when no response waits for it any more. */
  readonly left: Promise<void>;
}

/**
 * Watches a run and the responses that wait for it. A client has gone when its response closes unfinished: right for
 * reset, destroy and half-close (`wire.md` K3). Fastify's `request.signal` must not be used: it aborts in every POST
 * whose body has been read.
 */
export function watchRun(seconds: number, stopping: AbortSignal): WatchedRun {
  const ended = new AbortController();
  const callsEnded = new AbortController();
  let timer = setTimeout(() => {
    timer = setTimeout(() => ended.abort(gatewayError('run_timeout', [seconds])), seconds * 200);
    callsEnded.abort();
  }, seconds * 800);
  const stop = () => ended.abort(stopping.reason);
  stopping.addEventListener('abort', stop, { once: true });
  if (stopping.aborted) stop();
  const left = Promise.withResolvers<void>();
  let waiting = 0;

  function serve(response: ServerResponse): void {
    const leave = (): void => {
      waiting -= 1;
      if (waiting > 0) return;
      clearTimeout(timer);
      stopping.removeEventListener('abort', stop);
      if (!response.writableFinished) ended.abort(gatewayError('client_closed_request'));
      left.resolve();
    };
    waiting += 1;
    if (response.closed) leave();
    else response.once('close', leave);
  }

  return { signal: ended.signal, callsUntil: callsEnded.signal, serve, left: left.promise };
}
