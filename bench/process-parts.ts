// The gateway as a process: how fast it starts, what it holds idle, what installed plugins cost, two instead of one.
import { setTimeout as wait } from 'node:timers/promises';
import type { Bench, Part } from './bench.ts';
import { loadClosed } from './closed-load.ts';
import { contest } from './contest.ts';
import { median, ratios, shortly, spread, withSpread } from './figures.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { installPlugins } from './plugins.ts';
import { cores, memory, type Running } from './processes.ts';
import { chat, check } from './requests.ts';
import { naiveWay, portkeyWay } from './ways.ts';

/** From nothing to the first answer, and the memory a while later. */
export const startPart: Part = {
  name: 'start',
  async run(bench) {
    await using stack = new AsyncDisposableStack();
    const { release, upstream, folder } = bench;
    const plugins = await installPlugins(stack, { api: upstream.origin, count: 1, apiTakes: 0 });
    const options = { release, upstream: upstream.origin, plugins, cores: cores.all };
    const starters = [
      { name: 'gateway, a plugin of 20 functions', start: () => startGateway(options) },
      { name: 'Portkey', start: async () => (await portkeyWay(upstream, cores.all)).running },
      { name: 'naive gateway', start: async () => (await naiveWay(folder, upstream, 0, cores.all)).running },
    ];
    const rounds = bench.quick ? 2 : 9;
    const results = await contest(starters.slice(0, bench.quick ? 1 : 3), rounds, ({ start }) =>
      measureStart(start),
    );
    const [ours] = results;
    return [
      {
        title: 'Start and idle memory',
        text: `From the start of the process, on all cores, to its first answer; memory a second later. ${rounds} rounds.`,
        columns: ['', 'ready after ms', 'MB idle'],
        rows: results.map(({ contestant: { name }, rounds }) => [
          name,
          withSpread(spread(rounds.map(({ ready }) => ready))),
          withSpread(spread(rounds.map(({ idle }) => idle))),
        ]),
        aims: [
          {
            what: 'ready after',
            unit: 'ms',
            most: 350,
            figure: median(ours?.rounds.map((r) => r.ready) ?? []),
          },
          {
            what: 'memory idle',
            unit: 'MB',
            most: 95,
            figure: median(ours?.rounds.map((r) => r.idle) ?? []),
          },
        ],
      },
    ];
  },
};

async function measureStart(start: () => Promise<Running>): Promise<{ ready: number; idle: number }> {
  const before = performance.now();
  await using running = await start();
  const ready = performance.now() - before;
  await wait(1_000);
  return { ready, idle: memory(running) };
}

/** What plugins cost that are installed but not granted. */
export const pluginsPart: Part = {
  name: 'plugins',
  async run(bench) {
    await using stack = new AsyncDisposableStack();
    const installed = bench.quick ? [1, 100] : [1, 100, 1_000];
    const gateways: { count: number; gateway: Gateway; ready: number }[] = [];
    for (const count of installed) {
      const plugins = await installPlugins(stack, { api: bench.upstream.origin, count, apiTakes: 0 });
      const before = performance.now();
      const gateway = stack.use(
        await startGateway({ release: bench.release, upstream: bench.upstream.origin, plugins }),
      );
      gateways.push({ count, gateway, ready: performance.now() - before });
    }
    const body = chat('json');
    for (const { gateway } of gateways) await check(gateway.way(20), body);
    const [rounds, seconds] = bench.quick ? [2, 1] : [7, 2];
    const results = await contest(gateways, rounds, ({ gateway }) =>
      loadClosed({ way: gateway.way(20), body, connections: 64, seconds }),
    );
    const cpuOf = (at: number) => results.at(at)?.rounds.map(({ cpu }) => cpu) ?? [];
    const most = results.at(-1)?.contestant.count ?? 0;
    return [
      {
        title: 'Installed plugins',
        text: `Plugins of 20 functions each are installed; the consumer is granted the first. Plain requests, 64 connections, ${rounds} rounds of ${seconds} s.`,
        columns: ['plugins', 'CPU µs each', '× one plugin', 'ready after ms', 'MB'],
        rows: results.map(({ contestant: { count, ready }, rounds }, at) => [
          count.toLocaleString('en'),
          withSpread(spread(rounds.map(({ cpu }) => cpu))),
          withSpread(ratios(cpuOf(at), cpuOf(0))),
          shortly(ready),
          shortly(median(rounds.map(({ megabytes }) => megabytes))),
        ]),
        aims: [
          {
            what: `${most.toLocaleString('en')} installed plugins: × one`,
            most: 1.05,
            figure: ratios(cpuOf(-1), cpuOf(0)).median,
          },
        ],
      },
    ];
  },
};

/** Two processes on two cores, each with a port and a wrk of its own. */
export const twoPart: Part = {
  name: 'two',
  async run(bench: Bench) {
    await using stack = new AsyncDisposableStack();
    const { release, upstream, plugins } = bench;
    const open = async (pinned: readonly number[]) =>
      stack.use(await startGateway({ release, upstream: upstream.origin, plugins, cores: pinned }));
    const first = await open(cores.subject);
    const second = await open(cores.second);
    const body = chat('json');
    const [rounds, seconds] = bench.quick ? [2, 1] : [7, 3];
    const load = (gateway: Gateway) => loadClosed({ way: gateway.way(20), body, connections: 64, seconds });
    const teams = [
      { name: 'one process', members: [first] },
      { name: 'two processes', members: [first, second] },
    ];
    const results = await contest(teams, rounds, async ({ members }) => {
      const seen = await Promise.all(members.map(load));
      return {
        perSecond: seen.reduce((sum, { perSecond }) => sum + perSecond, 0),
        cpu: median(seen.map(({ cpu }) => cpu)),
      };
    });
    const rates = results.map(({ rounds }) => rounds.map(({ perSecond }) => perSecond));
    const ratio = ratios(rates[1] ?? [], rates[0] ?? []);
    const shared =
      cores.load[0] === cores.second[0]
        ? 'With two cores, upstream and load share the core of the second process, and take of it what they need.'
        : '';
    return [
      {
        title: 'Two processes on two cores',
        text: `Plain requests with 20 functions, ${rounds} rounds of ${seconds} s. Each process has a core, a port, and a wrk with 64 connections of its own. ${shared}`.trim(),
        columns: ['', 'requests/s', '× one', 'CPU µs each'],
        rows: results.map(({ contestant: { name }, rounds }, at) => [
          name,
          withSpread(spread(rates[at] ?? [])),
          at === 0 ? '1' : withSpread(ratio),
          withSpread(spread(rounds.map(({ cpu }) => cpu))),
        ]),
        aims: [{ what: 'two processes: × one', least: 1.7, figure: ratio.median }],
      },
    ];
  },
};
