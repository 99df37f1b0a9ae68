// How much goes through one core: plain requests, functions, bodies, whole streams, whole loops.
import type { Bench, Part } from './bench.ts';
import { contest, type Contestant, type Result } from './contest.ts';
import { median, ratios, shortly, spread, withSpread } from './figures.ts';
import type { Section } from './report.ts';
import { chat } from './requests.ts';
import type { Way } from './ways.ts';

/** Requests without a call: what the gateway costs everybody. */
export const plainPart: Part = {
  name: 'plain',
  run: (bench) => compare(bench, 'Answers of 1 KB to requests of 2 KB', everybody(bench, chat('json')), 64),
};

/** Streams that come as fast as the upstream can. */
export const streamsPart: Part = {
  name: 'streams',
  run: (bench) =>
    compare(bench, 'Streams of 200 events at once', everybody(bench, chat('events', { stream: true })), 64),
};

/** Requests of other sizes. */
export const bodiesPart: Part = {
  name: 'bodies',
  async run(bench) {
    const sizes = [
      { name: '100 KB', bytes: 100_000, connections: 32 },
      { name: '1 MB', bytes: 1_000_000, connections: 16 },
    ];
    const sections: Section[] = [];
    for (const { name, bytes, connections } of sizes) {
      const contestants = everybody(bench, chat('json', { bytes }));
      sections.push(...(await compare(bench, `Requests of ${name}`, contestants, connections)));
    }
    return sections;
  },
};

/** Whole loops: the upstream asks for calls, the plugins' API answers, the upstream answers. */
export const loopsPart: Part = {
  name: 'loops',
  async run(bench) {
    const loop = (calls: number, steps: number, stream: boolean): Contestant[] => {
      const body = chat(`loop:${calls}x${steps}@0`, { stream });
      const name = `${steps} × ${calls} calls${stream ? ', streamed' : ''}`;
      const ways =
        calls === 1 && steps === 1 ? [bench.gateway.way(20), bench.naive] : [bench.gateway.way(20)];
      return ways.map((way) => ({ name: `${name}: ${way.name}`, way, body }));
    };
    const plays = [...[1, 3, 8].map((calls) => [calls, 1] as const), [1, 3] as const, [1, 5] as const];
    const contestants = [false, true].flatMap((stream) =>
      plays.flatMap(([calls, steps]) => loop(calls, steps, stream)),
    );
    return compare(bench, 'Loops: steps × parallel calls', contestants, 64);
  },
};

/** Everybody with the same request. */
function everybody(bench: Bench, body: string): Contestant[] {
  const { direct, nginx, gateway, portkey, naive } = bench;
  const ways: Way[] = [direct, nginx, gateway.way(0), gateway.way(20), gateway.way(500), portkey, naive];
  return ways.map((way) => ({ name: way.name, way, body }));
}

/** Runs a contest and shows everybody beside nginx and Portkey. */
async function compare(
  { quick }: Bench,
  title: string,
  contestants: readonly Contestant[],
  connections: number,
): Promise<Section[]> {
  const [rounds, seconds] = quick ? [3, 1] : [7, 3];
  const results = await contest(contestants, { rounds, seconds, connections });
  const cpuOf = (name: string) =>
    figures(
      results.find((result) => result.name.startsWith(name)),
      'cpu',
    );
  const text = `${connections} connections, ${rounds} rounds of ${seconds} s. Medians; in parentheses the least and the greatest round.`;
  return [
    {
      title,
      text,
      columns: [
        '',
        'requests/s',
        'CPU µs each',
        'core used',
        'of nginx',
        'times Portkey',
        'p50 ms',
        'p99 ms',
      ],
      rows: results.map((result) => {
        const cpu = figures(result, 'cpu');
        return [
          result.name,
          withSpread(spread(figures(result, 'perSecond'))),
          withSpread(spread(cpu)),
          shortly(median(figures(result, 'core'))),
          shortly(ratios(cpuOf('nginx'), cpu).median),
          shortly(ratios(cpuOf('Portkey'), cpu).median),
          shortly(median(figures(result, 'p50'))),
          shortly(median(figures(result, 'p99'))),
          shortly(median(figures(result, 'megabytes'))),
        ];
      }),
    },
  ];
}

function figures(result: Result | undefined, figure: keyof Result['rounds'][number]): number[] {
  return result?.rounds.map((round) => round[figure]) ?? [];
}
