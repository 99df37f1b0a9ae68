// The signals of one run: what ends it, and when it may start no more calls.
import type { ServerResponse } from 'node:http';
import { gatewayError } from '../errors.ts';

export interface RunSignals {
  /** Ends everything: all clients have gone, the time is up, or the process stops. The reason is a GatewayError. */
  readonly signal: AbortSignal;
  /** Ends plugin calls: the last fifth of the time is for the closing step (`wire.md` K5). It ends with `signal`, too. */
  readonly callsUntil: () => AbortSignal;
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
    const watched = new WatchedRun(seconds, running, onGone);
    if (stopping.aborted) stop();
    return watched;
  };
}

/** A run and the responses that wait for it. It goes on as long as one does. */
export class WatchedRun implements RunSignals {
  readonly #running: Set<AbortController>;
  readonly #ended = new AbortController();
  readonly #left = Promise.withResolvers<void>();
  #onGone: (reason: unknown) => void;
  #waiting = 0;
  #callsOver = false;
  /** Most runs call nothing. */
  #calls: AbortController | undefined;
  #timer: NodeJS.Timeout;

  constructor(seconds: number, running: Set<AbortController>, onGone: (reason: unknown) => void) {
    this.#running = running;
    this.#onGone = onGone;
    running.add(this.#ended);
    this.#timer = setTimeout(() => {
      const timeout = () => this.#ended.abort(gatewayError('run_timeout', [seconds]));
      this.#timer = setTimeout(timeout, seconds * 200);
      this.#callsOver = true;
      this.#calls?.abort();
    }, seconds * 800);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Resolves when no response waits for it any more. */
  get left(): Promise<void> {
    return this.#left.promise;
  }

  callsUntil(): AbortSignal {
    this.#calls ??= endingWith(this.signal);
    if (this.#callsOver) this.#calls.abort();
    return this.#calls.signal;
  }

  /** One more response waits for it. */
  serve(response: ServerResponse): void {
    this.#waiting += 1;
    if (response.closed) this.#leave(response);
    else response.once('close', () => this.#leave(response));
  }

  #leave(response: ServerResponse): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    clearTimeout(this.#timer);
    this.#running.delete(this.#ended);
    if (!response.writableFinished) {
      const reason = gatewayError('client_closed_request');
      this.#onGone(reason);
      this.#ended.abort(reason);
    }
    // What is kept of an ended run must not hold the run.
    this.#onGone = nothing;
    this.#left.resolve();
  }
}

/** A controller that aborts with a signal, for its reason; `AbortSignal.any` costs several times as much. */
function endingWith(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}

function nothing(): void {}
