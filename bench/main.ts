// `npm run bench [-- PART... quick --write]`: what the gateway costs, beside others; its parts, and its command line.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBench, type Part } from './bench.ts';
import { bodiesPart, loopsPart, plainPart, streamsPart } from './ceiling-part.ts';
import { inMarkdown, inTerminal, type Section } from './report.ts';
import { installTools } from './tools.ts';

const parts: readonly Part[] = [plainPart, streamsPart, loopsPart, bodiesPart];

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { write: { type: 'boolean', default: false } },
  });
  const quick = positionals.includes('quick');
  const chosen = parts.filter(({ name }) => positionals.includes(name));
  installTools();
  await using stack = new AsyncDisposableStack();
  const bench = await openBench(stack, quick);
  const sections: Section[] = [];
  for (const part of chosen.length > 0 ? chosen : parts) {
    for (const section of await part.run(bench)) {
      process.stdout.write(inTerminal(section));
      sections.push(section);
    }
  }
  if (!values.write) return;
  const file = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
  await writeFile(file, `# Performance\n\n${sections.map(inMarkdown).join('\n')}`);
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  await main();
}
