// General documents, each in a process of its own: no crash, legal and unique functions, memory, time, calls.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fileSize, generalDocuments, type GeneralDocument } from './data.ts';
import { factKinds } from './facts.ts';
import type { Report } from './general-child.ts';
import { addTally, emptyTally } from './kept.ts';
import type { Progress } from './progress.ts';
import { count, percent, table, type Section } from './report.ts';

const memory = 2048;
/** Conversion has 20 s; checking it afterwards may take longer. */
const seconds = 400;

type Outcome = Report | string;

function runChild(document: GeneralDocument): Promise<Outcome> {
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${String(memory)}`,
      fileURLToPath(new URL('general-child.ts', import.meta.url)),
      document.file,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let complaint = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = `${complaint}${chunk.toString()}`.slice(0, 2000);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const text = Buffer.concat(chunks).toString();
      resolve(
        code === 0 && text !== ''
          ? (JSON.parse(text) as Report)
          : `${signal ?? `exit ${String(code)}`} ${complaint}`,
      );
    });
  });
}

/** Part 3. */
export async function checkGeneral(
  shared: string,
  start: (title: string, total: number) => Progress,
): Promise<{ section: Section; failures: string[] }> {
  const documents = generalDocuments(shared);
  const progress = start('general documents', documents.length);
  const outcomes = new Map<GeneralDocument, Outcome>();
  // the largest first: the lanes end together
  const waiting = documents.toSorted((a, b) => fileSize(b.file) - fileSize(a.file));
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      outcomes.set(next, await runChild(next));
      progress.step(next.name);
    }
  };
  await Promise.all([lane(), lane()]);
  progress.end();
  return write(documents, outcomes);
}

function write(
  documents: readonly GeneralDocument[],
  outcomes: ReadonlyMap<GeneralDocument, Outcome>,
): { section: Section; failures: string[] } {
  const failures: string[] = [];
  const kept = emptyTally();
  const sums = { operations: 0, legal: 0, trimmed: 0, cut: 0, calls: 0, right: 0, ambiguous: 0, crashes: 0 };
  const rows: string[][] = [];
  for (const document of documents) {
    const outcome = outcomes.get(document) ?? 'not run';
    if (typeof outcome === 'string') {
      sums.crashes += 1;
      failures.push(`${document.name}: ${outcome}`);
      rows.push([document.name, '-', '-', '-', '-', 'crash']);
      continue;
    }
    const { operations, legal, trimmed, cut, calls, ambiguous, deviations } = outcome;
    sums.operations += operations;
    sums.legal += legal;
    sums.trimmed += trimmed;
    sums.cut += cut;
    sums.calls += calls - ambiguous;
    sums.right += calls - ambiguous - deviations.length;
    sums.ambiguous += ambiguous;
    addTally(kept, outcome.kept);
    failures.push(
      ...[...outcome.faults, ...outcome.losses, ...deviations].map((text) => `${document.name} ${text}`),
    );
    rows.push([
      document.name,
      count(operations),
      percent(legal, operations),
      count(trimmed),
      count(outcome.milliseconds),
      count(Math.round(outcome.rss / 1024 / 1024)),
    ]);
  }
  const keptRows = factKinds.map((kind) => [
    `${kind}s`,
    count(kept[kind].total),
    count(kept[kind].kept),
    percent(kept[kind].kept, kept[kind].total),
  ]);
  const text = [
    '## General documents',
    '',
    `${count(documents.length)} documents, Swagger 2.0 to OpenAPI 3.1, that were not written for plugins. Each is converted in a process of its own with at most ${count(memory)} MB of heap.`,
    '',
    table(
      ['all documents', 'number', 'of', 'share'],
      [
        [
          'converted without a crash',
          count(documents.length - sums.crashes),
          count(documents.length),
          percent(documents.length - sums.crashes, documents.length),
        ],
        [
          'operations that became legal, unique functions',
          count(sums.legal),
          count(sums.operations),
          percent(sums.legal, sums.operations),
        ],
        [
          'calls read back as they were meant',
          count(sums.right),
          count(sums.calls),
          percent(sums.right, sums.calls),
        ],
      ],
    ),
    '',
    `Up to 300 operations per document are called, with all and with the required arguments. ${count(sums.ambiguous)} calls more were refused as they should be: an exploded object would have taken over the name of another parameter. ${count(sums.trimmed)} functions need more than 5,000 tokens at level 1 and are shortened; ${count(sums.cut)} descriptions exceed the 1,024 characters of the profile and are cut. Both are diagnostics.`,
    '',
    table(
      [
        'kept at level 1 (functions of full length, documents of up to 5,000 operations)',
        'in the documents',
        'in the functions',
        'kept',
      ],
      keptRows,
    ),
    '',
    '<details><summary>Each document</summary>',
    '',
    table(['document', 'operations', 'legal, unique', 'shortened', 'ms', 'MB at most'], rows),
    '',
    'Milliseconds of processor time from text to functions; megabytes are the most that the process ever held, of which an empty one takes about 90.',
    '',
    '</details>',
  ].join('\n');
  return { section: { name: 'general', text }, failures };
}
