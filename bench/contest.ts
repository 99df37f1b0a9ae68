// Several contestants under the same load, interleaved: A B C, A B C ..., so that what disturbs one disturbs all.
import { loadClosed, type Round } from './closed-load.ts';
import { check } from './requests.ts';
import type { Way } from './ways.ts';

/** A way, and what is sent through it. */
export interface Contestant {
  /** How the table calls it. */
  readonly name: string;
  readonly way: Way;
  readonly body: string;
}

export interface ContestOptions {
  readonly rounds: number;
  /** Of each contestant in each round. */
  readonly seconds: number;
  readonly connections: number;
}

/** What each contestant did, round by round. */
export interface Result extends Contestant {
  readonly rounds: readonly Round[];
}

/** Checks that each answers as it must, warms each up with a round that does not count, then runs the rounds. */
export async function contest(
  contestants: readonly Contestant[],
  options: ContestOptions,
): Promise<Result[]> {
  const seen = contestants.map((contestant) => ({ ...contestant, rounds: [] as Round[] }));
  for (const { way, body } of seen) await check(way, body);
  for (let round = -1; round < options.rounds; round++) {
    for (const { rounds, way, body } of seen) {
      const measured = await loadClosed({ way, body, ...options });
      if (round >= 0) rounds.push(measured);
    }
    process.stderr.write('.');
  }
  return seen;
}
