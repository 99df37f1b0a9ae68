// Spares a plugin that is down, and the runs that would wait for it (`security.md` section 8, F-P41).

/** Failures in a row after which a plugin is not asked. */
const most = 5;
/** Milliseconds until one call may try again. */
const pause = 30_000;

/** Knows which plugins are down, by name. */
export interface Breaker {
  /** Whether a call may leave. Of a plugin that is down, one call after each pause. */
  admits(plugin: string): boolean;
  /** Hears how a call ended: an answer of whatever status is no failure. */
  note(plugin: string, failed: boolean): void;
}

/** A breaker that has heard nothing yet. `now`: monotonic milliseconds. */
export function createBreaker(now: () => number = () => performance.now()): Breaker {
  const failing = new Map<string, { readonly count: number; readonly until: number }>();
  return {
    admits(plugin) {
      const { count, until } = failing.get(plugin) ?? { count: 0, until: 0 };
      if (count < most) return true;
      if (now() < until) return false;
      // whatever becomes of this one, the next comes a pause later
      failing.set(plugin, { count, until: now() + pause });
      return true;
    },
    note(plugin, failed) {
      const count = failing.get(plugin)?.count ?? 0;
      if (failed) failing.set(plugin, { count: count + 1, until: now() + pause });
      else failing.delete(plugin);
    },
  };
}
