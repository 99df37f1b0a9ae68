// `npm run bench`: the command line of the benchmark.
import { parseArgs } from 'node:util';
import { openBench, type Part } from './bench.ts';
import { compare } from './compare.ts';
import { firstTextPart } from './first-text-part.ts';
import { latencyPart, pacedPart } from './latency-parts.ts';
import { livePart } from './live-part.ts';
import { loopsPart, overheadPart } from './loop-parts.ts';
import { writePage } from './page.ts';
import { bodiesPart, plainPart, streamsPart } from './plain-parts.ts';
import { pluginsPart, startPart, twoPart } from './process-parts.ts';
import { inTerminal, type Section } from './report.ts';
import { installTools } from './tools.ts';

const parts: readonly Part[] = [
  plainPart,
  streamsPart,
  bodiesPart,
  loopsPart,
  overheadPart,
  latencyPart,
  pacedPart,
  firstTextPart,
  livePart,
  pluginsPart,
  startPart,
  twoPart,
];
const names = parts.map(({ name }) => name);

const usage = `npm run bench -- [quick] [PART...] [--write]
npm run bench -- compare [quick] [REF] [--write]

Measures the gateway beside nginx, Portkey's gateway and a naive one. Parts: ${names.join(', ')}.
"compare" measures the hot path of this tree beside that of a commit (default HEAD~1), built and run side by side.

  quick    few and short rounds
  --write  writes docs/performance.md; with "compare", bench/hot-path.json
`;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { write: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  const quick = positionals.includes('quick');
  const [first, ...others] = positionals.filter((word) => word !== 'quick');
  if (first === 'compare' && others.length <= 1 && !values.help) {
    installTools();
    await compare({ reference: others[0] ?? 'HEAD~1', quick, write: values.write });
    return 0;
  }
  const chosen = first === undefined ? names : [first, ...others];
  const unknown = chosen.some((name) => !names.includes(name));
  if (unknown || values.help) {
    process.stdout.write(usage);
    return values.help ? 0 : 64;
  }
  installTools();
  await run(chosen, quick, values.write);
  return 0;
}

async function run(chosen: readonly string[], quick: boolean, write: boolean): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const bench = await openBench(stack, quick);
  const found = new Map<string, Section[]>();
  for (const part of parts.filter(({ name }) => chosen.includes(name))) {
    const sections = await part.run(bench);
    for (const section of sections) process.stdout.write(inTerminal(section));
    found.set(part.name, sections);
  }
  if (write) process.stdout.write(`\nwritten: ${writePage(found, names)}\n`);
}

if (import.meta.main) {
  // Leaving by `exit` ends the processes too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  // Each process that runs has a listener that ends it with this one; there are more than ten.
  process.setMaxListeners(50);
  process.exitCode = await main();
}
