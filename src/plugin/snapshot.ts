// From loaded plugins to the snapshot: names, functions, states.
import { setImmediate } from 'node:timers/promises';
import type { PluginSettings } from '../config/schema.ts';
import type { Diagnostic } from '../openapi/diagnostic.ts';
import { placeFindings } from './candidate.ts';
import { nameFunctions } from './function-name.ts';
import { makeFunction, type FunctionOptions, type PluginFunction } from './function.ts';
import type { WaitingChange } from './change.ts';
import type { Loaded } from './load.ts';
import type { Manifest } from './manifest.ts';
import type { Overrides } from './operation.ts';
import { reportCredential, settleCredential, settleHeaders, settleParams } from './settled.ts';

/** `needs-oauth`: shown, its functions are not offered. `error`: nothing of it can be used. */
export type PluginState = 'ok' | 'warning' | 'needs-oauth' | 'error';

/** An installed plugin, broken ones too. Frozen. */
export interface Plugin {
  /** `name_for_model`; for a manifest without one, the file's name without its ending. */
  readonly name: string;
  /** The manifest's file or URL. */
  readonly source: string;
  /** The document's file or URL; `null` when none was found. */
  readonly document: string | null;
  readonly state: PluginState;
  readonly manifest: Manifest | null;
  readonly functions: readonly PluginFunction[];
  readonly diagnostics: readonly Diagnostic[];
  /** `params` of the manifest with the operator's over them. */
  readonly params: Overrides;
  /** `headers` of the manifest with the operator's over them; names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Origins that its API calls may go to (`https://host:port`). */
  readonly origins: readonly string[];
  /** A changed version that waits for approval while this one serves (D10). */
  readonly waiting: WaitingChange | null;
}

/** All plugins and their functions at one moment. */
export interface Snapshot {
  /** Sorted by name. */
  readonly plugins: readonly Plugin[];
  readonly byName: ReadonlyMap<string, Plugin>;
  /** Functions of the plugins that may be called, by function name, sorted. */
  readonly functions: ReadonlyMap<string, PluginFunction>;
}

/** Plugins as they were made last, by source, and what they were made of: one that stays the same is not made again. */
export type MadePlugins = Map<
  string,
  { readonly key: string; readonly operations: Loaded['operations']; readonly plugin: Plugin }
>;

/** Milliseconds after which other work of the process has its turn. */
const slice = 10;

/**
 * Makes the snapshot of everything that was loaded: the same plugins give the same bytes (N4). `made` is read and
 * brought up to date.
 */
export async function makeSnapshot(
  loaded: readonly Loaded[],
  settings: (name: string) => PluginSettings | undefined,
  made: MadePlugins = new Map(),
): Promise<Snapshot> {
  const entries = loaded.flatMap((one) =>
    one.operations.map((operation) => ({ plugin: one.name, operation })),
  );
  const names = nameFunctions(entries);
  const plugins: Plugin[] = [];
  const remade: MadePlugins = new Map();
  let at = 0;
  for (const one of loaded) {
    const own = names.slice(at, (at += one.operations.length));
    const key = JSON.stringify([
      one.name,
      own,
      one.candidate.manifest,
      one.document,
      one.diagnostics,
      one.waiting,
    ]);
    const before = made.get(one.candidate.source);
    const kept = before?.key === key && before.operations === one.operations ? before.plugin : null;
    const plugin = kept ?? (await makePlugin(one, settings(one.name), own));
    plugins.push(plugin);
    remade.set(one.candidate.source, { key, operations: one.operations, plugin });
  }
  made.clear();
  for (const [source, one] of remade) made.set(source, one);
  plugins.sort((a, b) => compare(a.name, b.name));
  const offered = plugins.filter((plugin) => plugin.state === 'ok' || plugin.state === 'warning');
  const functions = offered
    .flatMap((plugin) => plugin.functions)
    .toSorted((a, b) => compare(a.name, b.name))
    .map((fn) => [fn.name, fn] as const);
  return Object.freeze({
    plugins: Object.freeze(plugins),
    byName: new Map(plugins.map((plugin) => [plugin.name, plugin])),
    functions: new Map(functions),
  });
}

/** By code units: the order must not depend on the machine's language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

async function makePlugin(
  loaded: Loaded,
  settings: PluginSettings | undefined,
  names: readonly string[],
): Promise<Plugin> {
  const { name, candidate } = loaded;
  const { source, manifest } = candidate;
  const known = { name, source, document: loaded.document, waiting: loaded.waiting ?? null };
  if (manifest === null) {
    const nothing = { functions: [], params: new Map(), headers: new Map(), origins: [] };
    return Object.freeze({ ...known, ...nothing, state: 'error', manifest, diagnostics: loaded.diagnostics });
  }
  const params = settleParams(manifest, settings);
  const { headers, userIdHeader, diagnostics } = settleHeaders(manifest, settings, source);
  const credential = settleCredential(manifest, settings);
  const hiddenHeaders = new Set([
    ...headers.keys(),
    ...(userIdHeader === null ? [] : [userIdHeader.toLowerCase()]),
  ]);
  const made = await makeFunctions(loaded, names, { params, hiddenHeaders });
  const functions = made.flatMap((one) => one.function ?? []);
  const all = [
    ...loaded.diagnostics,
    ...placeFindings([...diagnostics, ...reportCredential(credential, headers, settings, source)], candidate),
    ...made.flatMap((one) => one.diagnostics),
  ];
  return Object.freeze({
    ...known,
    state: stateOf(functions.length, credential === null, all),
    manifest: Object.freeze({ ...manifest, userIdHeader }),
    functions: Object.freeze(functions),
    diagnostics: Object.freeze(all),
    params,
    headers,
    origins: Object.freeze(originsOf(functions)),
  });
}

async function makeFunctions(
  { name, operations, document }: Loaded,
  names: readonly string[],
  options: FunctionOptions,
): Promise<ReturnType<typeof makeFunction>[]> {
  const made: ReturnType<typeof makeFunction>[] = [];
  let end = performance.now();
  for (const [at, operation] of operations.entries()) {
    if (performance.now() >= end) {
      await setImmediate();
      end = performance.now() + slice;
    }
    const one = makeFunction(names[at] ?? '', name, operation, options);
    const { line } = operation;
    const diagnostics = one.diagnostics.map((finding) => ({ ...finding, source: document ?? name, line }));
    made.push({ ...one, diagnostics });
  }
  return made;
}

function stateOf(functions: number, needsLogin: boolean, diagnostics: readonly Diagnostic[]): PluginState {
  if (functions === 0) return 'error';
  if (needsLogin) return 'needs-oauth';
  return diagnostics.some((finding) => finding.severity !== 'info') ? 'warning' : 'ok';
}

function originsOf(functions: readonly PluginFunction[]): string[] {
  const servers = functions.flatMap((fn) => fn.operation.server ?? []);
  return [...new Set(servers.map((server) => new URL(server).origin))].toSorted();
}
