// The other converters over the same documents: each in a process of its own, with limits of time and memory.
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generalDocuments, genuineLabels, readText, storePlugins } from './data.ts';
import { addTally, emptyTally, type Tally } from './kept.ts';
import { factKinds } from './facts.ts';
import { mostCountedOperations, type Outcome, type Question } from './others-child.ts';
import { converters, installedVersion } from './others.ts';
import { count, percent, table, thousands, type Section } from './report.ts';
import type { Progress } from './progress.ts';

const memory = 2048;
const seconds = 60;
/** For counting afterwards what came out. */
const judgingSeconds = 120;

/** Installs the other converters into this folder, where they are missing. They are no part of the product. */
export function installOthers(say: (text: string) => void): void {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  if (existsSync(join(folder, 'node_modules/.package-lock.json'))) return;
  say('Installing the other converters into bench/conformance/node_modules (once).');
  const { status } = spawnSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (status !== 0) throw new Error('npm ci in bench/conformance failed; run it there by hand to see why');
}

/** A process that runs one converter; it is started again after a crash. */
class Worker {
  readonly #converter: string;
  #child: ChildProcess | null = null;

  constructor(converter: string) {
    this.#converter = converter;
  }

  /** The outcome; a text says how the process ended instead. */
  ask(file: string): Promise<Outcome | string> {
    this.#child ??= this.#start();
    const child = this.#child;
    return new Promise((resolve) => {
      const finish = (result: Outcome | string): void => {
        clearTimeout(timer);
        child.removeAllListeners('message');
        child.removeAllListeners('exit');
        if (typeof result === 'string') {
          child.kill('SIGKILL');
          this.#child = null;
        }
        resolve(result);
      };
      let timer = setTimeout(() => finish(`more than ${String(seconds)} s`), seconds * 1000);
      child.on('message', (message) => {
        if (message !== 'converted') return finish(message as Outcome);
        clearTimeout(timer);
        timer = setTimeout(() => finish('too large to judge'), judgingSeconds * 1000);
      });
      child.once('exit', (_, signal) =>
        finish(signal === 'SIGABRT' ? `more than ${String(memory)} MB` : 'crash'),
      );
      child.send({ converter: this.#converter, file } satisfies Question);
    });
  }

  #start(): ChildProcess {
    // no network, no writing: what a document names is not contacted
    const execArgv = [
      '--permission',
      '--allow-fs-read=*',
      `--max-old-space-size=${String(memory)}`,
      '--no-warnings',
    ];
    return fork(fileURLToPath(new URL('others-child.ts', import.meta.url)), [], {
      execArgv,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }
}

interface Sum {
  loaded: number;
  documents: number;
  operations: number;
  functions: number;
  accepted: number;
  tokens: number;
  kept: Tally;
  ends: Map<string, number>;
  refused: Map<string, number>;
}

async function runAll(converter: string, files: readonly string[], progress: Progress): Promise<Sum> {
  const sum: Sum = {
    loaded: 0,
    documents: files.length,
    operations: 0,
    functions: 0,
    accepted: 0,
    tokens: 0,
    kept: emptyTally(),
    ends: new Map(),
    refused: new Map(),
  };
  const add = (map: Map<string, number>, name: string, more: number): void =>
    void map.set(name, (map.get(name) ?? 0) + more);
  const worker = new Worker(converter);
  try {
    for (const file of files) {
      const outcome = await worker.ask(file);
      progress.step();
      if (typeof outcome === 'string') {
        add(sum.ends, outcome, 1);
        continue;
      }
      sum.operations += outcome.operations;
      if (outcome.error !== null) {
        add(sum.ends, 'error', 1);
        continue;
      }
      sum.loaded += 1;
      sum.functions += outcome.functions;
      sum.accepted += outcome.accepted;
      sum.tokens += outcome.tokens;
      addTally(sum.kept, outcome.kept);
      for (const [reason, times] of Object.entries(outcome.refused)) add(sum.refused, reason, times);
    }
    return sum;
  } finally {
    worker.stop();
  }
}

/** Runs every converter over both collections, two at a time. */
export async function runOthers(
  shared: string,
  start: (title: string, total: number) => Progress,
): Promise<Section> {
  const unpacked = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const store = storePlugins(shared)
      .filter((plugin) => genuineLabels.includes(plugin.label))
      .flatMap(({ documentFile }) => documentFile ?? []);
    const general = generalDocuments(shared).map(({ file }) => {
      if (!file.endsWith('.gz')) return file;
      const plain = join(unpacked, file.split('/').at(-1)?.replace(/\.gz$/, '') ?? 'document.json');
      writeFileSync(plain, readText(file));
      return plain;
    });
    const progress = start('other converters', (store.length + general.length) * converters.length);
    const sums = new Map<string, Sum>();
    const jobs = converters.flatMap(({ name }) => [
      { name, which: 'store', files: store },
      { name, which: 'general', files: general },
    ]);
    const lane = async (): Promise<void> => {
      for (let job = jobs.shift(); job; job = jobs.shift())
        sums.set(`${job.which} ${job.name}`, await runAll(job.name, job.files, progress));
    };
    await Promise.all([lane(), lane()]);
    progress.end();
    return { name: 'others', text: write(sums, store.length, general.length) };
  } finally {
    rmSync(unpacked, { recursive: true });
  }
}

function write(sums: ReadonlyMap<string, Sum>, store: number, general: number): string {
  const versions = converters
    .slice(1)
    .map((one) => `\`${one.package}\` ${installedVersion(one.package)}`)
    .join(', ');
  const of = (which: string) => converters.map(({ name }) => [name, sums.get(`${which} ${name}`)] as const);
  return [
    '## Beside other converters',
    '',
    `Each reads the same texts: ${versions}. Every document is converted in a process of its own kind, without a network, in ${String(seconds)} s and ${String(memory)} MB. "Accepted" are functions that OpenAI's API takes (name, object at the root, \`items\` on arrays, no reference that leads out of the function), of a name that no other function of the document has. "Kept" is counted of the documents that a converter loads, up to ${String(mostCountedOperations)} operations each. Only conversion is compared here, not the requests that follow.`,
    '',
    `### ${String(store)} documents of the store`,
    '',
    loadTable(of('store')),
    '',
    keptTable(of('store')),
    '',
    `### ${String(general)} general documents`,
    '',
    loadTable(of('general')),
    '',
    keptTable(of('general')),
    '',
    'The gateway shortens functions of more than 5,000 tokens, with a diagnostic, so that one function never fills a context: here these few hold most of all texts. Of functions of full length it keeps what the table of general documents says.',
  ].join('\n');
}

type Rows = readonly (readonly [string, Sum | undefined])[];

function pairs(map: ReadonlyMap<string, number>): string {
  return [...map].map(([name, times]) => `${name} ${count(times)}`).join(', ') || '-';
}

function loadTable(rows: Rows): string {
  return table(
    ['converter', 'documents loaded', 'not loaded', 'functions', 'accepted', 'not accepted', 'tokens'],
    rows.flatMap(([name, sum]) =>
      sum
        ? [
            [
              name,
              `${count(sum.loaded)} of ${count(sum.documents)}`,
              pairs(sum.ends),
              count(sum.functions),
              count(sum.accepted),
              pairs(sum.refused),
              thousands(sum.tokens),
            ],
          ]
        : [],
    ),
  );
}

function keptTable(rows: Rows): string {
  return table(
    ['kept of what is loaded', ...factKinds.map((kind) => `${kind}s`)],
    rows.flatMap(([name, sum]) =>
      sum ? [[name, ...factKinds.map((kind) => percent(sum.kept[kind].kept, sum.kept[kind].total))]] : [],
    ),
  );
}
