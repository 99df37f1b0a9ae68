// Everything that is to be installed: the manifests of the folder, and the entries of `plugins.install`.
import type { Config } from '../config/schema.ts';
import { createReport } from '../openapi/diagnostic.ts';
import {
  noManifest,
  readInstalled,
  readManifestFile,
  sourceName,
  type Candidate,
  type SourceReader,
} from './candidate.ts';
import { listManifestFiles, locateEntry, SourceError } from './source.ts';

/** One thing to install. */
export interface PluginSource {
  /** Its file or URL, the plugin's identity. */
  readonly source: string;
  /** Reads it, from the network or from a version that was kept. */
  readonly read: (reader: SourceReader) => Promise<Candidate>;
}

/** Lists what is to be installed now. */
export async function listSources({
  folder,
  install,
}: Pick<Config['plugins'], 'folder' | 'install'>): Promise<PluginSource[]> {
  const files = await listManifestFiles(folder);
  const manifests = files.map((file) => ({
    source: file,
    read: (reader: SourceReader) => readManifestFile(file, reader),
  }));
  return [...manifests, ...install.map(sourceOfEntry)];
}

function sourceOfEntry(entry: string): PluginSource {
  try {
    const location = locateEntry(entry);
    return { source: sourceName(location), read: (reader) => readInstalled(location, reader) };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const report = createReport(entry);
    report.error('manifest-path', '', error.message);
    const { diagnostics } = report;
    const location = { kind: 'file', file: entry, within: null } as const;
    const candidate = { ...noManifest, name: entry, source: entry, location, diagnostics };
    return { source: entry, read: async () => candidate };
  }
}
