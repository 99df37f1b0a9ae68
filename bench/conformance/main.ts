// npm run conformance: the gateway and other converters over real documents; writes docs/compatibility.md.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sharedFolder } from '../../test/shared-data.ts';
import { checkGeneral } from './general-part.ts';
import { installOthers, runOthers } from './others-part.ts';
import { checkProfiles } from './profile-part.ts';
import { startProgress } from './progress.ts';
import { writeReport, type Section } from './report.ts';
import { checkStore, countStore, readStore } from './store-part.ts';

const parts = ['store', 'kept', 'profiles', 'general', 'others'] as const;

const usage = `npm run conformance -- [--only ${parts.join('|')}] [--failures FILE]

  --only PART      one part instead of all; may be given several times
  --failures FILE  write everything that failed into FILE, one per line
`;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      failures: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const chosen: readonly string[] = values.only ?? parts;
  const unknown = chosen.find((one) => !parts.some((part) => part === one));
  if (values.help === true || unknown !== undefined) {
    process.stdout.write(usage);
    process.exitCode = unknown === undefined ? 0 : 2;
    return;
  }
  const shared = sharedFolder();
  if (shared === null)
    throw new Error('needs the real documents in ../shared; set PLUGIN_GATEWAY_SHARED to where they are');
  const { sections, failures } = await run(shared, new Set(chosen));
  const file = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url));
  writeReport(file, head(), sections);
  for (const { text } of sections) process.stdout.write(`${text}\n\n`);
  if (values.failures !== undefined) writeFileSync(values.failures, `${failures.join('\n')}\n`);
  for (const failure of failures.slice(0, 20)) say(`failed: ${failure.slice(0, 400)}`);
  if (failures.length > 20)
    say(`and ${String(failures.length - 20)} more; --failures FILE writes all of them`);
  say('Written: docs/compatibility.md');
}

async function run(
  shared: string,
  chosen: ReadonlySet<string>,
): Promise<{ sections: Section[]; failures: string[] }> {
  const sections: Section[] = [];
  const failures: string[] = [];
  const add = (result: { section: Section; failures: string[] }): void => {
    sections.push(result.section);
    failures.push(...result.failures);
  };
  if (chosen.has('store') || chosen.has('kept')) {
    const store = await readStore(shared, startProgress);
    if (chosen.has('store')) add(await checkStore(store, startProgress));
    if (chosen.has('kept')) add(countStore(store));
  }
  if (chosen.has('profiles')) add(checkProfiles(shared, startProgress));
  if (chosen.has('general')) add(await checkGeneral(shared, startProgress));
  if (chosen.has('others')) {
    installOthers(say);
    sections.push(await runOthers(shared, startProgress));
  }
  return { sections, failures };
}

/** What, when and how. */
function head(): string {
  const day = new Date().toISOString().slice(0, 10);
  const processors = cpus();
  return `# Compatibility

What the gateway makes of real plugins and documents, counted by \`npm run conformance\` (parts: \`-- --only store\`, \`kept\`,
\`profiles\`, \`general\`, \`others\`). The command wrote this page on ${day}, with Node ${process.versions.node} on ${String(processors.length)} processors. The documents are
third-party data and not part of the repository; the hosts that they name are never contacted.
`;
}

if (import.meta.main) await main();
