// Whole loops: the upstream asks for calls, the plugins' API answers, the upstream answers.
import type { Bench, Part } from './bench.ts';
import { barsOf, contest, figuresOf, type Result } from './contest.ts';
import { median, shortly, spread, withSpread } from './figures.ts';
import { startGateway } from './gateway.ts';
import { eightCalls, fiveSteps, loopContestants, oneCall } from './loop-plays.ts';
import { installPlugins } from './plugins.ts';
import type { Section } from './report.ts';
import { chat, check } from './requests.ts';
import { compareThroughput, type Contestant } from './throughput.ts';
import { naiveWay } from './ways.ts';

/** As many as go through one core; nobody waits. */
export const loopsPart: Part = {
  name: 'loops',
  async run(bench) {
    const { gateway, naive, quick } = bench;
    const { section, results } = await compareThroughput(bench, {
      title: 'Loops without waiting',
      contestants: loopContestants({ gateway: gateway.way(20), naive, takes: 0, quick }),
      connections: 64,
      rounds: 5,
      seconds: 2,
      // A loop is many functions, and V8 compiles the last of them after half a minute.
      warmUps: 4,
    });
    const ofOne = (figure: 'cpu' | 'perSecond') => median(figuresOf(results, oneCall, figure));
    const furtherStep = (median(figuresOf(results, fiveSteps, 'cpu')) - ofOne('cpu')) / 4;
    // Nobody else does loops: no columns for nginx and Portkey.
    const without = (cells: readonly string[]) => cells.toSpliced(4, 2);
    return [
      {
        ...section,
        columns: without(section.columns),
        rows: section.rows.map(without),
        aims: [
          { what: 'a loop: CPU', unit: 'µs', most: 300, figure: ofOne('cpu') },
          { what: 'loops per second', least: 3_300, figure: ofOne('perSecond') },
          { what: 'a further step: CPU', unit: 'µs', most: 250, figure: furtherStep },
        ],
      },
    ];
  },
};

/** Loops before those that are measured: what has just been started is not yet compiled. */
const warmUp = 1_000;

/** How long each of the others takes, in milliseconds. */
const takes = 20;

/** Milliseconds of one loop: all, and what the others did not take. */
interface Took {
  readonly total: number;
  readonly added: number;
}

/** One at a time, with waiting: what a loop takes longer than the upstream and the API take together. */
export const overheadPart: Part = {
  name: 'overhead',
  async run(bench) {
    await using stack = new AsyncDisposableStack();
    const { release, upstream, folder, direct, quick } = bench;
    const plugins = await installPlugins(stack, { api: upstream.origin, count: 25, apiTakes: takes });
    const gateway = stack.use(await startGateway({ release, upstream: upstream.origin, plugins }));
    const naive = await naiveWay(folder, upstream, takes);
    stack.use(naive.running);
    const loops = loopContestants({ gateway: gateway.way(20), naive, takes, quick });
    const plain = { name: 'direct, no loop', ours: false, way: direct, body: chat(`loop:1x0@${takes}`) };
    const contestants = [plain, ...loops];
    const [rounds, count] = quick ? [2, 4] : [7, 10];
    for (const { way, body } of contestants) {
      await check(way, body);
      await bench.runJob('exchanges', way, body, { count: quick ? 100 : warmUp, connections: 64 });
    }
    return [show(await contest(contestants, rounds, (one) => measure(bench, one, count)))];
  },
};

async function measure({ runJob, upstream }: Bench, { way, body }: Contestant, count: number): Promise<Took> {
  const waited = async () => Number(await (await fetch(`${upstream.origin}/waited`)).text());
  const before = await waited();
  const { elapsed } = await runJob('exchanges', way, body, { count, connections: 1 });
  const others = (await waited()) - before;
  return { total: elapsed / count / 1_000, added: (elapsed - others) / count / 1_000 };
}

function show(results: readonly Result<Contestant, Took>[]): Section {
  const title = 'Loops that wait for the others';
  const middle = (name: string, figure: keyof Took) => median(figuresOf(results, name, figure));
  const parallel = middle(eightCalls, 'total') / middle(oneCall, 'total');
  const furtherStep = (middle(fiveSteps, 'added') - middle(oneCall, 'added')) / 4;
  return {
    title,
    text: `Upstream and API take ${takes} ms each time; loops come one after the other, after ${warmUp.toLocaleString('en')} of each. Added: what a loop takes longer than the time in which one of the others was at work, as they count it themselves. Medians of ${results[0]?.rounds.length} rounds; in parentheses the least and the greatest.`,
    columns: ['', 'total ms', 'added ms'],
    rows: results.map(({ contestant: { name }, rounds }) => [
      name,
      shortly(middle(name, 'total')),
      withSpread(spread(rounds.map(({ added }) => added))),
    ]),
    plot: { title, unit: 'added ms, less is better', bars: barsOf(results, 'added') },
    aims: [
      { what: '8 parallel calls: × the time of one', most: 1.1, figure: parallel },
      { what: 'a further step adds', unit: 'ms', most: 0.25, figure: furtherStep },
    ],
  };
}
