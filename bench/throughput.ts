// A contest under load of fixed concurrency, as a table: everybody's processor time beside nginx's and Portkey's.
import type { Bench } from './bench.ts';
import { loadClosed, type Round } from './closed-load.ts';
import { barsOf, contest, figuresOf, type Named, type Result } from './contest.ts';
import { median, ratios, shortly, spread, withSpread } from './figures.ts';
import type { Section } from './report.ts';
import { check } from './requests.ts';
import type { Way } from './ways.ts';

/** A way, and what is sent through it. */
export interface Contestant extends Named {
  readonly way: Way;
  readonly body: string;
}

export interface Throughput {
  readonly title: string;
  readonly contestants: readonly Contestant[];
  readonly connections: number;
  /** Rounds and seconds of each, when it is not a quick run; default 7 of 3. */
  readonly rounds?: number;
  readonly seconds?: number;
  /** Rounds before those that count; default 1. */
  readonly warmUps?: number;
}

type Results = readonly Result<Contestant, Round>[];

/** Checks that everybody answers as they must, loads them in turn, and shows them. */
export async function compareThroughput(
  { quick }: Bench,
  { title, contestants, connections, ...full }: Throughput,
): Promise<{ section: Section; results: Results }> {
  const [rounds, seconds, warmUps] = quick
    ? [2, 1, 1]
    : [full.rounds ?? 7, full.seconds ?? 3, full.warmUps ?? 1];
  for (const { way, body } of contestants) await check(way, body);
  const load = ({ way, body }: Contestant) => loadClosed({ way, body, connections, seconds });
  const results = await contest(contestants, rounds, load, warmUps);
  const section: Section = {
    title,
    text: `${connections} connections, ${rounds} rounds of ${seconds} s each, after ${warmUps} to warm up. Medians; in parentheses the least and the greatest round.`,
    columns: [
      '',
      'requests/s',
      'CPU µs each',
      'core used',
      'of nginx',
      '× Portkey',
      'p50 ms',
      'p99 ms',
      'MB',
    ],
    rows: results.map(({ contestant: { name } }) => row(name, results)),
    plot: { title, unit: 'CPU µs each, less is better', bars: barsOf(results, 'cpu') },
  };
  return { section, results };
}

/** How many times the processor time of one is that of another, the median of the rounds. */
export function times(results: Results, one: string, other: string): number {
  return ratios(figuresOf(results, one, 'cpu'), figuresOf(results, other, 'cpu')).median;
}

function row(name: string, results: Results): string[] {
  const of = (figure: keyof Round) => figuresOf(results, name, figure);
  return [
    name,
    withSpread(spread(of('perSecond'))),
    withSpread(spread(of('cpu'))),
    shortly(median(of('core'))),
    shortly(times(results, 'nginx proxy_pass', name)),
    shortly(times(results, 'Portkey', name)),
    shortly(median(of('p50'))),
    shortly(median(of('p99'))),
    shortly(median(of('megabytes'))),
  ];
}
