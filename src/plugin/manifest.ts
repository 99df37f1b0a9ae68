// A ChatGPT plugin manifest (`ai-plugin.json`), read tolerantly and typed.
import type { Json, JsonObject } from '../openai/chat.ts';
import { beginningOf, createReport, type Diagnostic, type Report } from '../openapi/diagnostic.ts';
import { withLines } from '../openapi/document.ts';
import { freezeDeep, isObject, member, pointerTo, textMember } from '../openapi/value.ts';
import { readJson, TextError } from '../openapi/yaml.ts';
import { readHeaders, readParams } from './manifest-extension.ts';
import { hasPlaceholder, readAuth, type ManifestAuth } from './manifest-auth.ts';

export type { ManifestAuth } from './manifest-auth.ts';

/** A manifest with everything that the gateway reads. Frozen. */
export interface Manifest {
  readonly nameForModel: string;
  readonly nameForHuman: string;
  readonly descriptionForModel: string;
  readonly descriptionForHuman: string;
  readonly auth: ManifestAuth;
  /** `api.url` as written: a URL, a path on the manifest's origin, or the name of a local file. */
  readonly apiUrl: string | null;
  readonly logoUrl: string | null;
  readonly contactEmail: string | null;
  readonly legalInfoUrl: string | null;
  /** LibreChat's `params`, over which `settings.params` is laid. */
  readonly params: Readonly<Record<string, Json>>;
  /** LibreChat's `headers` without `librechat_user_id`, values as text. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the header that carries the consumer's id (LibreChat's `librechat_user_id`). */
  readonly userIdHeader: string | null;
  /** Domain of the store wrapper, the manifest's origin when it has none of its own. */
  readonly domain: string | null;
}

/** What the operator's settings replace in a manifest: what is replaced cannot be missing. */
export interface ManifestSettings {
  /** Replaces `api.url`. */
  readonly spec?: string | undefined;
}

/** A manifest larger than this is none (M2). */
const mostBytes = 256 * 1024;

const requiredKeys = [
  'name_for_model',
  'name_for_human',
  'description_for_model',
  'description_for_human',
  'auth',
  'api',
];
const knownKeys = new Set([
  ...requiredKeys,
  '$schema',
  'schema_version',
  'logo_url',
  'contact_email',
  'legal_info_url',
  'params',
  'headers',
]);

/** One manifest while it is read. */
interface Reading {
  readonly manifest: JsonObject;
  /** `/manifest` in a store wrapper, else empty. */
  readonly base: string;
  readonly report: Report;
  readonly source: string;
}

/**
 * Reads a manifest (M2 to M5, M7, M13, M17, M18). `manifest` is `null` when an `error` stands against the plugin: each
 * missing required field is one, with its line. `settings` gives the operator's settings by name: a `spec` of theirs
 * makes `api.url` dispensable. `name` is `name_for_model`, else the file's name without its ending; `base` is the
 * pointer of the manifest in the text: `/manifest` in a store wrapper.
 */
export function readManifest(
  text: string,
  source: string,
  settings: (name: string) => ManifestSettings | undefined = () => undefined,
): { name: string; manifest: Manifest | null; base: string; diagnostics: Diagnostic[] } {
  const report = createReport(source);
  const fallback = fileName(source);
  const finish = (name: string, manifest: Manifest | null, base = '') => ({
    name,
    manifest: manifest && freezeDeep(manifest),
    base,
    diagnostics: withLines(report.diagnostics, text),
  });
  const root = readRoot(text, source, report);
  if (!root) return finish(fallback, null);
  const wrapped = isObject(member(root, 'manifest')) && textMember(root, 'name_for_model') === undefined;
  const inner = member(root, 'manifest');
  const reading: Reading = {
    manifest: wrapped && isObject(inner) ? inner : root,
    base: wrapped ? '/manifest' : '',
    report,
    source,
  };
  const name = textMember(reading.manifest, 'name_for_model')?.trim() || fallback;
  const domain = wrapped ? (textMember(root, 'domain') ?? null) : null;
  return finish(name, readFields(reading, domain, settings(name) ?? {}), reading.base);
}

