// `npm run bench [-- quick] [-- --write]`: what the gateway adds to requests, against the same load sent directly.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { testConfig } from '../test/gateway/gateway.ts';
import { writePlugins } from '../test/gateway/plugin-folder.ts';
import { benchCases, benchPaths, type BenchCase } from './cases.ts';
import { compareFirstTexts } from './first-text.ts';
import { measure, type Measurement } from './load.ts';
import { firstTextTable, markdownTable, summarise, textTable, type Row } from './report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
});
const quick = positionals.includes('quick');
const rounds = quick ? 3 : 9;
const milliseconds = quick ? 400 : 1500;

const endings: (() => unknown)[] = [];
try {
  await run();
} finally {
  for (const end of endings.toReversed()) await end();
}

async function run(): Promise<void> {
  const scope = { after: (end: () => unknown) => void endings.push(end) };
  const port = await start(new URL('./upstream-process.ts', import.meta.url));
  const host = `127.0.0.1:${String(port)}`;
  const direct = `http://${host}`;
  const folder = await writePlugins(scope, [{ name: 'bench', origin: direct, paths: benchPaths }]);
  const config = testConfig({
    upstreams: [{ name: 'bench', url: `${direct}/v1`, models: ['*'] }],
    plugins: { folder, install: [], settings: {} },
    egress: { allow: [host] },
  });
  const through = String(
    await start(new URL('./gateway-process.ts', import.meta.url), JSON.stringify(config)),
  );
  const rows: Row[] = [];
  for (const benchCase of benchCases) {
    rows.push(await compare(benchCase, direct, through));
    process.stderr.write('.');
  }
  const firstRows = await compareFirstTexts(direct, through, quick ? 50 : 300);
  process.stderr.write('\n');
  const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores for load, gateway and upstream together; Node ${process.version}`;
  const method = `${rounds} rounds of ${milliseconds} ms, direct and through the gateway in turn; medians, in brackets the least and greatest round.`;
  process.stdout.write(`${textTable(rows)}\n\n${firstTextTable(firstRows)}\n\n${machine}\n${method}\n`);
  if (!values.write) return;
  const file = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
  await writeFile(file, markdownTable(rows, firstRows, machine, method));
  process.stdout.write(`written to ${file}\n`);
}

/** Starts a process of the benchmark; gives the first thing that it says. */
async function start(file: URL, ...args: string[]): Promise<unknown> {
  const child: ChildProcess = fork(file, args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  endings.push(() => child.disconnect());
  const [said] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${file.pathname} ended before it listened`))),
  ])) as [unknown];
  return said;
}

/** Measures a case in turn: A B A B, first with one worker (latency), then with many (throughput). */
async function compare({ name, ...works }: BenchCase, direct: string, through: string): Promise<Row> {
  const seen = { directAlone: [], throughAlone: [], directMany: [], throughMany: [] } as Record<
    string,
    Measurement[]
  >;
  for (let round = -1; round < rounds; round++) {
    for (const [load, workers] of [
      ['Alone', 1],
      ['Many', 16],
    ] as const) {
      for (const way of ['direct', 'through'] as const) {
        const origin = way === 'direct' ? direct : through;
        const time = round === -1 ? milliseconds / 2 : milliseconds;
        const measured = await measure({ origin, work: works[way], workers, milliseconds: time });
        // The round before the first warms all processes up.
        if (round >= 0) seen[`${way}${load}`]?.push(measured);
      }
    }
  }
  return {
    name,
    directRate: summarise(seen['directMany'] ?? [], 'perSecond'),
    throughRate: summarise(seen['throughMany'] ?? [], 'perSecond'),
    directMedian: summarise(seen['directAlone'] ?? [], 'median'),
    throughMedian: summarise(seen['throughAlone'] ?? [], 'median'),
    throughP99: summarise(seen['throughAlone'] ?? [], 'p99'),
  };
}
