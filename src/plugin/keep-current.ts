// Keeps the installed plugins current: files that change, fetched texts that age, changes that are approved.
import { join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Log } from '../telemetry/log.ts';
import type { Registry } from './registry.ts';
import type { Versions } from './version.ts';
import { watchFiles } from './watch.ts';

export interface KeepCurrentOptions {
  readonly registry: Registry;
  readonly plugins: Config['plugins'];
  readonly versions: Pick<Versions, 'approvedHashes'>;
  readonly log: Log;
  /** When the registry began to load, milliseconds since the epoch: what changed since then is loaded again. */
  readonly since: number;
  readonly times?: KeepCurrentTimes;
}

/** Milliseconds. */
export interface KeepCurrentTimes {
  /** From one revalidation of all that was fetched to the next (D15); a tenth more or less. */
  readonly revalidate?: number;
  /** After a failed fetch; doubled each time, up to `revalidate`. */
  readonly retry?: number;
  /** From look to look for an approval, while something waits (R5: seen within 2 s). */
  readonly approvals?: number;
  /** From look to look at the files. */
  readonly files?: number;
}

const defaults = {
  revalidate: 3_600_000,
  retry: 60_000,
  approvals: 1_000,
  files: 10_000,
} as const satisfies KeepCurrentTimes;

/** Starts to keep plugins current, until it is closed. Keeps no process alive; a chat never waits for it (D2). */
export function keepCurrent(options: KeepCurrentOptions): { readonly close: () => void } {
  const { registry, plugins, log } = options;
  const times = { ...defaults, ...options.times };
  const watching = watchFiles({
    folders: [plugins.folder, join(plugins.folder, 'openapi')],
    files: plugins.install
      .filter((entry) => !/^https?:/i.test(entry) && /\.(?:json|ya?ml)$/i.test(entry))
      .map((file) => resolve(file)),
    lookEvery: times.files,
    since: options.since,
    onChange() {
      log.info('files of plugins have changed');
      void registry.reload('none');
    },
  });
  const revalidating = repeat(
    () => jitter(times.revalidate),
    () => registry.reload('all'),
  );
  let wait = times.retry;
  const retrying = repeat(
    () => jitter(wait),
    async () => {
      wait = registry.failing() ? Math.min(wait * 2, times.revalidate) : times.retry;
      if (registry.failing()) await registry.reload('failed');
    },
  );
  const isApproved = createApprovals(options);
  const approving = repeat(
    () => times.approvals,
    async () => {
      if (await isApproved()) await registry.reload('none');
    },
  );

  return {
    close() {
      watching.close();
      for (const one of [revalidating, retrying, approving]) one.stop();
    },
  };
}

/**
 * Tells whether something that waits in the snapshot has been approved meanwhile, by another process, or whether the
 * store says again what is.
 */
function createApprovals({ registry, versions, log }: KeepCurrentOptions): () => Promise<boolean> {
  let readable = true;
  return async () => {
    const waiting = registry.current().plugins.filter((plugin) => plugin.waiting !== null);
    if (waiting.length === 0 && !registry.undecided()) return false;
    try {
      const hashes = await versions.approvedHashes();
      readable = true;
      return (
        registry.undecided() ||
        waiting.some((plugin) => hashes.get(plugin.source) !== plugin.waiting?.approved)
      );
    } catch (error) {
      if (readable) log.warn('approvals cannot be read', { error });
      readable = false;
      return false;
    }
  };
}

/** Replicas that start together should not ask together. */
function jitter(milliseconds: number): number {
  return milliseconds * (0.9 + Math.random() * 0.2);
}

/** Does something again and again, each time so long after the last one was done. */
function repeat(interval: () => number, work: () => Promise<unknown>): { readonly stop: () => void } {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const schedule = (): void => {
    timer = setTimeout(() => void turn(), interval()).unref();
  };
  const turn = async (): Promise<void> => {
    await work();
    if (!stopped) schedule();
  };
  schedule();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
