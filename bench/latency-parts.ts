// What waiting people see: answers at constant arrival, and the events of streams that come word by word.
import type { Bench, Part } from './bench.ts';
import { contest, type Result } from './contest.ts';
import { median, shortly, spread, withSpread, type Spread } from './figures.ts';
import { chat, check } from './requests.ts';
import type { Way } from './ways.ts';

/** Answers at 300 requests per second. */
export const latencyPart: Part = {
  name: 'latency',
  async run(bench) {
    const { direct, nginx, gateway, portkey, naive } = bench;
    const ways = [direct, nginx, gateway.way(0), gateway.way(20), portkey, naive];
    const body = chat('json');
    const [rounds, seconds] = bench.quick ? [2, 1] : [5, 5];
    for (const way of ways) await check(way, body);
    const results = await contest(ways, rounds, (way) =>
      bench.runJob('arrivals', way, body, { perSecond: 300, seconds }),
    );
    const ours = gateway.way(20).name;
    return [
      {
        title: 'Answers at 300 requests per second',
        text: `Constant arrival: each request is sent when its time has come, whatever became of those before. Requests of 2 KB, answers of 1 KB, ${rounds} rounds of ${seconds} s. Microseconds.`,
        columns: ['', 'p50', 'p90', 'p99', 'p50 over direct', 'load late, p99'],
        rows: results.map(({ contestant: { name }, rounds }) => [
          name,
          ...(['p50', 'p90', 'p99'] as const).map((figure) =>
            withSpread(spread(rounds.map((r) => r[figure]))),
          ),
          shortly(added(results, name, 'direct', 'p50').median),
          shortly(median(rounds.map(({ late }) => late))),
        ]),
        plot: {
          title: 'Answers at 300 requests per second',
          unit: 'p50 in µs, less is better',
          bars: results.map(({ contestant: { name }, rounds }) => ({
            name,
            figure: spread(rounds.map(({ p50 }) => p50)),
            ours: name.startsWith('gateway'),
          })),
        },
        aims: [
          {
            what: 'latency at 300/s: p50 over direct',
            unit: 'µs',
            most: 150,
            figure: added(results, ours, 'direct', 'p50').median,
          },
          {
            what: 'latency at 300/s: p99 over direct',
            unit: 'µs',
            most: 3_000,
            figure: added(results, ours, 'direct', 'p99').median,
          },
        ],
      },
    ];
  },
};

/** Streams of an event each 5 ms, ten at the same time. */
export const pacedPart: Part = {
  name: 'paced',
  async run(bench: Bench) {
    const { direct, nginx, gateway, portkey, naive } = bench;
    const ways = [direct, nginx, gateway.way(0), gateway.way(20), portkey, naive];
    const events = bench.quick ? 100 : 400;
    const rounds = bench.quick ? 2 : 5;
    const body = chat(`paced:${events}@5`, { stream: true });
    const results = await contest(ways, rounds, async (way) => {
      const seen = await bench.runJob('streams', way, body, { count: 10, perSecond: 1_000, events });
      if (seen.broken > 0) throw new Error(`${way.name}: ${seen.broken} streams lacked something`);
      return seen;
    });
    return [
      {
        title: 'Streams of an event each 5 ms',
        text: `10 streams of ${events} events at the same time, ${rounds} rounds. The upstream writes the time into each event; the load reads it on arrival. Microseconds.`,
        columns: ['', 'event p50', 'event p99', 'p50 over nginx'],
        rows: results.map(({ contestant: { name }, rounds }) => [
          name,
          withSpread(spread(rounds.map(({ p50 }) => p50))),
          withSpread(spread(rounds.map(({ p99 }) => p99))),
          shortly(added(results, name, nginx.name, 'p50').median),
        ]),
        plot: {
          title: 'Streams of an event each 5 ms',
          unit: "p50 of the events' delay in µs, less is better",
          bars: results.map(({ contestant: { name }, rounds }) => ({
            name,
            figure: spread(rounds.map(({ p50 }) => p50)),
            ours: name.startsWith('gateway'),
          })),
        },
        aims: [
          {
            what: 'event of a paced stream: p50 over nginx',
            unit: 'µs',
            most: 60,
            figure: added(results, gateway.way(20).name, nginx.name, 'p50').median,
          },
        ],
      },
    ];
  },
};

/** What one takes longer than another, by the rounds. */
function added<Figure extends string>(
  results: readonly Result<Way, Readonly<Record<Figure, number>>>[],
  one: string,
  other: string,
  figure: Figure,
): Spread {
  const of = (name: string) =>
    results.find(({ contestant }) => contestant.name === name)?.rounds.map((round) => round[figure]) ?? [];
  const others = of(other);
  return spread(of(one).map((value, round) => value - (others[round] ?? Number.NaN)));
}