function fileName(source: string): string {
  const last = source.split(/[\\/]/).at(-1)?.split(/[?#]/, 1)[0] ?? '';
  return last.replace(/\.[A-Za-z0-9]{1,8}$/, '') || source;
}

function readRoot(text: string, source: string, report: Report): JsonObject | null {
  if (Buffer.byteLength(text) > mostBytes) {
    report.error('manifest-limit', '', `${source} is larger than ${mostBytes} bytes; a manifest is not.`);
    return null;
  }
  const refuse = (what: string): null => {
    report.error('not-a-manifest', '', `${source} is ${what}, no plugin manifest.${beginningOf(text)}`);
    return null;
  };
  if (text.trim() === '') return refuse('empty');
  if (text.trimStart().startsWith('<')) return refuse('an HTML or XML page');
  try {
    const value = readJson(text);
    if (!isObject(value)) return refuse('no JSON object');
    const isManifest = [...requiredKeys, 'manifest'].some((key) => member(value, key) !== undefined);
    return isManifest ? value : refuse('JSON without any field of a manifest');
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const place = `line ${error.line}, column ${error.column}`;
    report.error('manifest-json', '', `${source} is not valid JSON at ${place}: ${error.message}.`);
    const finding = report.diagnostics.pop();
    if (finding) report.diagnostics.push({ ...finding, line: error.line });
  }
  return null;
}

function readFields(reading: Reading, domain: string | null, settings: ManifestSettings): Manifest | null {
  const { manifest, base, report } = reading;
  const before = report.diagnostics.length;
  const required = (name: string, most: number, severity: 'info' | 'warning'): string => {
    const value = textMember(manifest, name)?.trim() ?? '';
    const pointer = pointerTo(base, name);
    if (value === '') missing(reading, name, pointer);
    else if (value.length > most) {
      report[severity](
        `${name.replaceAll('_', '-')}-long`,
        pointer,
        `"${name}" has ${value.length} characters; ChatGPT allowed ${most}.`,
      );
    }
    return value;
  };
  const nameForModel = required('name_for_model', 50, 'warning');
  if (/[^A-Za-z0-9_]/.test(nameForModel)) {
    const message = `"name_for_model" ${JSON.stringify(nameForModel)} has other characters than letters, digits and "_"; they become "_" in function names.`;
    report.warning('name-characters', pointerTo(base, 'name_for_model'), message);
  }
  const fields = {
    nameForModel,
    nameForHuman: required('name_for_human', 30, 'info'),
    descriptionForModel: required('description_for_model', 8000, 'warning'),
    descriptionForHuman: required('description_for_human', 120, 'info'),
    apiUrl: readApi(reading, domain, settings),
    auth: readAuth(member(manifest, 'auth'), pointerTo(base, 'auth'), report),
    logoUrl: shown(reading, 'logo_url'),
    contactEmail: shown(reading, 'contact_email'),
    legalInfoUrl: shown(reading, 'legal_info_url'),
    domain,
  };
  if (member(manifest, 'schema_version') === undefined) {
    report.warning(
      'field-missing',
      pointerTo(base, 'schema_version'),
      '"schema_version" is missing; "v1" is taken.',
    );
  }
  for (const key of Object.keys(manifest)) {
    if (knownKeys.has(key)) continue;
    report.info(
      'unknown-key',
      pointerTo(base, key),
      `The key ${JSON.stringify(key)} is not part of a manifest and is ignored.`,
    );
  }
  const failed = report.diagnostics.slice(before).some((finding) => finding.severity === 'error');
  const { auth } = fields;
  // after this: what is wrong with one header leaves that header out alone
  const headers = readHeaders(manifest, base, report);
  return failed || !auth ? null : { ...fields, auth, params: readParams(manifest, base, report), ...headers };
}

function missing(reading: Reading, field: string, pointer: string): void {
  const found = member(reading.manifest, field) ?? '';
  const wrong = found === '' ? 'is missing. Add it' : 'is no text. Write it in double quotes';
  const message = `The required field "${field}" of ${reading.source} ${wrong}.`;
  reading.report.error('field-missing', pointer, message);
}

/** A field that is only shown. */
function shown(reading: Reading, name: string): string | null {
  const pointer = pointerTo(reading.base, name);
  const value = textMember(reading.manifest, name)?.trim();
  if (!value)
    reading.report.warning('field-missing', pointer, `"${name}" is missing; it is only shown to people.`);
  else if (name !== 'contact_email' && hasPlaceholder(value)) {
    reading.report.warning('placeholder', pointer, `"${name}" ${JSON.stringify(value)} is a placeholder.`);
  }
  return value || null;
}

function readApi(reading: Reading, domain: string | null, settings: ManifestSettings): string | null {
  const { manifest, base, report } = reading;
  const api = member(manifest, 'api');
  const pointer = pointerTo(base, 'api', 'url');
  const type = member(api, 'type');
  if (type !== undefined && type !== 'openapi') {
    report.warning(
      'api-type',
      pointerTo(base, 'api', 'type'),
      `"api.type" is ${JSON.stringify(type)}, not "openapi"; the document decides.`,
    );
  }
  const url = textMember(api, 'url')?.trim() ?? '';
  if (settings.spec !== undefined) return url || null;
  if (api !== undefined && !isObject(api)) {
    const message = `"api" of ${reading.source} is no object. Write "api": { "type": "openapi", "url": "..." }.`;
    report.error('field-missing', pointerTo(base, 'api'), message);
  } else if (url === '') missing(reading, 'api.url', pointer);
  else if (hasPlaceholder(url)) {
    const message = `"api.url" ${JSON.stringify(url)} is a placeholder. Write the real address of the document, or set "spec" in the settings of the plugin.`;
    report.error('placeholder', pointer, message);
  } else reportForeign(url, domain ?? hostOf(reading.source), pointer, report);
  return url || null;
}

function hostOf(url: string): string | null {
  return /^https?:/i.test(url) ? (URL.parse(url)?.hostname ?? null) : null;
}

/** M23: ChatGPT wanted the document at or below the manifest's own host, `www.` aside. */
function reportForeign(url: string, home: string | null, pointer: string, report: Report): void {
  const root = home?.toLowerCase().replace(/^www\./, '');
  const host = hostOf(url);
  if (root === undefined || host === null || host === root || host.endsWith(`.${root}`)) return;
  report.warning(
    'domain-rule',
    pointer,
    `"api.url" lies on ${host}, outside the plugin's own domain ${root}; ChatGPT would have refused it.`,
  );
}
