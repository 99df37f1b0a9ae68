// From a candidate to a plugin's operations: its document found, fetched, read.
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { PluginSettings } from '../config/schema.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import {
  fetchedDocumentLimits,
  localDocumentLimits,
  readDocument,
  type ApiDocument,
} from '../openapi/document.ts';
import { decodeText } from '../openapi/yaml.ts';
import { readLocation, sourceName, type Candidate, type SourceReader } from './candidate.ts';
import type { Manifest } from './manifest.ts';
import { readOperations, type Operation } from './operation.ts';
import { locateDocument, maxFetchedDocumentBytes, maxLocalDocumentBytes, SourceError } from './source.ts';

/** A plugin that was read, before its functions are named together with all others'. */
export interface Loaded {
  /** Unique. */
  readonly name: string;
  readonly candidate: Candidate;
  /** The document's file or URL. */
  readonly document: string | null;
  readonly etag: string | null;
  readonly operations: readonly Operation[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface LoadOptions {
  readonly settings: PluginSettings | undefined;
  /** The folder whose `openapi` holds local documents, for manifests that are not files. */
  readonly folder: string;
  readonly reader: SourceReader;
  /** Whether the operator allows a private address that a public document names (M27). */
  readonly allows: (url: URL) => boolean;
  /** What the source was when it was last good: an unchanged document is not read again. */
  readonly last: Loaded | undefined;
}

interface FoundDocument {
  readonly document: ApiDocument | null;
  readonly url: string | null;
  readonly etag: string | null;
  readonly source: string;
}

/** Loads one plugin. What is wrong is in its diagnostics; nothing is thrown. */
export async function loadPlugin(name: string, candidate: Candidate, options: LoadOptions): Promise<Loaded> {
  const { manifest } = candidate;
  const nothing = { name, candidate, document: null, etag: null, operations: [] };
  if (manifest === null) return { ...nothing, diagnostics: candidate.diagnostics };
  const report = createReport(candidate.source);
  try {
    const diagnostics: Diagnostic[] = [];
    const found = candidate.document
      ? { ...candidate.document, etag: null }
      : await findDocument(name, candidate, manifest, options, diagnostics);
    if (found === null && options.last) return { ...options.last, name, candidate };
    const read = found?.document
      ? readOperations(found.document, contextOf(candidate, manifest, found, options))
      : null;
    return {
      ...nothing,
      document: found?.source ?? null,
      etag: found?.etag ?? null,
      operations: read?.operations ?? [],
      diagnostics: [...candidate.diagnostics, ...diagnostics, ...(read?.diagnostics ?? [])],
    };
  } catch (error) {
    if (error instanceof SourceError) {
      const code = error.reason === 'not-a-document' ? error.reason : `document-${error.reason}`;
      report.error(code, '/api/url', error.message);
    } else report.error('load-failed', '', `The plugin cannot be loaded: ${String(error)}.`);
    return { ...nothing, diagnostics: [...candidate.diagnostics, ...report.diagnostics] };
  }
}

/** `null`: unchanged since the last good version. */
async function findDocument(
  name: string,
  candidate: Candidate,
  manifest: Manifest,
  options: LoadOptions,
  diagnostics: Diagnostic[],
): Promise<FoundDocument | null> {
  const { location: manifestLocation } = candidate;
  const location = locateDocument({
    spec: options.settings?.spec,
    apiUrl: manifest.apiUrl,
    manifest: manifestLocation,
    origin: manifest.domain === null ? null : `https://${manifest.domain}`,
    folder: manifestLocation.kind === 'file' ? dirname(manifestLocation.file) : options.folder,
  });
  const source = sourceName(location);
  const local = location.kind === 'file';
  const etag = unchangedManifest(candidate, source, options.last) ? (options.last?.etag ?? null) : null;
  const maxBytes = local ? maxLocalDocumentBytes : maxFetchedDocumentBytes;
  const bytes = await readLocation(location, maxBytes, options.reader, name, etag);
  if (bytes === null) return null;
  // Reading a large document takes a while: what else waits goes first. A worker would stand here.
  await setImmediate();
  const limits = local ? localDocumentLimits : fetchedDocumentLimits;
  const read = readDocument(decodeText(bytes.bytes), source, limits);
  diagnostics.push(...read.diagnostics);
  return { document: read.document, url: bytes.url, etag: bytes.etag, source };
}

function unchangedManifest(candidate: Candidate, document: string, last: Loaded | undefined): boolean {
  return (
    last?.document === document &&
    JSON.stringify(last.candidate.manifest) === JSON.stringify(candidate.manifest)
  );
}

function contextOf(candidate: Candidate, manifest: Manifest, found: FoundDocument, options: LoadOptions) {
  const { settings, allows } = options;
  return {
    documentUrl: found.url,
    manifestUrl: candidate.location.kind === 'url' ? candidate.location.url : null,
    domain: manifest.domain,
    server: settings?.server ?? null,
    operations: settings?.operations ?? { include: [], exclude: [] },
    allows,
  };
}
