// The plugin store: what loads, what becomes a function, what arrives at an API, what is kept, what it costs.
import type { PluginFunction } from '../../src/plugin/function.ts';
import { trimDefinition } from '../../src/plugin/function-budget.ts';
import { settleCredential } from '../../src/plugin/settled.ts';
import { countTokens } from '../../src/plugin/token-count.ts';
import { noCredential } from '../../src/plugin/credential.ts';
import { errorLabels, genuineLabels, readText, storePlugins, type StorePlugin } from './data.ts';
import { declaredOperations, siteOf, type Declared } from './declared.ts';
import { factsOf, factKinds } from './facts.ts';
import { addTally, emptyTally, tally, type Tally } from './kept.ts';
import { createProfileCheck } from './legal.ts';
import { startLoopback } from './loopback.ts';
import { loadStore, originsOf, siteOfFunction, trialCredential, type LoadedStore } from './ours.ts';
import type { Progress } from './progress.ts';
import { count, percent, table, type Section } from './report.ts';
import { callKinds, tryCall } from './trial.ts';
import { parseTree } from './tree.ts';

type Start = (title: string, total: number) => Progress;

/** One operation of the store: as its document declares it, and the function that became of it. */
interface Subject {
  readonly plugin: StorePlugin;
  readonly declared: Declared;
  readonly fn: PluginFunction | null;
}

export interface Store {
  readonly plugins: readonly StorePlugin[];
  readonly loaded: LoadedStore;
  readonly subjects: readonly Subject[];
}

/** Loads the whole store into one snapshot, and reads the raw documents beside it. */
export async function readStore(shared: string, start: Start): Promise<Store> {
  const plugins = storePlugins(shared);
  const progress = start('loading the store', plugins.length);
  const raw = new Map<StorePlugin, Declared[]>();
  for (const plugin of plugins) {
    if (!genuineLabels.includes(plugin.label) || plugin.documentFile === null) continue;
    raw.set(plugin, declaredOperations(parseTree(readText(plugin.documentFile))));
  }
  const loaded = await loadStore(plugins, (plugin) => (raw.get(plugin) ?? []).map(siteOf), progress.step);
  progress.end();
  const subjects = [...raw].flatMap(([plugin, operations]) => {
    const name = loaded.loaded.get(plugin)?.name ?? '';
    const functions = loaded.snapshot.byName.get(name)?.functions ?? [];
    const bySite = new Map(functions.map((fn) => [siteOfFunction(fn), fn]));
    return operations.map((declared) => ({ plugin, declared, fn: bySite.get(siteOf(declared)) ?? null }));
  });
  return { plugins, loaded, subjects };
}

/** Part 1: documents, functions, calls. `failures` are for the terminal. */
export async function checkStore(
  store: Store,
  start: Start,
): Promise<{ section: Section; failures: string[] }> {
  const failures: string[] = [];
  const documents = judgeDocuments(store, failures);
  const functions = judgeFunctions(store, failures);
  const calls = await makeCalls(store, failures, start);
  const text = [
    '## The plugin store',
    '',
    `${count(store.plugins.length)} real manifests of the ChatGPT plugin store (2023), installed together, with the documents that they named.`,
    '',
    table(['documents labelled', 'number', 'expected', 'as expected'], documents),
    '',
    table(['functions', 'number', 'of', 'share'], functions),
    '',
    'Legal: the name fits `^[A-Za-z_][A-Za-z0-9_-]{0,63}$`, the function fits the JSON Schema of the `common` profile, without references. Unique: over all plugins together, regardless of case.',
    '',
    table(['calls', 'number', 'of', 'share'], calls),
    '',
    'Each operation is called with generated arguments: all of them, the required ones, and twice some. The request goes to an API on loopback, where a reader written from the OpenAPI specification reads it by the raw document. It shares no code with the gateway. A call counts when method, path, every parameter in its style, every header, cookie and the body carry the values that were meant, and nothing else arrives.',
  ].join('\n');
  return { section: { name: 'store', text }, failures };
}

const notLoaded = /^(?:not-a-document|document-|load-failed)/;

function judgeDocuments({ plugins, loaded }: Store, failures: string[]): string[][] {
  return [...genuineLabels, ...errorLabels, 'no-spec'].map((label) => {
    const some = plugins.filter((plugin) => plugin.label === label);
    const isGenuine = genuineLabels.includes(label);
    const right = some.filter((plugin) => {
      const one = loaded.loaded.get(plugin);
      const codes = (one?.diagnostics ?? []).filter((finding) => finding.severity === 'error');
      const isRefused = codes.some((finding) => finding.code === 'not-a-document');
      const isLoaded = one?.document !== null && !codes.some((finding) => notLoaded.test(finding.code));
      const asExpected = isGenuine ? isLoaded : !isLoaded && (label === 'no-spec' || isRefused);
      if (!asExpected) failures.push(`${plugin.name}: labelled ${label}`);
      return asExpected;
    });
    const expected = isGenuine
      ? 'loads'
      : label === 'no-spec'
        ? 'nothing to load'
        : 'refused, with that reason';
    return [label, count(some.length), expected, percent(right.length, some.length)];
  });
}

