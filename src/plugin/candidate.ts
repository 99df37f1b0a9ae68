// What is to be installed: one candidate per manifest or bare document, each read on its own.
import { basename } from 'node:path';
import type { SendDocument } from '../egress/egress.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import {
  fetchedDocumentLimits,
  localDocumentLimits,
  readDocument,
  type ApiDocument,
} from '../openapi/document.ts';
import { decodeText } from '../openapi/yaml.ts';
import { readManifest, type Manifest, type ManifestSettings } from './manifest.ts';
import {
  fetchSource,
  maxFetchedDocumentBytes,
  maxLocalDocumentBytes,
  maxManifestBytes,
  readLocal,
  SourceError,
  type Location,
  type SourceBytes,
} from './source.ts';

/** A manifest that was read, or why it was not. */
export interface Candidate {
  /** `name_for_model`, or a name made from the source. Not yet unique. */
  readonly name: string;
  /** The file or URL, as shown; the identity of the plugin over reloads. */
  readonly source: string;
  readonly location: Location;
  readonly manifest: Manifest | null;
  readonly diagnostics: readonly Diagnostic[];
  /** The document, where it is already at hand: a bare one, or one that lies beside its manifest (M22). */
  readonly document: {
    /** `null`: it cannot be used. */
    readonly document: ApiDocument | null;
    /** Where it came from, or as if from. */
    readonly url: string | null;
    readonly source: string;
  } | null;
}

/** What reading sources needs. */
export interface SourceReader {
  readonly send: (plugin: string | null) => SendDocument;
  readonly userAgent: string;
  readonly signal: AbortSignal;
  readonly settings: (name: string) => ManifestSettings | undefined;
}

/** The name under which a location is shown. */
export function sourceName(location: Location): string {
  return location.kind === 'url' ? location.url : location.file;
}

/** A name for what has none of its own: the host of a URL, the file's name without its ending. */
function sourceStem(location: Location): string {
  return location.kind === 'url'
    ? new URL(location.url).hostname
    : basename(location.file).replace(/\.[a-z]+$/i, '');
}

/** Reads the bytes of a location. Throws {@link SourceError}. `null`: unchanged since `etag`. */
export async function readLocation(
  location: Location,
  maxBytes: number,
  reader: SourceReader,
  plugin: string | null,
  etag: string | null = null,
): Promise<SourceBytes | null> {
  if (location.kind === 'file') return readLocal(location, maxBytes);
  const { signal, userAgent } = reader;
  return fetchSource(location.url, { send: reader.send(plugin), maxBytes, signal, userAgent, etag });
}

/** Reads a manifest of the folder. */
export async function readManifestFile(file: string, reader: SourceReader): Promise<Candidate> {
  const location: Location = { kind: 'file', file, within: null };
  return guard(location, async () => {
    const read = await readLocation(location, maxManifestBytes, reader, null);
    return manifestCandidate(decodeText(read?.bytes ?? new Uint8Array()), location, reader);
  });
}

/**
 * Reads a manifest with a document that lies beside it, as if the document had been served from its `api.url` (M22). For
 * `check`: a tree of saved plugins needs no network.
 */
export async function readManifestBeside(
  file: string,
  documentFile: string,
  reader: SourceReader,
): Promise<Candidate> {
  const candidate = await readManifestFile(file, reader);
  const { manifest } = candidate;
  if (manifest === null) return candidate;
  const url = URL.parse(
    manifest.apiUrl ?? '',
    manifest.domain === null ? undefined : `https://${manifest.domain}`,
  );
  const beside: Location = { kind: 'file', file: documentFile, within: null };
  return guard(beside, async () => {
    const read = await readLocation(beside, maxLocalDocumentBytes, reader, null);
    const text = decodeText(read?.bytes ?? new Uint8Array());
    const { document, diagnostics } = readDocument(text, documentFile, localDocumentLimits);
    return {
      ...candidate,
      diagnostics: [...candidate.diagnostics, ...diagnostics],
      document: { document, url: url?.href ?? null, source: documentFile },
    };
  });
}

/** Reads an entry of `plugins.install`: a manifest, or a bare document, as its content says (M1). */
export async function readInstalled(location: Location, reader: SourceReader): Promise<Candidate> {
  return guard(location, async () => {
    const maxBytes = location.kind === 'url' ? maxFetchedDocumentBytes : maxLocalDocumentBytes;
    const read = await readLocation(location, maxBytes, reader, null);
    const text = decodeText(read?.bytes ?? new Uint8Array());
    const from: Location = read?.url ? { kind: 'url', url: read.url } : location;
    return (
      bareCandidate(text, location, read?.url ?? null) ?? {
        ...manifestCandidate(text, from, reader),
        source: sourceName(location),
      }
    );
  });
}

async function guard(location: Location, read: () => Promise<Candidate>): Promise<Candidate> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const source = sourceName(location);
    const report = createReport(source);
    report.error(
      error.reason === 'not-a-document' ? 'not-a-manifest' : `manifest-${error.reason}`,
      '',
      error.message,
    );
    return {
      name: sourceStem(location),
      source,
      location,
      manifest: null,
      diagnostics: report.diagnostics,
      document: null,
    };
  }
}

function manifestCandidate(text: string, location: Location, reader: SourceReader): Candidate {
  const source = sourceName(location);
  return { ...readManifest(text, source, reader.settings), source, location, document: null };
}

/** A document without a manifest: name and description come from its `info`. `null`: it is no document. */
function bareCandidate(text: string, location: Location, url: string | null): Candidate | null {
  if (/"name_for_model"\s*:/.test(text.slice(0, maxManifestBytes))) return null;
  const source = sourceName(location);
  const limits = location.kind === 'url' ? fetchedDocumentLimits : localDocumentLimits;
  const { document, diagnostics } = readDocument(text, source, limits);
  if (document === null) return null;
  const manifest = manifestOfDocument(document, sourceStem(location));
  return {
    name: manifest.nameForModel,
    source,
    location,
    manifest,
    diagnostics,
    document: { document, url, source },
  };
}

/** A manifest made from a document (M1). Credentials are the operator's: the document's schemes say where they go. */
function manifestOfDocument(document: ApiDocument, fallback: string): Manifest {
  const title = document.title.trim() || fallback;
  const name =
    title
      .replace(/[^A-Za-z0-9]+/g, '_')
      .replace(/^_|_$/g, '')
      .slice(0, 50) || 'plugin';
  return Object.freeze({
    nameForModel: name,
    nameForHuman: title,
    descriptionForModel: document.description || title,
    descriptionForHuman: title,
    auth: { type: 'none' } as const,
    apiUrl: null,
    logoUrl: null,
    contactEmail: null,
    legalInfoUrl: null,
    params: {},
    headers: {},
    userIdHeader: null,
    domain: null,
  });
}
