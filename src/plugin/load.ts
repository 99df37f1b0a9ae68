// From a candidate to a plugin's operations: its document found, fetched, converted.
import { dirname } from 'node:path';
import type { PluginSettings } from '../config/schema.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import { placeFindings, sourceName, type Candidate, type SourceReader } from './candidate.ts';
import type { WaitingChange } from './change.ts';
import type { ConversionJob } from './convert.ts';
import type { Manifest } from './manifest.ts';
import type { Operation } from './operation.ts';
import { locateDocument, maxFetchedDocumentBytes, maxLocalDocumentBytes, SourceError } from './source.ts';

/** A plugin that was read, before its functions are named together with all others'. */
export interface Loaded {
  /** Unique. */
  readonly name: string;
  readonly candidate: Candidate;
  /** The document's file or URL. */
  readonly document: string | null;
  readonly operations: readonly Operation[];
  readonly diagnostics: readonly Diagnostic[];
  /** A changed version that waits for approval, while this one serves. */
  readonly waiting?: WaitingChange;
}

export interface LoadOptions {
  readonly settings: PluginSettings | undefined;
  /** The folder whose `openapi` holds local documents, for manifests that are not files. */
  readonly folder: string;
  readonly reader: SourceReader;
}

interface FoundDocument {
  readonly bytes: Uint8Array;
  /** Where it came from, or as if from; `null` for a file. */
  readonly url: string | null;
  readonly source: string;
  readonly kind: ConversionJob['kind'];
}

/** Loads one plugin. What is wrong is in its diagnostics; nothing is thrown. */
export async function loadPlugin(name: string, candidate: Candidate, options: LoadOptions): Promise<Loaded> {
  const { manifest } = candidate;
  const nothing = { name, candidate, document: null, operations: [] };
  if (manifest === null) return { ...nothing, diagnostics: candidate.diagnostics };
  const report = createReport(candidate.source);
  try {
    const found = await findDocument(name, candidate, manifest, options);
    const { bytes, source, kind } = found;
    const context = contextOf(name, candidate, manifest, found, options);
    const conversion = await options.reader.convert({ bytes, source, kind, context });
    const { operations, diagnostics } = conversion;
    return {
      name,
      candidate,
      document: source,
      operations,
      diagnostics: [...candidate.diagnostics, ...diagnostics],
    };
  } catch (error) {
    if (error instanceof SourceError) {
      const code = error.reason === 'not-a-document' ? error.reason : `document-${error.reason}`;
      report.error(code, '/api/url', error.message);
    } else report.error('load-failed', '', `The plugin cannot be loaded: ${String(error)}.`);
    const findings = placeFindings(report.diagnostics, candidate);
    return { ...nothing, diagnostics: [...candidate.diagnostics, ...findings] };
  }
}

async function findDocument(
  name: string,
  candidate: Candidate,
  manifest: Manifest,
  { settings, folder, reader }: LoadOptions,
): Promise<FoundDocument> {
  const { location: manifestLocation, document } = candidate;
  if (document) return { ...document, kind: manifestLocation.kind === 'url' ? 'fetched' : 'local' };
  const location = locateDocument({
    spec: settings?.spec,
    apiUrl: manifest.apiUrl,
    manifest: manifestLocation,
    origin: manifest.domain === null ? null : `https://${manifest.domain}`,
    folder: manifestLocation.kind === 'file' ? dirname(manifestLocation.file) : folder,
  });
  const local = location.kind === 'file';
  const maxBytes = local ? maxLocalDocumentBytes : maxFetchedDocumentBytes;
  const { bytes, url } = await reader.read(location, maxBytes, name);
  return { bytes, url, source: sourceName(location), kind: local ? 'local' : 'fetched' };
}

function contextOf(
  name: string,
  candidate: Candidate,
  manifest: Manifest,
  found: FoundDocument,
  { settings, reader }: LoadOptions,
): ConversionJob['context'] {
  return {
    documentUrl: found.url,
    manifestUrl: candidate.location.kind === 'url' ? candidate.location.url : null,
    domain: manifest.domain,
    server: settings?.server ?? null,
    operations: settings?.operations ?? { include: [], exclude: [] },
    allowed: reader.allowed(name),
  };
}
