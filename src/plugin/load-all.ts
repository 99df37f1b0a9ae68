// Loads all plugins: what is broken keeps its last good version, what changed its approved one, where that is asked for.
import type { Config, PluginSettings } from '../config/schema.ts';
import type { Egress } from '../egress/egress.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import type { Log } from '../telemetry/log.ts';
import {
  readInstalled,
  readManifestFile,
  sourceName,
  type Candidate,
  type SourceReader,
} from './candidate.ts';
import { judgeChange, type ChangeReason } from './change.ts';
import { rememberConversions, type Convert } from './convert.ts';
import { createKeptTexts, type Refresh } from './kept-texts.ts';
import { loadPlugin, type Loaded } from './load.ts';
import { uniqueNames } from './plugin-name.ts';
import { listManifestFiles, locateEntry, SourceError, type ReadSource } from './source.ts';
import {
  readReasons,
  readRecord,
  readVersion,
  recordVersion,
  writeRecord,
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
}

/** A source, and how to read it: from the network, or from a version that was kept. */
interface Source {
  /** Its file or URL, the plugin's identity. */
  readonly source: string;
  readonly read: (reader: SourceReader) => Promise<Candidate>;
}

/** A source as it is now. */
interface Fresh {
  readonly source: Source;
  readonly candidate: Candidate;
  readonly reader: SourceReader;
  /** What was fetched for it so far. */
  readonly version: () => Version | null;
  /** The version that was approved before; `null` when there is none. */
  readonly approved: { readonly version: Version; readonly name: string } | null;
  /** What it was when it was last good. */
  readonly good: Loaded | undefined;
}

/** Reading 32 sources at a time keeps files and sockets few. */
const parallel = 32;

