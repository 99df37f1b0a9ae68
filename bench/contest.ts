// Several contestants in turn, A B C, A B C ..., so that what disturbs one disturbs all.
import { spread } from './figures.ts';
import type { Bars } from './plot.ts';

/** Who takes part, as tables and plots call it; ours are drawn in another colour. */
export interface Named {
  readonly name: string;
  readonly ours: boolean;
}

/** A contestant, and what each round saw of it. */
export interface Result<Contestant, Round> {
  readonly contestant: Contestant;
  readonly rounds: readonly Round[];
}

/** Measures each some times to warm it up, which does not count, then round by round. */
export async function contest<Contestant, Round>(
  contestants: readonly Contestant[],
  rounds: number,
  measure: (contestant: Contestant) => Promise<Round>,
  warmUps = 1,
): Promise<Result<Contestant, Round>[]> {
  const results = contestants.map((contestant) => ({ contestant, rounds: [] as Round[] }));
  for (let round = -warmUps; round < rounds; round++) {
    for (const { contestant, rounds } of results) {
      const measured = await measure(contestant);
      if (round >= 0) rounds.push(measured);
      process.stderr.write('.');
    }
  }
  process.stderr.write('\n');
  return results;
}

type Results<Figure extends string> = readonly Result<Named, Readonly<Record<Figure, number>>>[];

/** One figure of one contestant, round by round; none when it did not take part. */
export function figuresOf<Figure extends string>(
  results: Results<Figure>,
  name: string,
  figure: Figure,
): number[] {
  const found = results.find(({ contestant }) => contestant.name === name);
  return found?.rounds.map((round) => round[figure]) ?? [];
}

/** One figure of everybody, to be drawn. */
export function barsOf<Figure extends string>(results: Results<Figure>, figure: Figure): Bars['bars'] {
  return results.map(({ contestant: { name, ours }, rounds }) => ({
    name,
    ours,
    figure: spread(rounds.map((round) => round[figure])),
  }));
}
