// docs/performance.md with its plots, made of the results that each part left behind when it last ran with `--write`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { drawBars } from './plot.ts';
import { aimsSection, inMarkdown, type Section } from './report.ts';

/** What a part found when it last ran. */
interface Recorded {
  readonly day: string;
  readonly machine: string;
  readonly sections: readonly Section[];
}

const results = fileURLToPath(new URL('results.json', import.meta.url));
const docs = fileURLToPath(new URL('../docs/', import.meta.url));

/** Records what parts found and writes the page anew; parts that did not run keep what they found before. */
export function writePage(found: ReadonlyMap<string, readonly Section[]>, order: readonly string[]): string {
  const known = existsSync(results)
    ? (JSON.parse(readFileSync(results, 'utf8')) as Record<string, Recorded>)
    : {};
  const day = new Date().toISOString().slice(0, 10);
  const machine = describeMachine();
  for (const [part, sections] of found) known[part] = { day, machine, sections };
  const inOrder = order.flatMap((part) => (known[part] ? [[part, known[part]] as const] : []));
  writeFileSync(results, `${JSON.stringify(Object.fromEntries(inOrder), null, 2)}\n`);
  mkdirSync(`${docs}performance`, { recursive: true });
  const aims = aimsSection(inOrder.flatMap(([, { sections }]) => sections.flatMap(({ aims }) => aims ?? [])));
  const blocks = inOrder.flatMap(([part, { day, machine, sections }]) =>
    sections.map((section, at) => {
      const text = `${section.text} (\`npm run bench -- ${part}\`, ${day}, ${machine})`;
      return inMarkdown({ ...section, text }, writePlot(section, `${part}${at === 0 ? '' : at + 1}`));
    }),
  );
  writeFileSync(`${docs}performance.md`, [head, inMarkdown(aims, null), ...blocks].join('\n'));
  return `${docs}performance.md`;
}

function writePlot({ plot }: Section, name: string): string | null {
  if (!plot) return null;
  writeFileSync(`${docs}performance/${name}.svg`, drawBars(plot));
  return `performance/${name}.svg`;
}

/** `Intel Xeon, 2 cores, Node 26.10.0` */
function describeMachine(): string {
  const all = cpus();
  const model = all[0]?.model.replaceAll(/\((R|TM)\)/g, '').trim() ?? 'unknown processor';
  return `${model}, ${all.length} cores, Node ${process.versions.node}`;
}

const head = `# Performance

Measure on your own machine: \`npm run bench -- quick\` takes two minutes, \`npm run bench\` twenty-five, \`npm run bench -- plain\`
one part. It needs Debian or its kin, installs nginx and wrk when they are missing, and says so. With \`--write\` it writes
this page.

Everything is a real process on loopback. What is measured is a release (\`dist/\`) with a core of its own, and does what it
does in production: consumer keys, policy, egress guard, audit, log at level \`info\` into a file, the SQLite store. nginx
plays the upstream and the plugins' API from a script (\`bench/upstream.lua\`); "direct" shows how far it is from being the
bottleneck. Everybody is measured in turn, round by round, so that what disturbs one disturbs all. The gateway is started with
the image's options for one core (\`NODE_OPTIONS\` and \`CMD\` in \`Dockerfile\`), the others as they come.

- **direct**: no gateway; the CPU is the upstream's own.
- **nginx proxy_pass**: a proxy that reads nothing, the limit.
- **gateway**: this one, with 0, 20 or 500 functions granted, and therefore added to each request.
- **Portkey**: \`@portkey-ai/gateway\` from npm, which passes on.
- **naive gateway**: Fastify, the \`openai\` client and JSON in forty lines (\`bench/naive-gateway-process.ts\`), 20 functions.

"CPU µs each" is the processor time of the process per request, from the operating system's accounting; "of nginx" and
"× Portkey" compare these: 0.2 of nginx is five times its processor time, 11 × Portkey an eleventh of Portkey's.
`;
