// From loaded plugins to the snapshot: names, functions, states.
import { setImmediate } from 'node:timers/promises';
import type { PluginSettings } from '../config/schema.ts';
import type { Diagnostic } from '../openapi/diagnostic.ts';
import { nameFunctions } from './function-name.ts';
import { makeFunction, type PluginFunction } from './function.ts';
import type { Loaded } from './load.ts';
import type { Manifest } from './manifest.ts';
import type { Operation, Overrides } from './operation.ts';
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
}

/** All plugins and their functions at one moment. */
export interface Snapshot {
  /** Sorted by name. */
  readonly plugins: readonly Plugin[];
  readonly byName: ReadonlyMap<string, Plugin>;
  /** Functions of the plugins that may be called, by function name, sorted. */
  readonly functions: ReadonlyMap<string, PluginFunction>;
}

/**
 * Makes the snapshot of everything that was loaded: the same plugins give the same bytes (N4). Between plugins other
 * work of the process has its turn.
 */
export async function makeSnapshot(
  loaded: readonly Loaded[],
  settings: (name: string) => PluginSettings | undefined,
): Promise<Snapshot> {
  const entries = loaded.flatMap((one) =>
    one.operations.map((operation) => ({ plugin: one.name, operation })),
  );
  const names = nameFunctions(entries);
  const nameOf = new Map(entries.map(({ operation }, at) => [operation, names[at] ?? '']));
  const plugins: Plugin[] = [];
  for (const one of loaded) {
    await setImmediate();
    plugins.push(makePlugin(one, settings(one.name), (operation) => nameOf.get(operation) ?? ''));
  }
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

function makePlugin(
  loaded: Loaded,
  settings: PluginSettings | undefined,
  nameOf: (operation: Operation) => string,
): Plugin {
  const { name, candidate, operations } = loaded;
  const { source, manifest } = candidate;
  const known = { name, source, document: loaded.document };
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
  const made = operations.map((operation) =>
    makeFunction(nameOf(operation), name, operation, { params, hiddenHeaders }),
  );
  const functions = made.flatMap((one) => one.function ?? []);
  const all = [
    ...loaded.diagnostics,
    ...diagnostics,
    ...reportCredential(credential, headers, source),
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

function stateOf(functions: number, needsLogin: boolean, diagnostics: readonly Diagnostic[]): PluginState {
  if (functions === 0) return 'error';
  if (needsLogin) return 'needs-oauth';
  return diagnostics.some((finding) => finding.severity !== 'info') ? 'warning' : 'ok';
}

function originsOf(functions: readonly PluginFunction[]): string[] {
  const servers = functions.flatMap((fn) => fn.operation.server ?? []);
  return [...new Set(servers.map((server) => new URL(server).origin))].toSorted();
}
