// What those who wait see: answers at constant arrival, and the events of streams that come word by word.
import { mostOf, type Part } from './bench.ts';
import { barsOf, contest, figuresOf, type Result } from './contest.ts';
import { median, shortly, spread, withSpread, type Spread } from './figures.ts';
import type { JobResults } from './load.ts';
import { chat, check } from './requests.ts';
import type { Way } from './ways.ts';

const ours = 'gateway, 20 functions';

/** Answers at 300 requests per second. */
export const latencyPart: Part = {
  name: 'latency',
  async run(bench) {
    const title = 'Answers at 300 requests per second';
    const ways = mostOf(bench);
    const body = chat('json');
    const [rounds, seconds] = bench.quick ? [2, 1] : [5, 5];
    for (const way of ways) await check(way, body);
    const results = await contest(ways, rounds, (way) =>
      bench.runJob('arrivals', way, body, { perSecond: 300, seconds }),
    );
    const over = (name: string, figure: 'p50' | 'p99') => added(results, name, 'direct', figure).median;
    return [
      {
        title,
        text: `Constant arrival: each request is sent when its time has come, whatever became of those before. Requests of 2 KB, answers of 1 KB, ${rounds} rounds of ${seconds} s. Microseconds; medians, in parentheses the least and the greatest round.`,
        columns: ['', 'p50', 'p90', 'p99', 'p50 over direct', 'load late, p99'],
        rows: results.map(({ contestant: { name }, rounds }) => [
          name,
          ...(['p50', 'p90', 'p99'] as const).map((figure) => inRounds(rounds, figure)),
          shortly(over(name, 'p50')),
          shortly(median(rounds.map(({ late }) => late))),
        ]),
        plot: { title, unit: 'p50 in µs, less is better', bars: barsOf(results, 'p50') },
        aims: [
          { what: 'latency at 300/s: p50 over direct', unit: 'µs', most: 150, figure: over(ours, 'p50') },
          { what: 'latency at 300/s: p99 over direct', unit: 'µs', most: 3_000, figure: over(ours, 'p99') },
        ],
      },
    ];
  },
};

/** Streams of an event each 5 ms, ten at the same time. */
export const pacedPart: Part = {
  name: 'paced',
  async run(bench) {
    const title = 'Streams of an event each 5 ms';
    const [rounds, events] = bench.quick ? [2, 100] : [5, 400];
    const body = chat(`paced:${events}@5`, { stream: true });
    const results = await contest(mostOf(bench), rounds, async (way) => {
      const seen = await bench.runJob('streams', way, body, { count: 10, perSecond: 1_000, events });
      if (seen.broken > 0) throw new Error(`${way.name}: ${seen.broken} streams lacked something`);
      return seen;
    });
    const over = (name: string) => added(results, name, 'nginx proxy_pass', 'p50').median;
    return [
      {
        title,
        text: `10 streams of ${events} events at the same time, ${rounds} rounds. The upstream writes the time into each event; the load reads it on arrival. Microseconds; medians, in parentheses the least and the greatest round.`,
        columns: ['', 'event p50', 'event p99', 'p50 over nginx'],
        rows: results.map(({ contestant: { name }, rounds }) => [
          name,
          inRounds(rounds, 'p50'),
          inRounds(rounds, 'p99'),
          shortly(over(name)),
        ]),
        plot: { title, unit: "p50 of the events' delay in µs, less is better", bars: barsOf(results, 'p50') },
        aims: [{ what: 'event of a paced stream: p50 over nginx', unit: 'µs', most: 60, figure: over(ours) }],
      },
    ];
  },
};

type Percentiles = Pick<JobResults['streams'], 'p50' | 'p99'>;

function inRounds<Figure extends string>(
  rounds: readonly Readonly<Record<Figure, number>>[],
  figure: Figure,
): string {
  return withSpread(spread(rounds.map((round) => round[figure])));
}

/** What one takes longer than another, within the rounds. */
function added(
  results: readonly Result<Way, Percentiles>[],
  one: string,
  other: string,
  figure: keyof Percentiles,
): Spread {
  const others = figuresOf(results, other, figure);
  const differences = figuresOf(results, one, figure).map(
    (value, round) => value - (others[round] ?? Number.NaN),
  );
  return spread(differences);
}
