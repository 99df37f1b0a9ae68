// The product at work on the real documents: plugins of the store as installed ones, a general document on its own.
import { convertDocument as convertInstalled } from '../../src/plugin/convert.ts';
import { readDocument, localDocumentLimits } from '../../src/openapi/document.ts';
import { readManifestBeside, readManifestFile, type SourceReader } from '../../src/plugin/candidate.ts';
import { loadPlugin, type Loaded } from '../../src/plugin/load.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import { readLocal } from '../../src/plugin/source.ts';
import { uniqueNames } from '../../src/plugin/plugin-name.ts';
import { makeSnapshot, type Snapshot } from '../../src/plugin/snapshot.ts';
import type { PluginSettings } from '../../src/config/schema.ts';
import type { Diagnostic } from '../../src/openapi/diagnostic.ts';
import { nameFunctions } from '../../src/plugin/function-name.ts';
import { makeFunction } from '../../src/plugin/function.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import type { StorePlugin } from './data.ts';
import { siteOf, type Declared } from './declared.ts';
import type { FindOrigins, Origin } from './kept.ts';

/** The credential of every plugin in these trials. */
export const trialCredential = 'trial-credential';

const plainSettings: Omit<PluginSettings, 'operations'> = {
  credential: trialCredential,
  params: {},
  headers: {},
  egress: [],
  timeout: '45s',
  changes: 'safe',
  redirects: false,
};

/** Everything included, what documents hide too (N7): a filter names hidden operations one by one. */
function includeAll(sites: readonly string[]): { include: string[]; exclude: string[] } {
  return { include: ['*', ...sites], exclude: [] };
}

/** The operations that are offered only when they are named (N7). */
export function hiddenSites(operations: readonly Declared[]): string[] {
  return operations
    .filter(({ method, operation }) => {
      const isOff = operation['deprecated'] === true || operation['x-mcp'] === false;
      return isOff || ['OPTIONS', 'TRACE'].includes(method);
    })
    .map(siteOf);
}

export interface LoadedStore {
  readonly loaded: ReadonlyMap<StorePlugin, Loaded>;
  readonly snapshot: Snapshot;
}

/** Loads plugins of the store into one snapshot, as the gateway does. `hidden`: operations that need naming. */
export async function loadStore(
  plugins: readonly StorePlugin[],
  sites: (plugin: StorePlugin) => readonly string[],
  onProgress: () => void,
): Promise<LoadedStore> {
  const reader: SourceReader = {
    read(location, maxBytes) {
      if (location.kind === 'file') return readLocal(location, maxBytes);
      throw new Error('nothing is fetched');
    },
    convert: async (job) => convertInstalled(job),
    settings: () => undefined,
    allowed: () => 'all',
  };
  const candidates = await Promise.all(
    plugins.map((plugin) =>
      plugin.documentFile === null
        ? readManifestFile(plugin.manifestFile, reader)
        : readManifestBeside(plugin.manifestFile, plugin.documentFile, reader),
    ),
  );
  // The domain stands in the wrapper of the store, which the saved manifests have lost.
  const withDomain = candidates.map((candidate, index) =>
    candidate.manifest === null
      ? candidate
      : { ...candidate, manifest: { ...candidate.manifest, domain: plugins[index]?.domain ?? null } },
  );
  const names = uniqueNames(withDomain);
  const loaded = new Map<StorePlugin, Loaded>();
  const settings = new Map<string, PluginSettings>();
  for (const [index, plugin] of plugins.entries()) {
    const candidate = withDomain[index];
    const name = names[index]?.name;
    if (candidate === undefined || name === undefined) continue;
    const own: PluginSettings = { ...plainSettings, operations: includeAll(sites(plugin)) };
    settings.set(name, own);
    const options = { settings: own, folder: '', reader };
    loaded.set(plugin, await loadPlugin(name, candidate, options));
    onProgress();
  }
  const snapshot = await makeSnapshot([...loaded.values()], (name) => settings.get(name));
  return { loaded, snapshot };
}

/** Key of a function's operation in its raw document. */
export function siteOfFunction(fn: PluginFunction): string {
  const key = fn.operation.pointer.split('/')[2] ?? '';
  return siteOf({ method: fn.operation.method, key: key.replaceAll('~1', '/').replaceAll('~0', '~') });
}

/** Where the arguments of a function of ours come from: it knows. */
export function originsOf(fn: PluginFunction): FindOrigins {
  const found = new Map<string, readonly Origin[]>();
  for (const { name, target } of fn.arguments.values()) {
    const origin: Origin =
      target.kind === 'parameter'
        ? { of: 'parameter', name: target.parameter.name }
        : { of: 'body', name: target.kind === 'property' ? target.property : null };
    found.set(name, [origin]);
  }
  return (argument) => found.get(argument) ?? [];
}

/** The functions of one general document. */
export function convertDocument(
  text: string,
  name: string,
  sites: readonly string[],
): { functions: PluginFunction[]; diagnostics: Diagnostic[]; operations: number } {
  const { document, diagnostics } = readDocument(text, name, localDocumentLimits);
  if (document === null) return { functions: [], diagnostics, operations: 0 };
  const read = readOperations(document, {
    documentUrl: 'https://document.example/openapi.json',
    manifestUrl: null,
    domain: null,
    server: 'https://api.example/base',
    operations: includeAll(sites),
    allows: () => true,
  });
  const entries = read.operations.map((operation) => ({ plugin: 'general', operation }));
  const names = nameFunctions(entries);
  const options = { params: new Map(), hiddenHeaders: new Set<string>() };
  const functions: PluginFunction[] = [];
  const all = [...diagnostics, ...read.diagnostics];
  for (const [index, operation] of read.operations.entries()) {
    const made = makeFunction(names[index] ?? '', 'general', operation, options);
    if (made.function) functions.push(made.function);
    all.push(...made.diagnostics);
  }
  return { functions, diagnostics: all, operations: read.operations.length };
}
