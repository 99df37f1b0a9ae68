// What is to be installed: one candidate per manifest or bare document, each read on its own.
import { basename } from 'node:path';
import type { PluginSettings } from '../config/schema.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import { withLines } from '../openapi/document.ts';
import { decodeText } from '../openapi/yaml.ts';
import type { Conversion, ConversionContext, Convert } from './convert.ts';
import { readManifest, type Manifest } from './manifest.ts';
import {
  maxFetchedDocumentBytes,
  maxLocalDocumentBytes,
  maxManifestBytes,
  SourceError,
  type Location,
  type ReadSource,
} from './source.ts';

/** A manifest that was read, or why it was not. */
export interface Candidate {
  /** `name_for_model`, or a name made from the source. Not yet unique. */
  readonly name: string;
  /** The file or URL, as shown; the identity of the plugin over reloads. */
  readonly source: string;
  readonly location: Location;
  readonly manifest: Manifest | null;
  /** The manifest's text, for the lines of findings; empty where there is none. */
  readonly text: string;
  /** Pointer of the manifest in its text: `/manifest` in a store wrapper, else empty. */
  readonly base: string;
  readonly diagnostics: readonly Diagnostic[];
  /** The document, where it is already at hand: a bare one, or one that lies beside its manifest (M22). */
  readonly document: CandidateDocument | null;
}

/** The bytes of a document that came with its manifest. */
export interface CandidateDocument {
  readonly bytes: Uint8Array;
  /** Where it came from, or as if from. */
  readonly url: string | null;
  readonly source: string;
}

/** What reading sources needs. */
export interface SourceReader {
  readonly read: ReadSource;
  readonly convert: Convert;
  readonly settings: (name: string) => PluginSettings | undefined;
  /** Private `host:port` that documents of this plugin may name as servers. */
  readonly allowed: (plugin: string | null) => ConversionContext['allowed'];
}

/** What a candidate lacks that has no manifest of its own. */
export const noManifest = { manifest: null, text: '', base: '', document: null } as const;

/** Findings about a manifest that has been read before, their pointers within it: placed in its text. */
export function placeFindings(
  findings: readonly Diagnostic[],
  { text, base }: Pick<Candidate, 'text' | 'base'>,
): readonly Diagnostic[] {
  if (text === '') return findings.map((finding) => ({ ...finding, pointer: '' }));
  return withLines(
    findings.map((finding) => ({ ...finding, pointer: base + finding.pointer })),
    text,
  );
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

/** Reads a manifest of the folder. */
export async function readManifestFile(file: string, reader: SourceReader): Promise<Candidate> {
  const location: Location = { kind: 'file', file, within: null };
  return guard(location, async () => {
    const { bytes } = await reader.read(location, maxManifestBytes, null);
    return manifestCandidate(decodeText(bytes), location, reader);
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
    const { bytes } = await reader.read(beside, maxLocalDocumentBytes, null);
    return { ...candidate, document: { bytes, url: url?.href ?? null, source: documentFile } };
  });
}

/** Reads an entry of `plugins.install`: a manifest, or a bare document, as its content says (M1). */
export async function readInstalled(location: Location, reader: SourceReader): Promise<Candidate> {
  return guard(location, async () => {
    const maxBytes = location.kind === 'url' ? maxFetchedDocumentBytes : maxLocalDocumentBytes;
    const { bytes, url } = await reader.read(location, maxBytes, null);
    const from: Location = url === null ? location : { kind: 'url', url };
    return (
      (await bareCandidate(bytes, location, url, reader)) ?? {
        ...manifestCandidate(decodeText(bytes), from, reader),
        source: sourceName(location),
      }
    );
  });
}

/** Whatever happens while one source is read, a fault of ours too, is about this one alone. */
async function guard(location: Location, read: () => Promise<Candidate>): Promise<Candidate> {
  try {
    return await read();
  } catch (error) {
    const source = sourceName(location);
    const report = createReport(source);
    if (error instanceof SourceError) {
      const code = error.reason === 'not-a-document' ? 'not-a-manifest' : `manifest-${error.reason}`;
      report.error(code, '', error.message);
    } else report.error('load-failed', '', `The plugin cannot be loaded: ${String(error)}.`);
    const { diagnostics } = report;
    return { ...noManifest, name: sourceStem(location), source, location, diagnostics };
  }
}

function manifestCandidate(text: string, location: Location, reader: SourceReader): Candidate {
  const source = sourceName(location);
  return { ...readManifest(text, source, reader.settings), text, source, location, document: null };
}

/** A document without a manifest: name and description come from its `info`. `null`: it can only be a manifest. */
async function bareCandidate(
  bytes: Uint8Array,
  location: Location,
  url: string | null,
  reader: SourceReader,
): Promise<Candidate | null> {
  const start = decodeText(bytes.subarray(0, maxManifestBytes));
  if (/"name_for_model"\s*:/.test(start)) return null;
  const source = sourceName(location);
  // Its name, and with it its settings, are not known yet. Without settings this is the conversion that is used.
  const { info, diagnostics } = await reader.convert({
    bytes,
    source,
    kind: location.kind === 'url' ? 'fetched' : 'local',
    context: {
      documentUrl: url,
      manifestUrl: location.kind === 'url' ? location.url : null,
      domain: null,
      server: null,
      operations: { include: [], exclude: [] },
      allowed: reader.allowed(null),
    },
  });
  if (info === null) {
    const isOther = /^\s*\{/.test(start) && diagnostics.some(({ code }) => code === 'not-a-document');
    return isOther ? null : { ...noManifest, name: sourceStem(location), source, location, diagnostics };
  }
  const manifest = manifestOfDocument(info, sourceStem(location));
  const document = { bytes, url, source };
  return {
    ...noManifest,
    name: manifest.nameForModel,
    source,
    location,
    manifest,
    diagnostics: [],
    document,
  };
}

/** A manifest made from a document (M1). Credentials are the operator's: the document's schemes say where they go. */
function manifestOfDocument(document: NonNullable<Conversion['info']>, fallback: string): Manifest {
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
