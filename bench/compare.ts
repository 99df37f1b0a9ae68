// The guard of the hot path: what a change did to it, against a commit before, both built and run side by side.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contest, type Result } from './contest.ts';
import { median, ratios, shortly, spread, withSpread } from './figures.ts';
import { startGateway, type Gateway, type Granted } from './gateway.ts';
import { startLoad, type RunJob } from './load.ts';
import { startUpstream } from './nginx.ts';
import type { Asked } from './heap-probe.ts';
import { installPlugins } from './plugins.ts';
import { cpuSeconds, nextMessage } from './processes.ts';
import { buildRelease } from './release.ts';
import { inTerminal } from './report.ts';
import { chat, check } from './requests.ts';
import { recordLimits } from '../src/http/run-records.ts';

/** What the hot path is asked to do. */
const cases: readonly { readonly name: string; readonly granted: Granted; readonly body: string }[] = [
  { name: 'pass-through', granted: 0, body: chat('json') },
  { name: '20 functions', granted: 20, body: chat('json') },
  { name: '500 functions', granted: 500, body: chat('json') },
  { name: '20 functions, conversation of 100 KB', granted: 20, body: chat('json', { turns: 32 }) },
  { name: 'stream passed through', granted: 0, body: chat('events', { stream: true }) },
  { name: 'stream, 20 functions', granted: 20, body: chat('events', { stream: true }) },
  { name: 'loop', granted: 20, body: chat('loop:1x1@0') },
  { name: 'loop of 8 calls', granted: 20, body: chat('loop:8x1@0') },
  { name: 'loop, streamed', granted: 20, body: chat('loop:1x1@0', { stream: true }) },
];
type Case = (typeof cases)[number];

/** What one request costs. */
interface Cost {
  /** Processor time in microseconds. */
  readonly cpu: number;
  /** Kilobytes that the main thread's heap gave out; buffers lie outside it. */
  readonly allocated: number;
}

/** What a case has shown. */
interface Shown {
  readonly rounds: Rounds;
  /** Kilobytes that are still held after its end, buffers too, of each of the runs whose records are kept. */
  readonly kept: Readonly<Record<Side, number>>;
}

/** Two trees, and the gateway of each. */
interface Sides {
  readonly before: Gateway;
  readonly now: Gateway;
}
type Side = keyof Sides;
type Rounds = readonly Result<Side, Cost>[];

export interface CompareOptions {
  /** The commit to compare with. */
  readonly reference: string;
  readonly quick: boolean;
  /** Record the figures of this tree. */
  readonly write: boolean;
}

const tree = fileURLToPath(new URL('..', import.meta.url));
const recordFile = fileURLToPath(new URL('hot-path.json', import.meta.url));

/** Compares this tree with a commit and prints what it did to each case. */
export async function compare({ reference, quick, write }: CompareOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const sides = await openSides(stack, reference);
  const runJob = await startLoad(stack);
  const [rounds, count] = quick ? [3, 500] : [9, 3_000];
  const results = new Map<string, Shown>();
  const idle = { before: await asked(sides.before, 'held'), now: await asked(sides.now, 'held') };
  for (const one of cases) {
    for (const side of ['before', 'now'] as const) await check(sides[side].way(one.granted), one.body);
    const measure = (side: Side) => measureCost(runJob, sides[side], one, count);
    const seen = await contest(['before', 'now'], rounds, measure);
    // Once, at the end: a forced collection takes compiled code with it.
    const kept = async (side: Side) =>
      ((await asked(sides[side], 'held')) - idle[side]) / recordLimits.records / 1_000;
    results.set(one.name, { rounds: seen, kept: { before: await kept('before'), now: await kept('now') } });
  }
  process.stdout.write(
    inTerminal({
      title: `The hot path, beside ${reference}`,
      text: `64 connections, ${rounds} rounds of ${count.toLocaleString('en')} requests each, in turn. Medians; in parentheses the spread of the rounds. Kept is what is held of an ended run, of the ${recordLimits.records.toLocaleString('en')} newest.`,
      columns: [
        '',
        'CPU µs before',
        'now',
        'ratio',
        'KB allocated before',
        'now',
        'ratio',
        'KB recorded',
        'KB kept before',
        'now',
      ],
      rows: [...results].map(([name, shown]) => row(name, shown)),
    }),
  );
  if (write) record(results);
}

