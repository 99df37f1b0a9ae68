// Thousands of live streams at the same time: memory, delay, and whether anything gets lost.
import type { Bench, Part } from './bench.ts';
import { shortly, spread } from './figures.ts';
import { startGateway } from './gateway.ts';
import type { JobResults } from './load.ts';
import { cpuSeconds, memory } from './processes.ts';
import type { Aim } from './report.ts';
import { chat, check } from './requests.ts';
import { naiveWay, nginxWay, portkeyWay, type Way } from './ways.ts';

/** So many streams, so many of them begun per second, each of so many events, one per second. */
interface Crowd {
  readonly count: number;
  readonly perSecond: number;
  readonly events: number;
}

type Seen = JobResults['streams'] & {
  readonly name: string;
  readonly ours: boolean;
  readonly count: number;
  /** Megabytes before, and the most during the streams. */
  readonly idle: number;
  readonly peak: number;
  /** Processor time in microseconds per event. */
  readonly cpu: number;
};

type Open = (bench: Bench) => Promise<Way>;

/** Fresh processes: memory that earlier load has left behind is not theirs. */
const fresh = {
  nginx: ({ folder, upstream }: Bench) => nginxWay(folder, upstream),
  gateway: async ({ release, upstream, plugins }: Bench) =>
    (await startGateway({ release, upstream: upstream.origin, plugins })).way(20),
  portkey: ({ upstream }: Bench) => portkeyWay(upstream),
  naive: ({ folder, upstream }: Bench) => naiveWay(folder, upstream),
} satisfies Record<string, Open>;

export const livePart: Part = {
  name: 'live',
  async run(bench) {
    const some: Crowd = { count: 500, perSecond: 400, events: 3 };
    const few: Crowd = { count: 1_000, perSecond: 400, events: 10 };
    const many: Crowd = { count: 8_000, perSecond: 400, events: 40 };
    const both = [fresh.nginx, fresh.gateway];
    const plan: [Crowd, readonly Open[]][] = bench.quick
      ? [[some, [fresh.gateway]]]
      : [
          [few, [...both, fresh.portkey, fresh.naive]],
          [many, both],
        ];
    const seen: Seen[] = [];
    for (const [crowd, ways] of plan) for (const open of ways) seen.push(await join(bench, open, crowd));
    return [
      {
        title: 'Live streams',
        text: 'All open at the same time, an event per second in each, with its number and the time at which it was written. A stream is whole when each event came, once and in order, to the end. Fresh processes.',
        columns: [
          '',
          'streams',
          'at once',
          'not whole',
          'MB idle',
          'MB at most',
          'event p50 ms',
          'event p99 ms',
          'CPU µs per event',
        ],
        rows: seen.map((one) => [
          one.name,
          ...[one.count, one.atOnce, one.broken].map((count) => count.toLocaleString('en')),
          ...[one.idle, one.peak, one.p50 / 1_000, one.p99 / 1_000, one.cpu].map(shortly),
        ]),
        plot: {
          title: 'Live streams',
          unit: 'MB at most, less is better',
          bars: seen.map(({ name, ours, count, peak }) => ({
            name: `${count.toLocaleString('en')}: ${name}`,
            ours,
            figure: spread([peak]),
          })),
        },
        aims: seen.filter(({ ours, count }) => ours && count === 8_000).flatMap(aims),
      },
    ];
  },
};

function aims({ peak, broken, p99 }: Seen): Aim[] {
  return [
    { what: '8,000 live streams: memory', unit: 'MB', most: 500, figure: peak },
    { what: '8,000 live streams: not whole', most: 0, figure: broken },
    { what: '8,000 live streams: event p99', unit: 'ms', most: 20, figure: p99 / 1_000 },
  ];
}

/** Opens a way and sends a crowd through it. */
async function join(bench: Bench, open: Open, crowd: Crowd): Promise<Seen> {
  const way = await open(bench);
  await using running = way.running;
  await check(way, chat('json'));
  const idle = memory(running);
  const before = cpuSeconds(running);
  let peak = idle;
  const watch = setInterval(() => (peak = Math.max(peak, memory(running))), 200);
  try {
    const body = chat(`paced:${crowd.events}@1000`, { stream: true });
    const seen = await bench.runJob('streams', way, body, crowd);
    for (const [reason, count] of Object.entries(seen.reasons))
      process.stderr.write(`${way.name}: ${count} streams: ${reason}\n`);
    const cpu = ((cpuSeconds(running) - before) / seen.events) * 1e6;
    return { ...seen, name: way.name, ours: way.ours, count: crowd.count, idle, peak, cpu };
  } finally {
    clearInterval(watch);
  }
}
