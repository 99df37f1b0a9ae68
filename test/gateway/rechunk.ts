// Cuts bytes at arbitrary borders, repeatably.

/** Random numbers in [0, 1) from a seed, the same in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Cuts bytes at this many random borders, or at every one where there are fewer. */
export function cutAt(bytes: Uint8Array, seed: number, cuts: number): Uint8Array[] {
  const random = seededRandom(seed);
  const borders = new Set<number>();
  const most = Math.min(cuts, bytes.length - 1);
  if (most < cuts) for (let at = 1; at <= most; at++) borders.add(at);
  while (borders.size < most) borders.add(1 + Math.floor(random() * (bytes.length - 1)));
  const sorted = [0, ...[...borders].toSorted((one, other) => one - other), bytes.length];
  return sorted.slice(1).map((end, at) => bytes.subarray(sorted[at], end));
}

/** Cuts bytes into pieces of 1 to about `2 * mean` bytes, inside events, lines and code points. */
export function rechunk(bytes: Uint8Array, seed: number, mean = 97): Uint8Array[] {
  const random = seededRandom(seed);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(random() * 2 * mean);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}
