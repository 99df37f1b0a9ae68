// Loads plugins from paths without a running gateway, as `check` and `functions` need them.
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { createEgress } from '../egress/create-egress.ts';
import { EgressError, type Egress, type SendDocument } from '../egress/egress.ts';
import {
  placeFindings,
  readInstalled,
  readManifestBeside,
  readManifestFile,
  type Candidate,
  type SourceReader,
} from '../plugin/candidate.ts';
import { convertDocument, rememberConversions } from '../plugin/convert.ts';
import { loadPlugin } from '../plugin/load.ts';
import { uniqueNames } from '../plugin/plugin-name.ts';
import { makeSnapshot, type Plugin } from '../plugin/snapshot.ts';
import { fetchMilliseconds, fetchText, locateEntry, readLocal, type Location } from '../plugin/source.ts';
import { documentNames, findManifests } from './find-manifests.ts';
import { version } from './version.ts';

/** A plugin, and the path under which it was found. */
export interface FoundPlugin {
  readonly path: string;
  readonly plugin: Plugin;
}

/** How to load. */
export interface LoadPathsOptions {
  /** Settings and allow-list that apply. */
  readonly config: Config;
  /** Nothing is fetched: a document by URL is a diagnostic. */
  readonly offline: boolean;
  /** Hears how many plugins are read, each time that one more is. */
  readonly onProgress?: (loaded: number, of: number) => void;
}

const parallel = 8;

/** Loads every plugin of the paths. Plugins of one folder share their names, those of different folders do not. */
export async function loadPaths(paths: readonly string[], options: LoadPathsOptions): Promise<FoundPlugin[]> {
  const files: string[] = [];
  for (const path of paths) files.push(...(/^https?:/.test(path) ? [path] : await findManifests(path)));
  let loaded = 0;
  const onLoaded = (): void => options.onProgress?.((loaded += 1), files.length);
  const { allow } = options.config.egress;
  const egress = createEgress({ allow, own: () => [], instance: 'check' });
  try {
    const folders = Object.values(Object.groupBy(files, (file) => dirname(file)));
    const userAgent = `plugin-gateway/${version}`;
    const found: FoundPlugin[] = [];
    for (let at = 0; at < folders.length; at += parallel) {
      const some = folders.slice(at, at + parallel);
      const loads = some.map((folder) =>
        loadFolder(folder ?? [], egress, userAgent, { ...options, onLoaded }),
      );
      found.push(...(await Promise.all(loads)).flat());
    }
    return found;
  } finally {
    await egress.close();
  }
}

async function loadFolder(
  files: readonly string[],
  egress: Egress,
  userAgent: string,
  { config, offline, onLoaded }: LoadPathsOptions & { readonly onLoaded: () => void },
): Promise<FoundPlugin[]> {
  const { folder, settings: all } = config.plugins;
  const settings = (name: string) => (Object.hasOwn(all, name) ? all[name] : undefined);
  const signal = AbortSignal.timeout(fetchMilliseconds);
  const { convert } = rememberConversions(async (job) => convertDocument(job));
  const reader: SourceReader = {
    read(location, maxBytes, name) {
      if (location.kind === 'file') return readLocal(location, maxBytes);
      const send = offline ? refuse : egress.document(name === null ? [] : (settings(name)?.egress ?? []));
      return fetchText(location.url, { send, maxBytes, signal, userAgent });
    },
    convert,
    settings,
    allowed: () => 'all',
  };
  const candidates = await Promise.all(files.map((file) => readCandidate(file, reader)));
  const names = uniqueNames(candidates);
  const loaded = await Promise.all(
    candidates.map(async (candidate, at) => {
      const { name, diagnostics } = names[at] ?? { name: candidate.name, diagnostics: [] };
      const one = await loadPlugin(name, candidate, {
        settings: settings(name),
        folder,
        reader,
      });
      onLoaded();
      return { ...one, diagnostics: [...placeFindings(diagnostics, candidate), ...one.diagnostics] };
    }),
  );
  const { plugins } = await makeSnapshot(loaded, settings);
  return candidates.flatMap((candidate, at) => {
    const plugin = plugins.find((one) => one.source === candidate.source);
    return plugin ? [{ path: files[at] ?? candidate.source, plugin }] : [];
  });
}

async function readCandidate(file: string, reader: SourceReader): Promise<Candidate> {
  const location: Location = /^https?:/.test(file) ? locateEntry(file) : { kind: 'file', file, within: null };
  if (location.kind === 'url' || /\.ya?ml$/i.test(file)) return readInstalled(location, reader);
  const neighbour = findNeighbour(file);
  if (neighbour !== undefined) return readManifestBeside(file, neighbour, reader);
  const candidate = await readManifestFile(file, reader);
  if (candidate.manifest !== null) return candidate;
  // What has no manifest's fields may be a bare document (M1).
  const bare = await readInstalled(location, reader);
  return bare.document ? bare : candidate;
}

/** M22: the document that lies beside an `ai-plugin.json`. */
function findNeighbour(file: string): string | undefined {
  if (basename(file) !== 'ai-plugin.json') return undefined;
  return documentNames.map((name) => join(dirname(file), name)).find((path) => existsSync(path));
}

const refuse: SendDocument = async ({ origin }) => {
  throw new EgressError('unreachable', `${origin} is not asked, because of --offline.`);
};
