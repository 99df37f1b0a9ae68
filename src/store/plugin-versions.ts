// Versions of remote plugins: the approved one of each, and the changed one that waits for approval (D10).
import { silentLog, type Log } from '../telemetry/log.ts';
import { StoreDownError } from './availability.ts';

/** `approved`: serves. `waiting`: serves once it is approved. */
export type VersionState = 'approved' | 'waiting';

/** One version. The store does not know what the texts and the reasons are. */
export interface PluginVersion {
  /** The manifest's file or URL: the plugin's identity. */
  readonly source: string;
  readonly name: string;
  readonly hash: string;
  readonly texts: string;
  readonly reasons: string;
  /** When it was first kept in this state, milliseconds since the epoch. */
  readonly since: number;
}

/** The kept versions. Reading throws what the database throws; a write that fails is logged. */
export interface PluginVersions {
  readonly find: (source: string, state: VersionState) => Promise<PluginVersion | null>;
  /** Keeps a version in place of the one of its state; an approved one ends the waiting. */
  readonly keep: (state: VersionState, version: Omit<PluginVersion, 'since'>) => Promise<void>;
  /** Forgets the version that waits. */
  readonly dismiss: (source: string) => Promise<void>;
  /** Hash of each approved version, by source. */
  readonly approvedHashes: () => Promise<ReadonlyMap<string, string>>;
  /** All versions that wait, by name. */
  readonly waiting: () => Promise<PluginVersion[]>;
  /** Makes the version with this hash the approved one, if it still waits; whether it did. Throws when it cannot. */
  readonly approve: (source: string, hash: string) => Promise<boolean>;
}

/** Where the rows are. Every function may throw. */
export interface VersionRows {
  readonly find: (source: string, state: VersionState) => Promise<PluginVersion | null>;
  readonly all: (state: VersionState) => Promise<PluginVersion[]>;
  /** Puts one version in place of the one of its state; `since` stays as long as the hash does. */
  readonly put: (state: VersionState, version: PluginVersion) => Promise<void>;
  readonly remove: (source: string, state: VersionState) => Promise<void>;
  /** As `PluginVersions.approve`. */
  readonly promote: (source: string, hash: string, since: number) => Promise<boolean>;
}

export interface PluginVersionsOptions {
  readonly rows: VersionRows;
  readonly log?: Log;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

export function createPluginVersions(options: PluginVersionsOptions): PluginVersions {
  const { rows, log = silentLog, now = Date.now } = options;

  async function attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof StoreDownError) return;
      log.error('a version of a plugin cannot be kept: it will not outlive the process', { error });
    }
  }

  return {
    find: rows.find,
    keep: (state, version) => attempt(() => rows.put(state, { ...version, since: now() })),
    dismiss: (source) =>
      attempt(async () => {
        if (await rows.find(source, 'waiting')) await rows.remove(source, 'waiting');
      }),
    approvedHashes: async () =>
      new Map((await rows.all('approved')).map(({ source, hash }) => [source, hash])),
    waiting: () => rows.all('waiting'),
    approve: (source, hash) => rows.promote(source, hash, now()),
  };
}

/** Rows that end with the process. */
export function versionsInMemory(): VersionRows {
  const states = { approved: new Map<string, PluginVersion>(), waiting: new Map<string, PluginVersion>() };
  return {
    find: async (source, state) => states[state].get(source) ?? null,
    all: async (state) => [...states[state].values()].toSorted(byName),
    async put(state, version) {
      const known = states[state].get(version.source);
      const since = known?.hash === version.hash ? known.since : version.since;
      states[state].set(version.source, { ...version, since });
      if (state === 'approved') states.waiting.delete(version.source);
    },
    async remove(source, state) {
      states[state].delete(source);
    },
    async promote(source, hash, since) {
      const version = states.waiting.get(source);
      if (version?.hash !== hash) return false;
      states.approved.set(source, { ...version, since });
      return states.waiting.delete(source);
    },
  };
}

function byName(a: PluginVersion, b: PluginVersion): number {
  return a.name < b.name ? -1 : 1;
}
