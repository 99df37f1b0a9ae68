// Several contestants in turn, A B C, A B C ..., so that what disturbs one disturbs all.

/** A contestant, and what each round saw of it. */
export interface Result<Contestant, Round> {
  readonly contestant: Contestant;
  readonly rounds: readonly Round[];
}

/** Measures each once to warm it up, which does not count, then round by round. */
export async function contest<Contestant, Round>(
  contestants: readonly Contestant[],
  rounds: number,
  measure: (contestant: Contestant) => Promise<Round>,
): Promise<Result<Contestant, Round>[]> {
  const results = contestants.map((contestant) => ({ contestant, rounds: [] as Round[] }));
  for (let round = -1; round < rounds; round++) {
    for (const { contestant, rounds } of results) {
      const measured = await measure(contestant);
      if (round >= 0) rounds.push(measured);
      process.stderr.write('.');
    }
  }
  process.stderr.write('\n');
  return results;
}
