// The signals of one run: what ends it, and when it may start no more calls.
import type { ServerResponse } from 'node:http';
import { gatewayError } from '../errors.ts';

export interface RunSignals {
  /** Ends everything: all clients have gone, the time is up, or the process stops. The reason is a GatewayError. */
  readonly signal: AbortSignal;
  /** Ends plugin calls: the last fifth of the time is for the closing step (`wire.md` K5). It ends with `signal`, too. */
  readonly callsUntil: () => AbortSignal;
}

export interface WatchedRun extends RunSignals {
  /** One more response waits for the run. The run goes on as long as one does. */
  readonly serve: (response: ServerResponse) => void;
  /** Resolves when no response waits for it any more. */
  readonly left: Promise<void>;
}

/** Watches a run of so many seconds at most. `onGone` hears when all its clients have gone before its end. */
export type WatchRun = (seconds: number, onGone?: (reason: unknown) => void) => WatchedRun;

/**
 * Makes the way to watch runs and the responses that wait for them. A client has gone when its response closes
 * unfinished: right for reset, destroy and half-close (`wire.md` K3). Fastify's `request.signal` must not be used: it
 * aborts in every POST whose body has been read.
 */
export function createRunWatch(stopping: AbortSignal): WatchRun {
  /** One listener for all runs: thousands of listeners on one signal are slow to take off again. */
  const running = new Set<AbortController>();
  const stop = (): void => running.forEach((ended) => ended.abort(stopping.reason));
  stopping.addEventListener('abort', stop, { once: true });

  return (seconds, onGone = nothing) => {
    const ended = new AbortController();
    const left = Promise.withResolvers<void>();
    let waiting = 0;
    let callsOver = false;
    /** Most runs call nothing. */
    let calls: AbortController | undefined;
    let timer = setTimeout(() => {
      timer = setTimeout(() => ended.abort(gatewayError('run_timeout', [seconds])), seconds * 200);
      callsOver = true;
      calls?.abort();
    }, seconds * 800);
    running.add(ended);
    if (stopping.aborted) ended.abort(stopping.reason);

    // It finds the response in `this`: no closure is made for each.
    function leave(this: ServerResponse): void {
      waiting -= 1;
      if (waiting > 0) return;
      clearTimeout(timer);
      running.delete(ended);
      if (!this.writableFinished) {
        const reason = gatewayError('client_closed_request');
        onGone(reason);
        ended.abort(reason);
      }
      // What is kept of an ended run must not hold the run.
      onGone = nothing;
      left.resolve();
    }

    return {
      signal: ended.signal,
      callsUntil() {
        calls ??= endingWith(ended.signal);
        if (callsOver) calls.abort();
        return calls.signal;
      },
      left: left.promise,
      serve(response) {
        waiting += 1;
        if (response.closed) leave.call(response);
        else response.once('close', leave);
      },
    };
  };
}

/** A controller that aborts with a signal, for its reason; `AbortSignal.any` costs several times as much. */
function endingWith(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}

function nothing(): void {}