/** Builds both trees and starts a gateway of each, on the same core. */
async function openSides(stack: AsyncDisposableStack, reference: string): Promise<Sides> {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-gateway-compare-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const old = join(folder, 'before');
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: tree, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  const commit = git('rev-parse', '--verify', `${reference}^{commit}`).trim();
  git('clone', '--quiet', '--shared', '--no-checkout', tree, old);
  git('-C', old, 'checkout', '--quiet', '--detach', commit);
  await installPackages(old);
  const upstream = stack.use(await startUpstream(folder));
  const plugins = await installPlugins(stack, { api: upstream.origin, count: 25, apiTakes: 0 });
  const open = async (from: string) => {
    const release = await buildRelease(stack, from);
    const node = ['--import', new URL('heap-probe.ts', import.meta.url).href];
    const options = { release, upstream: upstream.origin, plugins, node, messages: true };
    return stack.use(await startGateway(options));
  };
  return { before: await open(old), now: await open(tree) };
}

/** The same packages as here, installed anew only where the lock file tells of others. */
async function installPackages(old: string): Promise<void> {
  const lock = (folder: string) => readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (lock(old) === lock(tree)) return symlink(join(tree, 'node_modules'), join(old, 'node_modules'));
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: old, stdio: 'inherit' });
}

async function measureCost(
  runJob: RunJob,
  gateway: Gateway,
  { granted, body }: Case,
  count: number,
): Promise<Cost> {
  const before = { cpu: cpuSeconds(gateway), allocated: await asked(gateway, 'allocated') };
  await runJob('exchanges', gateway.way(granted), body, { count, connections: 64 });
  return {
    cpu: ((cpuSeconds(gateway) - before.cpu) / count) * 1e6,
    allocated: ((await asked(gateway, 'allocated')) - before.allocated) / count / 1_000,
  };
}

async function asked({ child }: Gateway, what: Asked): Promise<number> {
  child.send(what);
  return Number(await nextMessage(child));
}

function row(name: string, { rounds, kept }: Shown): string[] {
  return [
    name,
    ...(['cpu', 'allocated'] as const).flatMap((figure) => {
      const [before, now] = [figures(rounds, 'before', figure), figures(rounds, 'now', figure)];
      return [shortly(median(before)), shortly(median(now)), withSpread(ratios(now, before))];
    }),
    shortly(readRecord()[name]?.allocated ?? Number.NaN),
    shortly(kept.before),
    shortly(kept.now),
  ];
}

function figures(rounds: Rounds, side: Side, figure: keyof Cost): number[] {
  return rounds.find(({ contestant }) => contestant === side)?.rounds.map((cost) => cost[figure]) ?? [];
}

/** Allocations hold on every machine with the same Node; processor time on this one. */
function record(results: ReadonlyMap<string, Shown>): void {
  const costs = [...results].map(([name, { rounds, kept }]) => {
    const middle = (figure: keyof Cost) =>
      Number(spread(figures(rounds, 'now', figure)).median.toPrecision(3));
    return [
      name,
      { cpu: middle('cpu'), allocated: middle('allocated'), kept: Number(kept.now.toPrecision(3)) },
    ];
  });
  writeFileSync(recordFile, `${JSON.stringify(Object.fromEntries(costs), null, 2)}\n`);
  process.stdout.write(`recorded: ${recordFile}\n`);
}

function readRecord(): Readonly<Record<string, Cost>> {
  return existsSync(recordFile) ? (JSON.parse(readFileSync(recordFile, 'utf8')) as Record<string, Cost>) : {};
}
