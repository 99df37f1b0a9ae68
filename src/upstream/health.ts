// Upstreams that do not answer are asked last for a while, so that no request waits for them first.
import { EgressError, type EgressFailure } from '../egress/egress.ts';

/** What the last requests say of an upstream. */
export interface Health {
  /**
   * Whether a request may go there first. When a rest is over, one request alone gets a yes: what comes of it decides
   * for the others.
   */
  readonly mayTry: () => boolean;
  readonly answered: () => void;
  /** It failed before a byte of an answer. True when its rest begins. */
  readonly failed: (error: unknown) => boolean;
}

/** How long an upstream rests, in milliseconds. */
const rest = 30_000;

/** Failures in a row before a rest. Fewer may be the requests' own fault. */
const tolerated = 3;

/** Nobody is there: the next request would find the same. */
const gone: ReadonlySet<EgressFailure> = new Set([
  'dns_failed',
  'unreachable',
  'connect_timeout',
  'tls_failed',
]);

/** Begins with an upstream that is well. `now`: monotonic milliseconds. */
export function createHealth(now: () => number = () => performance.now()): Health {
  let failures = 0;
  let restsUntil = 0;
  const rests = (): boolean => failures >= tolerated;
  return {
    mayTry() {
      if (!rests()) return true;
      if (now() < restsUntil) return false;
      restsUntil = now() + rest;
      return true;
    },
    answered: () => void (failures = 0),
    failed(error) {
      const before = rests();
      const cause = error instanceof Error ? error.cause : undefined;
      failures = cause instanceof EgressError && gone.has(cause.failure) ? tolerated : failures + 1;
      if (rests()) restsUntil = now() + rest;
      return rests() && !before;
    },
  };
}
