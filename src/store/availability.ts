// A database that is down costs nobody a wait: it is left alone for a while, and what it missed is counted.
import type { Log } from '../telemetry/log.ts';

/** The store has not been asked: it did not answer lately. */
export class StoreDownError extends Error {
  override readonly name = 'StoreDownError';
}

/** Guards what is asked of a database. */
export interface Availability {
  /** Does it within the deadline, or throws at once while the database counts as down. */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface AvailabilityOptions {
  readonly log: Log;
  /** Whether a failure says that the database as a whole is not there. */
  readonly isOutage: (error: unknown) => boolean;
  /** Milliseconds for one piece of work. */
  readonly deadline?: number;
}

/** Milliseconds until a database that is down is tried again: doubled each time. */
const pauses = { first: 500, longest: 8_000 } as const;

export function createAvailability(options: AvailabilityOptions): Availability {
  const { log, isOutage, deadline = 2_500 } = options;
  let down = false;
  let pause: number = pauses.first;
  let tryAgainAt = 0;
  let missed = 0;

  function wentDown(error: unknown): void {
    missed += 1;
    if (!down) log.error('the store does not answer: requests go on without it', { error });
    down = true;
    tryAgainAt = performance.now() + pause;
  }

  function wentUp(): void {
    if (!down) return;
    log.warn('the store answers again', { missed });
    down = false;
    pause = pauses.first;
    missed = 0;
  }

  return {
    async run(work) {
      if (down) {
        if (performance.now() < tryAgainAt) {
          missed += 1;
          throw new StoreDownError('the store did not answer lately');
        }
        // This one tries; others do not wait for it.
        pause = Math.min(pause * 2, pauses.longest);
        tryAgainAt = performance.now() + pause;
      }
      try {
        const result = await within(deadline, work());
        wentUp();
        return result;
      } catch (error) {
        if (!isOutage(error)) {
          wentUp();
          throw error;
        }
        wentDown(error);
        throw new StoreDownError('the store does not answer', { cause: error });
      }
    },
  };
}

/** The result, or an error when it takes longer. */
export async function within<T>(milliseconds: number, result: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`the store has not answered within ${milliseconds} ms`)),
    milliseconds,
  );
  try {
    return await Promise.race([result, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
