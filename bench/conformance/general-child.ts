// One general document in a process of its own, so that its memory and time are its own: prints one line of JSON.
import { noCredential } from '../../src/plugin/credential.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import { readText } from './data.ts';
import { declaredOperations, siteOf, type Declared } from './declared.ts';
import { factsOf } from './facts.ts';
import { addTally, emptyTally, tally, type Tally } from './kept.ts';
import { createProfileCheck } from './legal.ts';
import { startLoopback } from './loopback.ts';
import { convertDocument, hiddenSites, originsOf, siteOfFunction } from './ours.ts';
import { tryCall } from './trial.ts';
import { parseTree } from './tree.ts';

/** What the child says of its document. */
export interface Report {
  /** Of the processor: what else the machine does is not in it. */
  readonly milliseconds: number;
  /** Bytes that the process held at most while it converted. */
  readonly rss: number;
  readonly trimmed: number;
  readonly operations: number;
  readonly legal: number;
  readonly faults: readonly string[];
  readonly kept: Tally;
  readonly losses: readonly string[];
  /** Descriptions beyond the profile's 1,024 characters: cut, and said so. */
  readonly cut: number;
  readonly calls: number;
  readonly ambiguous: number;
  readonly deviations: readonly string[];
}

const mostCalls = 300;
/** A document with more operations is converted and called, but what it keeps is not counted: that takes minutes. */
const mostCounted = 5000;

/** Converts, measured; then everything that is said about the functions, against the raw document. */
async function check(file: string): Promise<Report> {
  const text = readText(file);
  const started = process.cpuUsage();
  convertDocument(text, file, []);
  const { user, system } = process.cpuUsage(started);
  const milliseconds = Math.round((user + system) / 1000);
  const rss = process.resourceUsage().maxRSS * 1024;
  const declared = declaredOperations(parseTree(text));
  const { functions, diagnostics } = convertDocument(text, file, hiddenSites(declared));
  const bySite = new Map(functions.map((fn) => [siteOfFunction(fn), fn]));
  const trimmed = new Set(
    diagnostics
      .filter(
        (one) =>
          one.code === 'function-trimmed' || one.code === 'function-large' || one.code === 'schema-cut',
      )
      .map((one) => one.pointer),
  );
  const short = new Set(
    diagnostics.filter((one) => one.code === 'description-cut').map((one) => one.pointer),
  );
  const fits = createProfileCheck();
  let cut = 0;
  const faults: string[] = [];
  const losses: string[] = [];
  const kept = emptyTally();
  const names = new Set<string>();
  let legal = 0;
  for (const one of declared) {
    const fn = bySite.get(siteOf(one));
    const fault = fn ? fits(fn.definition.function) : 'no function';
    const isNew = fn !== undefined && !names.has(fn.name.toLowerCase());
    if (fn) names.add(fn.name.toLowerCase());
    if (fault === null && isNew) legal += 1;
    else faults.push(`${siteOf(one)}: ${fault ?? 'the name is taken'}`);
    if (declared.length <= mostCounted && fn && !trimmed.has(fn.operation.pointer))
      addTally(kept, countKept(one, fn, losses));
    if (fn && short.has(fn.operation.pointer)) cut += 1;
  }
  const called = await callSome(declared, bySite, trimmed);
  const measured = { milliseconds, rss, trimmed: trimmed.size };
  return { ...measured, operations: declared.length, legal, faults, kept, losses, cut, ...called };
}

function countKept(declared: Declared, fn: PluginFunction, losses: string[]): Tally {
  return tally(factsOf(declared), fn.definition.function, originsOf(fn), (fact) => {
    if (losses.length < 1000)
      losses.push(
        `${siteOf(declared)} ${fact.of} ${fact.chain.join('/')} ${fact.keyword}: ${JSON.stringify(fact.value).slice(0, 160)}`,
      );
  });
}

/** Calls of functions spread evenly over the document. */
async function callSome(
  declared: readonly Declared[],
  bySite: ReadonlyMap<string, PluginFunction>,
  trimmed: ReadonlySet<string>,
): Promise<Pick<Report, 'calls' | 'ambiguous' | 'deviations'>> {
  const loopback = await startLoopback();
  const step = Math.max(1, Math.ceil(declared.length / mostCalls));
  const deviations: string[] = [];
  let calls = 0;
  let ambiguous = 0;
  try {
    for (let index = 0; index < declared.length; index += step) {
      const one = declared[index];
      const fn = one && bySite.get(siteOf(one));
      if (!one || !fn) continue;
      for (const [round, optional] of (['all', 'none'] as const).entries()) {
        const isTrimmed = trimmed.has(fn.operation.pointer);
        const call = { fn, declared: one, optional, round, credential: noCredential, isTrimmed };
        const trial = await tryCall(call, loopback);
        calls += 1;
        if (trial.ambiguous === true) ambiguous += 1;
        if (trial.deviations.length > 0)
          deviations.push(
            `${siteOf(one)} ${optional}: ${trial.deviations.join('; ').slice(0, 400)} | ${JSON.stringify(trial.arguments).slice(0, 300)}`,
          );
      }
    }
  } finally {
    await loopback.close();
  }
  return { calls, ambiguous, deviations };
}

if (import.meta.main) {
  const file = process.argv[2];
  if (file === undefined) throw new Error('usage: general-child.ts FILE');
  process.stdout.write(JSON.stringify(await check(file)));
}
