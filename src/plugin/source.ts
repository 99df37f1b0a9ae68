// Where manifests and documents come from: the operator's folder, files, and URLs by way of egress.
import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EgressError, type SendDocument } from '../egress/egress.ts';

/** Where one text is. */
export type Location =
  | { readonly kind: 'url'; readonly url: string }
  /** `within`: the folder that its real path must lie in; `null`: the operator named the file. */
  | { readonly kind: 'file'; readonly file: string; readonly within: string | null };

/** A text as it was read. */
export interface SourceBytes {
  readonly bytes: Uint8Array;
  /** Where it came from in the end, after redirects; `null` for a file. */
  readonly url: string | null;
  /** Validator of the answer (`ETag`), for the next question. */
  readonly etag: string | null;
}

/** Reads a text, fetched with what this plugin alone may reach. Throws {@link SourceError}. */
export type ReadSource = (
  location: Location,
  maxBytes: number,
  plugin: string | null,
) => Promise<SourceBytes>;

/** Why a text cannot be read: a diagnostic in the making. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly reason: 'unreachable' | 'not-a-document' | 'path' | 'limit';

  constructor(reason: SourceError['reason'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** One fetch may take this long, from name lookup to the last byte (D15). */
export const fetchMilliseconds = 15_000;
export const maxManifestBytes = 256 * 1024;
export const maxFetchedDocumentBytes = 2 * 1024 * 1024;
export const maxLocalDocumentBytes = 64 * 1024 * 1024;

/** The manifests of a folder: `*.json`, not recursive, sorted (M1). A folder that is absent has none. */
export async function listManifestFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory() && /\.json$/i.test(entry.name));
    return files.map((entry) => join(folder, entry.name)).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** An entry of `plugins.install`: a URL, a file (it ends in .json, .yaml or .yml), or a domain (M1). */
