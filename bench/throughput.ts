// A contest under load of fixed concurrency, as a table: everybody's processor time beside nginx's and Portkey's.
import type { Bench } from './bench.ts';
import { loadClosed, type Round } from './closed-load.ts';
import { contest, type Result } from './contest.ts';
import { median, ratios, shortly, spread, withSpread } from './figures.ts';
import type { Section } from './report.ts';
import { check } from './requests.ts';
import type { Way } from './ways.ts';

/** A way, and what is sent through it. */
export interface Contestant {
  /** How the table calls it. */
  readonly name: string;
  readonly way: Way;
  readonly body: string;
}

export interface Throughput {
  readonly title: string;
  readonly contestants: readonly Contestant[];
  readonly connections: number;
  /** Rounds and seconds of each, when it is not a quick run. */
  readonly rounds?: number;
  readonly seconds?: number;
}

/** What one figure of one contestant was, round by round. */
export type FigureOf = (name: string, figure: keyof Round) => number[];

/** Checks that everybody answers as they must, loads them in turn, and shows them. */
export async function compareThroughput(
  { quick }: Bench,
  { title, contestants, connections, ...full }: Throughput,
): Promise<{ section: Section; of: FigureOf }> {
  const [rounds, seconds] = quick ? [2, 1] : [full.rounds ?? 7, full.seconds ?? 3];
  for (const { way, body } of contestants) await check(way, body);
  const results = await contest(contestants, rounds, ({ way, body }) =>
    loadClosed({ way, body, connections, seconds }),
  );
  const of: FigureOf = (name, figure) =>
    figures(results.find(({ contestant }) => contestant.name === name)?.rounds ?? [], figure);
  const section: Section = {
    title,
    text: `${connections} connections, ${rounds} rounds of ${seconds} s each. Medians; in parentheses the least and the greatest round.`,
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
    rows: results.map((result) => row(result, of)),
    plot: {
      title,
      unit: 'CPU µs each, less is better',
      bars: results.map(({ contestant: { name }, rounds }) => ({
        name,
        figure: spread(figures(rounds, 'cpu')),
        ours: name.startsWith('gateway'),
      })),
    },
  };
  return { section, of };
}

/** How many times the processor time of one is that of another, the median of the rounds. */
export function times(of: FigureOf, one: string, other: string): number {
  return ratios(of(one, 'cpu'), of(other, 'cpu')).median;
}

function row({ contestant: { name }, rounds }: Result<Contestant, Round>, of: FigureOf): string[] {
  return [
    name,
    withSpread(spread(figures(rounds, 'perSecond'))),
    withSpread(spread(figures(rounds, 'cpu'))),
    shortly(median(figures(rounds, 'core'))),
    shortly(times(of, 'nginx proxy_pass', name)),
    shortly(times(of, 'Portkey', name)),
    shortly(median(figures(rounds, 'p50'))),
    shortly(median(figures(rounds, 'p99'))),
    shortly(median(figures(rounds, 'megabytes'))),
  ];
}

function figures(rounds: readonly Round[], figure: keyof Round): number[] {
  return rounds.map((round) => round[figure]);
}
