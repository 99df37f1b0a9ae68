// The registry: what is installed, loaded as a whole, swapped as a whole.
import { createConverter } from './converter.ts';
import type { Refresh } from './kept-texts.ts';
import { createLoader, type LoaderOptions } from './load-all.ts';
import { makeSnapshot, type MadePlugins, type Snapshot } from './snapshot.ts';
import type { Versions } from './version.ts';

export type { Plugin, PluginState, Snapshot } from './snapshot.ts';

/** The installed plugins. A run keeps the snapshot that it started with (D17). */
export interface Registry {
  readonly current: () => Snapshot;
  /**
   * Reads everything again, of what was fetched only the part that `refresh` names (default all), and swaps the
   * snapshot. A plugin that cannot be read any more stays in its last good version, with the warning `stale` (D16).
   * Never throws. One reload runs at a time; calls that come meanwhile share the next.
   */
  readonly reload: (refresh?: Refresh) => Promise<Snapshot>;
  /** Whether something could not be fetched at the last reload. */
  readonly failing: () => boolean;
  /** Whether the store did not say at the last reload what was approved. */
  readonly undecided: () => boolean;
  /** Ends what reads documents, and with it a reload that is under way. The snapshot stays. */
  readonly close: () => Promise<void>;
}

export interface RegistryOptions extends Omit<LoaderOptions, 'convert' | 'versions'> {
  /** Where approved versions are kept. Absent: every change is adopted, whatever `changes` says. */
  readonly versions?: Versions;
}

const refreshes: readonly Refresh[] = ['none', 'failed', 'all'];

/**
 * Loads all plugins. Broken ones are in the snapshot, with what is wrong; they hold up no other. Ready after 15 s of
 * fetching at the latest: what has not arrived then is an error, until the next reload.
 */
export async function createRegistry(options: RegistryOptions): Promise<Registry> {
  const { plugins, log, versions = null } = options;
  const settings = (name: string) =>
    Object.hasOwn(plugins.settings, name) ? plugins.settings[name] : undefined;
  const converter = createConverter();
  const loader = createLoader({ ...options, versions, convert: converter.convert });
  const made: MadePlugins = new Map();
  const announced = new Set<string>();

  const load = async (refresh: Refresh): Promise<Snapshot> => {
    const started = performance.now();
    const snapshot = await makeSnapshot(await loader.load(refresh), settings, made);
    report(snapshot, options, performance.now() - started);
    for (const { name, waiting } of snapshot.plugins) {
      if (waiting === null || announced.has(waiting.hash)) continue;
      announced.add(waiting.hash);
      log.warn('a changed plugin waits for approval', { plugin: name, ...waiting });
    }
    return snapshot;
  };

  let snapshot = await load('all');
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly done: Promise<Snapshot>; refresh: Refresh } | null = null;

  const reload = async (): Promise<Snapshot> => {
    await running;
    const refresh = next?.refresh ?? 'none';
    next = null;
    const loading = load(refresh);
    running = loading.catch(() => {});
    try {
      snapshot = await loading;
    } catch (error) {
      log.error('the plugins cannot be reloaded; the old ones stay', { error });
    }
    return snapshot;
  };
  return {
    current: () => snapshot,
    reload(refresh = 'all') {
      next ??= { done: reload(), refresh };
      if (refreshes.indexOf(refresh) > refreshes.indexOf(next.refresh)) next.refresh = refresh;
      return next.done;
    },
    failing: loader.failing,
    undecided: loader.undecided,
    async close() {
      await Promise.all([converter.close(), running]);
    },
  };
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