export function locateEntry(entry: string): Location {
  if (/^https?:\/\//i.test(entry)) return { kind: 'url', url: entry };
  if (/\.(ya?ml|json)$/i.test(entry)) return { kind: 'file', file: resolve(entry), within: null };
  const domain = /^[A-Za-z0-9.-]+(:\d+)?$/.test(entry);
  if (domain) return { kind: 'url', url: `https://${entry}/.well-known/ai-plugin.json` };
  throw new SourceError(
    'path',
    `plugins.install: "${entry}" is no URL, no domain and no file ending in .json, .yaml or .yml.`,
  );
}

/** What decides where a document is. */
export interface DocumentHints {
  /** `settings.spec`, the operator's word. */
  readonly spec: string | undefined;
  /** The manifest's `api.url`. */
  readonly apiUrl: string | null;
  readonly manifest: Location;
  /** Origin of the manifest: that of its URL, or of the store wrapper's domain; `null` when unknown. */
  readonly origin: string | null;
  /** The folder whose `openapi` holds local documents. */
  readonly folder: string;
}

/** Finds the document of a manifest (M21). Throws {@link SourceError} for a place that is not allowed. */
export function locateDocument({ spec, apiUrl, manifest, origin, folder }: DocumentHints): Location {
  const written = spec ?? apiUrl;
  if (written === null || written === '') {
    throw new SourceError(
      'path',
      'The manifest has no api.url. Add it, or set spec in the settings of the plugin.',
    );
  }
  const absolute = URL.parse(written);
  if (absolute?.protocol === 'https:' || absolute?.protocol === 'http:') return { kind: 'url', url: written };
  if (spec !== undefined) return localDocument(folder, spec);
  const base = manifest.kind === 'url' ? manifest.url : written.startsWith('/') ? origin : null;
  if (base === null) return localDocument(folder, written);
  const url = URL.parse(written, base);
  if (url?.origin === new URL(base).origin) return { kind: 'url', url: url.href };
  throw refusedPath(written);
}

const plainName = /^[A-Za-z0-9._-]{1,200}\.(?:ya?ml|json)$/;

/** D9: a plain file name only; whether its real path lies in the folder is seen when it is opened. */
function localDocument(folder: string, name: string): Location {
  if (!plainName.test(name)) throw refusedPath(name);
  const within = join(folder, 'openapi');
  return { kind: 'file', file: join(within, name), within };
}

function refusedPath(written: string): SourceError {
  const name = written.split(/[\\/]/).at(-1) ?? '';
  const hint = plainName.test(name) ? ` For openapi/${name} write "${name}".` : '';
  return new SourceError(
    'path',
    `"${written.slice(0, 200)}" is neither a URL nor the plain name of a .yaml, .yml or .json file in the openapi folder.${hint}`,
  );
}

/**
 * Reads a local file of at most `maxBytes`. Links are followed only to where they stay within `location.within`; what
 * is opened is the real path, and no link in its place (D9). Throws {@link SourceError}.
 */
export async function readLocal(
  location: Extract<Location, { kind: 'file' }>,
  maxBytes: number,
): Promise<SourceBytes> {
  const { file, within } = location;
  try {
    const real = await realpath(file);
    if (within !== null && !real.startsWith((await realpath(within)) + sep)) {
      throw new SourceError('path', `${file} leads out of ${within}. Put the document itself there.`);
    }
    // NONBLOCK: a named pipe must not hang the start.
    const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await handle
        .stat()
        .then((stat) => (stat.isFile() ? stat : Promise.reject(noFile(file))));
      if (size > maxBytes) throw tooLarge(file, maxBytes);
      return { bytes: await handle.readFile(), url: null, etag: null };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof SourceError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const where = within === null ? file : `${basename(dirname(file))}/${basename(file)}`;
    throw new SourceError(
      'unreachable',
      missing ? `There is no file ${where}.` : `${where}: ${String(error)}`,
      error,
    );
  }
}

/** What a fetch needs besides the URL. */
export interface FetchOptions {
  readonly send: SendDocument;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  /** Validator of the version at hand: an unchanged text is answered with `null`. */
  readonly etag?: string | null;
}

/** Fetches a text; `null` when it is unchanged. Throws {@link SourceError}; the signal's reason on abort. */
export async function fetchSource(url: string, options: FetchOptions): Promise<SourceBytes | null> {
  const { send, maxBytes, signal, userAgent } = options;
  const { origin, pathname, search } = new URL(url);
  const accept = 'application/json, application/yaml, text/yaml, text/plain;q=0.9, */*;q=0.1';
  const headers = {
    accept,
    'user-agent': userAgent,
    ...(options.etag ? { 'if-none-match': options.etag } : {}),
  };
  const limits = {
    firstByte: fetchMilliseconds,
    idle: fetchMilliseconds,
    total: fetchMilliseconds,
    maxBytes,
  };
  try {
    const answer = await send({ method: 'GET', origin, path: pathname + search, headers, limits }, signal);
    const bytes = await readAll(answer.body, maxBytes, url);
    if (answer.status === 304 && options.etag) return null;
    if (answer.status < 200 || answer.status > 299) throw badStatus(url, answer.status, bytes);
    const etag = answer.headers['etag'];
    return { bytes, url: answer.url, etag: typeof etag === 'string' ? etag : null };
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (error instanceof EgressError && error.failure === 'too_large') throw tooLarge(url, maxBytes);
    const late = 'It did not arrive in time.';
    const reason = signal.aborted ? late : error instanceof Error ? error.message : String(error);
    throw new SourceError('unreachable', `${url} cannot be fetched. ${reason}`, error);
  }
}

/** Fetches a text that is not at hand yet. Throws {@link SourceError}. */
export async function fetchText(url: string, options: Omit<FetchOptions, 'etag'>): Promise<SourceBytes> {
  const bytes = await fetchSource(url, options);
  if (bytes === null) throw new SourceError('unreachable', `${url} answered with status 304.`);
  return bytes;
}

async function readAll(body: AsyncIterable<Uint8Array>, maxBytes: number, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(url, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function badStatus(url: string, status: number, bytes: Uint8Array): SourceError {
  const beginning = JSON.stringify(Buffer.from(bytes.subarray(0, 80)).toString());
  return new SourceError('not-a-document', `${url} answered with status ${status}: ${beginning}.`);
}

function noFile(file: string): SourceError {
  return new SourceError('path', `${file} is no regular file.`);
}

function tooLarge(source: string, maxBytes: number): SourceError {
  return new SourceError('limit', `${source} is larger than ${maxBytes} bytes.`);
}