function judgeFunctions({ subjects }: Store, failures: string[]): string[][] {
  const fits = createProfileCheck();
  const names = new Map<string, number>();
  let made = 0;
  let legal = 0;
  for (const { plugin, declared, fn } of subjects) {
    if (fn === null) {
      failures.push(`${plugin.name} ${siteOf(declared)}: no function`);
      continue;
    }
    made += 1;
    const name = fn.name.toLowerCase();
    names.set(name, (names.get(name) ?? 0) + 1);
    const fault = fits(fn.definition.function);
    if (fault === null) legal += 1;
    else failures.push(`${plugin.name} ${siteOf(declared)}: ${fault}`);
  }
  const unique = [...names.values()].filter((times) => times === 1).length;
  const row = (title: string, part: number, whole: number) => [
    title,
    count(part),
    count(whole),
    percent(part, whole),
  ];
  return [
    row('operations that became one', made, subjects.length),
    row('legal, self-contained', legal, subjects.length),
    row('of a unique name', unique, subjects.length),
  ];
}

async function makeCalls(store: Store, failures: string[], start: Start): Promise<string[][]> {
  const { subjects, loaded } = store;
  const progress = start('calling the store', subjects.length);
  const loopback = await startLoopback();
  let right = 0;
  let tried = 0;
  const callable = new Set<Subject>();
  const tryOne = async (subject: Subject): Promise<void> => {
    const { plugin, declared, fn } = subject;
    if (fn === null) return;
    const manifest = loaded.snapshot.byName.get(fn.plugin)?.manifest;
    const credential = (manifest && settleCredential(manifest, trialSettings)) ?? noCredential;
    let good = 0;
    for (const [round, optional] of callKinds.entries()) {
      const trial = await tryCall({ fn, declared, optional, round, credential, isTrimmed: false }, loopback);
      tried += 1;
      if (trial.deviations.length === 0) good += 1;
      else failures.push(`${plugin.name} ${siteOf(declared)}: ${trial.deviations.join('; ').slice(0, 500)}`);
    }
    right += good;
    if (good === callKinds.length) callable.add(subject);
    progress.step(plugin.name);
  };
  const waiting = [...subjects];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await tryOne(next);
  };
  try {
    await Promise.all([lane(), lane(), lane(), lane()]);
  } finally {
    await loopback.close();
  }
  progress.end();
  return [
    ['read back as they were meant', count(right), count(tried), percent(right, tried)],
    [
      'operations with every call so',
      count(callable.size),
      count(subjects.length),
      percent(callable.size, subjects.length),
    ],
  ];
}

const trialSettings = { credential: trialCredential } as Parameters<typeof settleCredential>[1];

/** Part 2: what is kept at L1, and tokens per level. */
export function countStore({ subjects, loaded }: Store): { section: Section; failures: string[] } {
  const failures: string[] = [];
  const sum: Tally = emptyTally();
  const tokens = { complete: 0, second: 0, third: 0 };
  const each: number[] = [];
  for (const { plugin, declared, fn } of subjects) {
    const overridden = new Set(loaded.snapshot.byName.get(fn?.plugin ?? '')?.params.keys());
    const facts = factsOf(declared, overridden);
    const one = tally(facts, fn?.definition.function ?? null, fn ? originsOf(fn) : () => [], (fact) => {
      failures.push(
        `${plugin.name} ${siteOf(declared)} ${fact.chain.join('/')} lost ${fact.keyword}: ${JSON.stringify(fact.value).slice(0, 200)}`,
      );
    });
    addTally(sum, one);
    if (fn === null) continue;
    each.push(fn.tokens);
    tokens.complete += fn.tokens;
    tokens.second += countTokens(JSON.stringify(trimDefinition(fn.definition, 2)));
    tokens.third += countTokens(JSON.stringify(trimDefinition(fn.definition, 3)));
  }
  const kept = factKinds.map((kind) => {
    const { kept: part, total } = sum[kind];
    return [`${kind}s`, count(total), count(part), percent(part, total)];
  });
  const sorted = each.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    count(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  const text = [
    '## What a model is told',
    '',
    'A counter that shares no code with the gateway reads the raw documents of the store and looks for each text and value in the function, at the same place. Texts are compared without HTML tags, entities and blanks. Not counted is what the model may not send: read-only properties, what `params` decide, the headers `Accept`, `Content-Type`, `Authorization` and other headers of HTTP itself, and parameters that a security scheme fills.',
    '',
    table(['at level 1', 'in the documents', 'in the functions', 'kept'], kept),
    '',
    table(
      ['level', 'tokens (o200k)', 'per function'],
      [
        ['1, complete', count(tokens.complete), `median ${at(0.5)}, 90 % below ${at(0.9)}, largest ${at(1)}`],
        ['2, texts and bounds shortened', count(tokens.second), ''],
        ['3, deep optional parts left out', count(tokens.third), ''],
      ],
    ),
    '',
    `${count(each.length)} functions; level 1 is what is sent unless a function needs more than 5,000 tokens.`,
  ].join('\n');
  return { section: { name: 'kept', text }, failures };
}