/** Nothing loaded yet. */
export function createLoader(options: LoaderOptions): Loader {
  const { plugins, egress, allow, userAgent, versions } = options;
  const settings = (name: string) =>
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
  let good: ReadonlyMap<string, Loaded> = new Map();
  let started = false;

  const findSources = async (): Promise<Source[]> => [
    ...(await listManifestFiles(plugins.folder)).map((file) => ({
      source: file,
      read: (reader: SourceReader) => readManifestFile(file, reader),
    })),
    ...plugins.install.map(sourceOfEntry),
  ];

  /** At the start, what the store knows of a plugin need not be fetched again if it is still the same (D15). */
  const recall = (source: string): void => {
    for (const state of ['approved', 'waiting'] as const) {
      const record = versions?.find(source, state) ?? null;
      for (const [url, text] of readRecord(record)?.texts ?? []) {
        for (const plugin of [null, record?.name ?? null]) texts.put(plugin, url, text);
      }
    }
  };

  return {
    failing: texts.failing,
    async load(refresh) {
      const sources = await findSources();
      if (!started) for (const { source } of sources) recall(source);
      started = true;
      const read = texts.startReload(refresh);
      const fresh = await mapParallel(sources, async (source): Promise<Fresh> => {
        const recorded = recordVersion(read);
        const reader = readerOf(recorded.read);
        const candidate = await source.read(reader);
        const approved = findApproved(candidate.source, options);
        return { source, candidate, reader, approved, ...recorded, good: good.get(candidate.source) };
      });
      const names = uniqueNames(
        fresh.map((one) => ({ name: nameOf(one, settings), source: one.candidate.source })),
      );
      const settled = await mapParallel(fresh, async (one, at) => {
        const { name, diagnostics } = names[at] ?? { name: one.candidate.name, diagnostics: [] };
        const load = (candidate: Candidate, reader: SourceReader) =>
          loadPlugin(name, candidate, { settings: settings(name), folder: plugins.folder, reader });
        const { served, ...rest } = await settle(one, load, readerOf, settings(name), options);
        return { ...rest, served: { ...served, name, diagnostics: [...diagnostics, ...served.diagnostics] } };
      });
      good = new Map(
        settled.flatMap((one) => (one.good ? [[one.good.candidate.source, one.good] as const] : [])),
      );
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
function nameOf(
  { candidate, good, approved }: Fresh,
  settings: (name: string) => PluginSettings | undefined,
): string {
  const known = approved?.name ?? good?.candidate.name;
  if (known === undefined || known === candidate.name) return candidate.name;
  if (candidate.manifest === null) return known;
  const ask = candidate.location.kind === 'url' && settings(known)?.changes !== 'automatic';
  return ask && approved ? known : candidate.name;
}

type LoadCandidate = (candidate: Candidate, reader: SourceReader) => Promise<Loaded>;

/** What a source comes to. */
interface Settled {
  /** Its newest version, the approved one, or the last good one, with what there is to say about that. */
  readonly served: Loaded;
  /** The same without; `null` when it cannot be used. */
  readonly good: Loaded | null;
}

async function settle(
  { source, candidate, reader, version, approved, good }: Fresh,
  load: LoadCandidate,
  readerOf: (read: ReadSource) => SourceReader,
  settings: PluginSettings | undefined,
  { versions, log }: LoaderOptions,
): Promise<Settled> {
  const fresh = await load(candidate, reader);
  const now = version();
  if (isGood(fresh) && (versions === null || now === null)) return asIs(fresh);
  if (versions === null) return lastGood(good, fresh);
  if (isGood(fresh) && now?.hash === approved?.version.hash) {
    versions.dismiss(source.source);
    return asIs(fresh);
  }
  const before = approved && (await loadVersion(source, approved.version, load, readerOf));
  if (!isGood(fresh) || now === null) {
    const held = before && isGood(before) && approved ? before : null;
    const { served, good: last } = lastGood(held ?? good, fresh);
    const record = held && versions.find(source.source, 'waiting');
    return { served: record && approved ? waiting(served, approved.version, record) : served, good: last };
  }
  const reasons = before ? reasonsToWait(before, fresh, settings?.changes ?? 'safe') : [];
  const hashes = { source: source.source, hash: now.hash, approved: approved?.version.hash };
  if (before && approved && reasons.length > 0) {
    if (versions.find(source.source, 'waiting')?.hash !== now.hash)
      log.warn('a changed plugin waits for approval', { ...hashes, reasons });
    versions.keep('waiting', writeRecord(source.source, candidate.name, now, reasons));
    const record = versions.find(source.source, 'waiting');
    return { served: record ? waiting(before, approved.version, record) : before, good: before };
  }
  versions.keep('approved', writeRecord(source.source, candidate.name, now));
  log.info('a version of a plugin is adopted', hashes);
  return asIs(fresh);
}

function asIs(loaded: Loaded): Settled {
  return { served: loaded, good: loaded };
}

/** The last good version, saying why it is not the newest (D16); what is broken when there is none. */
function lastGood(good: Loaded | undefined, fresh: Loaded): Settled {
  return good ? { served: stale(good, fresh.diagnostics), good } : { served: fresh, good: null };
}

/** The approved version; `null` when the operator has since configured something that it has no text of. */
async function loadVersion(
  source: Source,
  version: Version,
  load: LoadCandidate,
  readerOf: (read: ReadSource) => SourceReader,
): Promise<Loaded | null> {
  const { read, lacking } = readVersion(version);
  const reader = readerOf(read);
  const loaded = await load(await source.read(reader), reader);
  return lacking() ? null : loaded;
}

function reasonsToWait(
  before: Loaded,
  fresh: Loaded,
  changes: 'safe' | 'approve' | 'automatic',
): ChangeReason[] {
  if (changes === 'automatic') return [];
  const reasons = judgeChange(before, fresh);
  if (changes === 'safe' || reasons.length > 0) return reasons;
  return [{ code: 'changed', message: 'Its manifest or document has changed, and "changes" is "approve".' }];
}

function findApproved(source: string, { versions, log }: LoaderOptions): Fresh['approved'] {
  const record = versions?.find(source, 'approved') ?? null;
  const version = readRecord(record);
  if (record && version) return { version, name: record.name };
  if (record) log.error('the kept version of a plugin is not what its hash says; it is ignored', { source });
  return null;
}

/** What serves, saying what waits. */
function waiting(served: Loaded, approved: Version, record: VersionRecord): Loaded {
  const reasons = readReasons(record);
  const since = new Date(record.since).toISOString();
  const report = createReport(served.candidate.source);
  const why = reasons.map(({ message }) => message).join(' ');
  report.warning(
    'change-waiting',
    '',
    `A changed version waits for approval: ${why} Until then the approved one serves. Run: plugin-gateway approve ${served.name}`,
  );
  const diagnostics = [...served.diagnostics, ...report.diagnostics];
  return { ...served, diagnostics, waiting: { hash: record.hash, approved: approved.hash, since, reasons } };
}

/** An entry of `plugins.install`. */
function sourceOfEntry(entry: string): Source {
  try {
    const location = locateEntry(entry);
    return { source: sourceName(location), read: (reader) => readInstalled(location, reader) };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const findings = createReport(entry);
    findings.error('manifest-path', '', error.message);
    const { diagnostics } = findings;
    const location = { kind: 'file', file: entry, within: null } as const;
    const candidate = { name: entry, source: entry, location, manifest: null, diagnostics, document: null };
    return { source: entry, read: async () => candidate };
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
