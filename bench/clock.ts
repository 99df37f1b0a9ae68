// One clock for all processes of the machine.

/** Milliseconds since 1970, finer than `Date.now`. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
