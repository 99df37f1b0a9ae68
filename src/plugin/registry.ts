// The registry: what is installed, loaded as a whole, swapped as a whole.
import type { Config } from '../config/schema.ts';
import type { Egress } from '../egress/egress.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import type { Log } from '../telemetry/log.ts';
import { readInstalled, readManifestFile, type Candidate, type SourceReader } from './candidate.ts';
import { loadPlugin, type Loaded } from './load.ts';
import { uniqueNames } from './plugin-name.ts';
import { makeSnapshot, type Snapshot } from './snapshot.ts';
import { fetchMilliseconds, listManifestFiles, locateEntry, SourceError } from './source.ts';

export type { Plugin, PluginState, Snapshot } from './snapshot.ts';

/** The installed plugins. A run keeps the snapshot that it started with (D17). */
export interface Registry {
  current(): Snapshot;
  /**
   * Reads everything again and swaps the snapshot. A plugin that cannot be read any more stays in its last good
   * version, with the warning `stale` (D16). Never throws; calls at the same time share one reload.
   */
  reload(): Promise<Snapshot>;
}

export interface RegistryOptions {
  readonly plugins: Config['plugins'];
  /** `egress.allow` of the configuration: private addresses that documents may name as servers. */
  readonly allow: readonly string[];
  readonly egress: Pick<Egress, 'document'>;
  readonly userAgent: string;
  readonly log: Log;
}

/** Reading 32 sources at a time keeps files and sockets few. */
const parallel = 32;

/**
 * Loads all plugins. Broken ones are in the snapshot, with what is wrong; they hold up no other. Ready after 15 s of
 * fetching at the latest: what has not arrived then is an error, until the next reload.
 */
export async function createRegistry(options: RegistryOptions): Promise<Registry> {
  const { plugins, log } = options;
  const settings = (name: string) =>
    Object.hasOwn(plugins.settings, name) ? plugins.settings[name] : undefined;
  let lastGood: ReadonlyMap<string, Loaded> = new Map();
  let reloading: Promise<Snapshot> | null = null;

  const load = async (): Promise<Snapshot> => {
    const started = performance.now();
    const loaded = await loadAll(options, settings, lastGood);
    lastGood = new Map(
      loaded.filter(isGood).map((one) => {
        const { source } = one.candidate;
        return [source, (isStale(one) ? lastGood.get(source) : undefined) ?? one];
      }),
    );
    const snapshot = await makeSnapshot(loaded, settings);
    report(snapshot, options, performance.now() - started);
    return snapshot;
  };

  let snapshot = await load();
  const reload = async (): Promise<Snapshot> => {
    try {
      snapshot = await load();
    } catch (error) {
      log.error('the plugins cannot be reloaded; the old ones stay', { error });
    } finally {
      reloading = null;
    }
    return snapshot;
  };
  return { current: () => snapshot, reload: () => (reloading ??= reload()) };
}

async function loadAll(
  options: RegistryOptions,
  settings: (name: string) => Config['plugins']['settings'][string] | undefined,
  lastGood: ReadonlyMap<string, Loaded>,
): Promise<Loaded[]> {
  const { plugins, egress, userAgent } = options;
  const reader: SourceReader = {
    send: (name) => egress.document(name === null ? [] : (settings(name)?.egress ?? [])),
    userAgent,
    signal: AbortSignal.timeout(fetchMilliseconds),
    settings,
  };
  const files = await listManifestFiles(plugins.folder);
  const candidates = [
    ...(await mapParallel(files, (file) => readManifestFile(file, reader))),
    ...(await mapParallel(plugins.install, (entry) => readEntry(entry, reader))),
  ];
  // D16: a manifest that broke is taken from its last good version, so that its name stays its own
  const found = candidates.map((fresh) => ({
    fresh,
    kept: fresh.manifest === null ? lastGood.get(fresh.source) : undefined,
  }));
  const names = uniqueNames(found.map(({ fresh, kept }) => kept?.candidate ?? fresh));
  return mapParallel(found, async ({ fresh, kept }, at) => {
    const unique = names[at] ?? { name: fresh.name, diagnostics: [] };
    if (kept) return stale({ ...kept, name: unique.name }, fresh.diagnostics);
    const last = lastGood.get(fresh.source);
    const allowed = new Set([...options.allow, ...(settings(unique.name)?.egress ?? [])]);
    const loaded = await loadPlugin(unique.name, fresh, {
      settings: settings(unique.name),
      folder: plugins.folder,
      reader,
      allows: (url) => allowed.has(`${url.hostname}:${url.port || (url.protocol === 'http:' ? 80 : 443)}`),
      last,
    });
    if (!isGood(loaded) && last) return stale(last, loaded.diagnostics);
    return { ...loaded, diagnostics: [...unique.diagnostics, ...loaded.diagnostics] };
  });
}

async function readEntry(entry: string, reader: SourceReader): Promise<Candidate> {
  try {
    return await readInstalled(locateEntry(entry), reader);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const findings = createReport(entry);
    findings.error('manifest-path', '', error.message);
    const location = { kind: 'file', file: entry, within: null } as const;
    return {
      name: entry,
      source: entry,
      location,
      manifest: null,
      diagnostics: findings.diagnostics,
      document: null,
    };
  }
}

function isGood(loaded: Loaded): boolean {
  return loaded.candidate.manifest !== null && loaded.operations.length > 0;
}

/** The last good version, saying why it is not the newest (D16). */
function stale(last: Loaded, diagnostics: readonly Diagnostic[]): Loaded {
  const reason = diagnostics.find((finding) => finding.severity === 'error') ?? diagnostics[0];
  const findings = createReport(reason?.source ?? last.candidate.source);
  findings.warning(
    'stale',
    reason?.pointer ?? '',
    `The last good version is in use. ${reason?.message ?? ''}`.trim(),
  );
  return { ...last, diagnostics: [...last.diagnostics, ...findings.diagnostics] };
}

function isStale(loaded: Loaded): boolean {
  return loaded.diagnostics.some((finding) => finding.code === 'stale');
}

function report(snapshot: Snapshot, { plugins, log }: RegistryOptions, milliseconds: number): void {
  for (const plugin of snapshot.plugins.filter(({ state }) => state === 'error')) {
    const error = plugin.diagnostics.find(({ severity }) => severity === 'error') ?? plugin.diagnostics[0];
    log.warn('a plugin cannot be used', {
      plugin: plugin.name,
      source: plugin.source,
      reason: error?.message,
    });
  }
  for (const name of Object.keys(plugins.settings).filter((key) => !snapshot.byName.has(key))) {
    log.warn(`plugins.settings.${name} is not used: no installed plugin has this name`);
  }
  const counts = Object.groupBy(snapshot.plugins, ({ state }) => state);
  log.info('plugins loaded', {
    ...Object.fromEntries(Object.entries(counts).map(([state, of]) => [state, of.length])),
    functions: snapshot.functions.size,
    milliseconds: Math.round(milliseconds),
  });
}

/** `Promise.all` with few under way at a time; the results keep their order. */
async function mapParallel<From, To>(
  items: readonly From[],
  map: (item: From, at: number) => Promise<To>,
): Promise<To[]> {
  const results: To[] = [];
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [at, item] of queue) results[at] = await map(item, at);
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return results;
}
