// Loads all plugins together, again and again: reads every source, gives each its name, settles which version serves.
import type { Config, PluginSettings } from '../config/schema.ts';
import type { Egress } from '../egress/egress.ts';
import type { Log } from '../telemetry/log.ts';
import { placeFindings, type Candidate, type SourceReader } from './candidate.ts';
import { rememberConversions, type Convert } from './convert.ts';
import { createKeptTexts, type KeptTexts, type Refresh } from './kept-texts.ts';
import { loadPlugin, type Loaded } from './load.ts';
import { uniqueNames } from './plugin-name.ts';
import { listSources, type PluginSource } from './plugin-source.ts';
import { settleVersion, type SettledPlugin } from './settle-version.ts';
import type { ReadSource } from './source.ts';
import {
  readRecord,
  readVersion,
  recordVersion,
  type Version,
  type VersionRecord,
  type Versions,
} from './version.ts';

export interface LoaderOptions {
  readonly plugins: Config['plugins'];
  /** `egress.allow` of the configuration: private addresses that documents may name as servers. */
  readonly allow: readonly string[];
  readonly egress: Pick<Egress, 'document'>;
  readonly userAgent: string;
  readonly log: Log;
  readonly convert: Convert;
  /** Where approved versions are kept; without, every change is adopted. */
  readonly versions: Versions | null;
}

/** Loads all plugins, again and again. */
export interface Loader {
  /** Reads all files, and of the fetched texts those that `refresh` names. Broken plugins are among the loaded. */
  load(refresh: Refresh): Promise<Loaded[]>;
  /** Whether something could not be fetched at the last load. */
  readonly failing: () => boolean;
  /** Whether the store did not say at the last load what was approved. */
  readonly undecided: () => boolean;
}

/** A source while it is loaded. */
interface Fresh {
  readonly source: PluginSource;
  readonly candidate: Candidate;
  readonly reader: SourceReader;
  /** What was fetched for it so far. */
  readonly version: () => Version | null;
  /** The version that was approved before; `null` when there is none, `unknown` when the store does not say. */
  readonly approved: Approved | null | 'unknown';
  /** What it was when it was last good. */
  readonly good: Loaded | undefined;
}

interface Approved {
  readonly version: Version;
  readonly name: string;
}

type SettingsOf = (name: string) => PluginSettings | undefined;

/** Reading 32 sources at a time keeps files and sockets few. */
const parallel = 32;

/** A loader that has loaded nothing yet. */
export function createLoader(options: LoaderOptions): Loader {
  const { plugins, egress, allow, userAgent, versions, log } = options;
  const settings: SettingsOf = (name) =>
    Object.hasOwn(plugins.settings, name) ? plugins.settings[name] : undefined;
  const egressOf = (name: string | null) => (name === null ? [] : (settings(name)?.egress ?? []));
  const texts = createKeptTexts({ send: (name) => egress.document(egressOf(name)), userAgent });
  const { convert, forget } = rememberConversions(options.convert);
  const readerOf = (read: ReadSource): SourceReader => ({
    read,
    convert,
    settings,
    allowed: (name) => [...allow, ...egressOf(name)],
  });
  let good: ReadonlyMap<string, Loaded> | null = null;
  let undecided = false;

  const start = async (source: PluginSource, read: ReadSource): Promise<Fresh> => {
    const recorded = recordVersion(read);
    const reader = readerOf(recorded.read);
    const candidate = await source.read(reader);
    const approved = await findApproved(source.source, versions, log);
    return { source, candidate, reader, version: recorded.version, approved, good: good?.get(source.source) };
  };
  const finish = async (one: Fresh, name: string): Promise<SettledPlugin> => {
    const { source, candidate } = one;
    const approved = one.approved === 'unknown' ? null : one.approved;
    const loading = { settings: settings(name), folder: plugins.folder };
    const fresh = await loadPlugin(name, candidate, { ...loading, reader: one.reader });
    const plugin = {
      source: source.source,
      fresh,
      version: one.version(),
      approved: one.approved === 'unknown' ? one.approved : (approved?.version ?? null),
      good: one.good,
      // What calls itself something else now is judged by the settings that it had.
      changes: settings(approved?.name ?? name)?.changes ?? 'safe',
      async loadVersion(version: Version) {
        const { read, lacking } = readVersion(version);
        const reader = readerOf(read);
        const loaded = await loadPlugin(name, await source.read(reader), { ...loading, reader });
        return lacking() ? null : loaded;
      },
    };
    return settleVersion(plugin, { versions, log });
  };

  return {
    failing: texts.failing,
    undecided: () => undecided,
    async load(refresh) {
      const sources = await listSources(plugins);
      if (good === null && versions)
        await mapParallel(sources, ({ source }) => recall(source, versions, texts));
      const read = texts.startReload(refresh);
      const fresh = await mapParallel(sources, (source) => start(source, read));
      undecided = fresh.some(({ approved }) => approved === 'unknown');
      const wanted = fresh.map((one) => ({ name: nameOf(one, settings), source: one.source.source }));
      const names = uniqueNames(wanted);
      const settled = await mapParallel(fresh, async (one, at) => {
        const { name, diagnostics } = names[at] ?? { name: one.candidate.name, diagnostics: [] };
        const { served, good } = await finish(one, name);
        const naming = placeFindings(diagnostics, one.candidate);
        return { served: { ...served, name, diagnostics: [...naming, ...served.diagnostics] }, good };
      });
      good = new Map(settled.flatMap(({ good: one }) => (one ? [[one.candidate.source, one] as const] : [])));
      texts.forget();
      forget();
      return settled.map(({ served }) => served);
    },
  };
}

/**
 * The name that a plugin has a claim to. What cannot be read keeps its name (D16), and what calls itself something else
 * than when it was approved does as well until that is approved: settings and grants go by the name.
 */
function nameOf({ candidate, good, ...fresh }: Fresh, settings: SettingsOf): string {
  const approved = fresh.approved === 'unknown' ? null : fresh.approved;
  const known = approved?.name ?? good?.candidate.name;
  if (known === undefined || known === candidate.name) return candidate.name;
  if (candidate.manifest === null) return known;
  const ask = candidate.location.kind === 'url' && settings(known)?.changes !== 'automatic';
  return ask && fresh.approved !== null ? known : candidate.name;
}

async function findApproved(source: string, versions: Versions | null, log: Log): Promise<Fresh['approved']> {
  const record = versions ? await found(versions.find(source, 'approved')) : null;
  if (record === 'unknown') return record;
  const version = readRecord(record);
  if (record && version) return { version, name: record.name };
  if (record) log.error('the kept version of a plugin is not what its hash says; it is ignored', { source });
  return null;
}

/** At the start: what is kept of a plugin need not be fetched again while it is still the same (D15). */
async function recall(source: string, versions: Versions, texts: KeptTexts): Promise<void> {
  for (const state of ['approved', 'waiting'] as const) {
    const record = await found(versions.find(source, state));
    if (record === 'unknown') continue;
    for (const [url, text] of readRecord(record)?.texts ?? []) {
      // A manifest is read for nobody yet, a document for its plugin.
      for (const plugin of [null, record?.name ?? null]) texts.put(plugin, url, text);
    }
  }
}

/** A store that does not answer has its own words in the log. */
async function found(asked: ReturnType<Versions['find']>): Promise<VersionRecord | null | 'unknown'> {
  try {
    return await asked;
  } catch {
    return 'unknown';
  }
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
