// Whole loops: the upstream asks for calls, the plugins' API answers, the upstream answers.
import type { Bench, Part } from './bench.ts';
import { contest } from './contest.ts';
import { median, shortly, spread, withSpread } from './figures.ts';
import { startGateway } from './gateway.ts';
import { installPlugins } from './plugins.ts';
import type { Section } from './report.ts';
import { chat, check } from './requests.ts';
import { compareThroughput, type Contestant } from './throughput.ts';
import { naiveWay, type Way } from './ways.ts';

/** A loop: so many parallel calls in each of so many steps. */
interface Play {
  readonly calls: number;
  readonly steps: number;
  readonly stream: boolean;
}

const plays: readonly Play[] = [
  { calls: 1, steps: 1, stream: false },
  { calls: 3, steps: 1, stream: false },
  { calls: 8, steps: 1, stream: false },
  { calls: 1, steps: 2, stream: false },
  { calls: 1, steps: 5, stream: false },
  { calls: 1, steps: 1, stream: true },
  { calls: 8, steps: 1, stream: true },
  { calls: 1, steps: 5, stream: true },
];

function nameOf({ calls, steps, stream }: Play, way: Way): string {
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  const whose = way.name.startsWith('naive') ? ', naive gateway' : '';
  return `${counted(steps, 'step')} of ${counted(calls, 'call')}${stream ? ', streamed' : ''}${whose}`;
}

/** The naive gateway comes along where there is one call in one step. */
function contestants(gateway: Way, naive: Way, delay: number): (Contestant & Play)[] {
  return plays.flatMap((play) => {
    const body = chat(`loop:${play.calls}x${play.steps}@${delay}`, { stream: play.stream });
    const ways = play.calls === 1 && play.steps === 1 ? [gateway, naive] : [gateway];
    return ways.map((way) => ({ ...play, name: nameOf(play, way), way, body }));
  });
}

/** As many as go through one core; nobody waits. */
export const loopsPart: Part = {
  name: 'loops',
  async run(bench) {
    const all = contestants(bench.gateway.way(20), bench.naive, 0);
    const { section, of } = await compareThroughput(bench, {
      title: 'Loops without waiting',
      contestants: bench.quick ? all.filter(({ calls, steps }) => calls * steps === 1) : all,
      connections: 64,
      rounds: 5,
      seconds: 2,
    });
    const one = '1 step of 1 call';
    const aims = [
      { what: 'a loop: CPU', unit: 'µs', most: 300, figure: median(of(one, 'cpu')) },
      { what: 'loops per second', least: 3_300, figure: median(of(one, 'perSecond')) },
    ];
    // Nobody else does loops: no columns for nginx and Portkey.
    const without = (cells: readonly string[]) => cells.toSpliced(4, 2);
    return [
      {
        ...section,
        columns: without(section.columns),
        rows: section.rows.map(without),
        aims,
      } satisfies Section,
    ];
  },
};

/** How long each of the others takes, in milliseconds. */
const delay = 20;

/** One at a time, with waiting: what a loop takes longer than the upstream and the API take together. */
export const overheadPart: Part = {
  name: 'overhead',
  async run(bench) {
    await using stack = new AsyncDisposableStack();
    const plugins = await installPlugins(stack, { api: bench.upstream.origin, count: 25, apiTakes: delay });
    const { release, upstream, folder } = bench;
    const gateway = stack.use(await startGateway({ release, upstream: upstream.origin, plugins }));
    const naive = await naiveWay(folder, upstream, delay);
    stack.use(naive.running);
    const all = contestants(gateway.way(20), naive, delay);
    for (const { way, body } of all) await check(way, body);
    const [rounds, count] = bench.quick ? [2, 4] : [7, 10];
    const results = await contest(all, rounds, (one) => measure(bench, one, count));
    const middle = (name: string, figure: 'added' | 'total') =>
      median(results.find(({ contestant }) => contestant.name === name)?.rounds.map((r) => r[figure]) ?? []);
    const one = '1 step of 1 call';
    return [
      {
        title: 'Loops that wait for the others',
        text: `Upstream and API take ${delay} ms each time. Added: what a loop takes longer than the time in which one of them was at work, as they say; ${rounds} rounds of ${count} loops, one after the other.`,
        columns: ['', 'total ms', 'added ms'],
        rows: results.map(({ contestant: { name }, rounds }) => [
          name,
          shortly(median(rounds.map(({ total }) => total))),
          withSpread(spread(rounds.map(({ added }) => added))),
        ]),
        plot: {
          title: 'Loops that wait for the others',
          unit: 'added ms, less is better',
          bars: results.map(({ contestant: { name }, rounds }) => ({
            name,
            figure: spread(rounds.map(({ added }) => added)),
            ours: !name.includes('naive'),
          })),
        },
        aims: [
          {
            what: '8 parallel calls: × the time of one',
            most: 1.1,
            figure: middle('1 step of 8 calls', 'total') / middle(one, 'total'),
          },
          {
            what: 'a further step adds',
            unit: 'ms',
            most: 0.25,
            figure: (middle('5 steps of 1 call', 'added') - middle(one, 'added')) / 4,
          },
        ],
      },
    ];
  },
};

/** Milliseconds per loop. */
async function measure({ runJob, upstream }: Bench, { way, body }: Contestant, count: number) {
  const waited = async () => Number(await (await fetch(`${upstream.origin}/waited`)).text());
  const before = await waited();
  const { elapsed } = await runJob('exchanges', way, body, { count, connections: 1 });
  const others = (await waited()) - before;
  return { total: elapsed / count / 1_000, added: (elapsed - others) / count / 1_000 };
}
