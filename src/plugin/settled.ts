// What a plugin's manifest and the operator's settings say together: parameters, headers, credential (M13, M17, M20).
import type { PluginSettings } from '../config/schema.ts';
import type { Json } from '../openai/chat.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import { noCredential, type Credential } from './credential.ts';
import { isHeaderName, isHeaderValue, isReservedHeader } from './header.ts';
import type { Manifest } from './manifest.ts';
import type { Overrides } from './operation.ts';

/** `params` of the manifest with the operator's over them, name by name (M13). */
export function settleParams(manifest: Manifest, settings: PluginSettings | undefined): Overrides {
  const own = Object.entries(settings?.params ?? {}) as [string, Json][];
  return new Map([...Object.entries(manifest.params), ...own]);
}

/** Headers of every call, names in lower case, and the name of the one that carries the consumer's id. */
export interface SettledHeaders {
  readonly headers: ReadonlyMap<string, string>;
  readonly userIdHeader: string | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** `headers` of the manifest with the operator's over them (M17). */
export function settleHeaders(
  manifest: Manifest,
  settings: PluginSettings | undefined,
  source: string,
): SettledHeaders {
  const report = createReport(source);
  const own = Object.entries(settings?.headers ?? {}).map(
    ([name, value]) => [name.toLowerCase(), String(value)] as const,
  );
  const headers = new Map(
    Object.entries(manifest.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  let { userIdHeader } = manifest;
  for (const [name, value] of own) {
    if (name === 'librechat_user_id') userIdHeader = value;
    else headers.set(name, value);
  }
  for (const [name, value] of headers) {
    if (isSendable(name, value)) continue;
    headers.delete(name);
    report.error(
      'header-refused',
      '/headers',
      `The header ${JSON.stringify(name)} cannot be set; it is not sent.`,
    );
  }
  if (userIdHeader !== null && !isSendable(userIdHeader, '')) {
    const message = `The user's id cannot be sent in the header ${JSON.stringify(userIdHeader)}; it is not sent.`;
    report.error('header-refused', '/headers/librechat_user_id', message);
    userIdHeader = null;
  }
  return { headers, userIdHeader, diagnostics: report.diagnostics };
}

/** A10: `authorization` may be hard-coded, the other reserved names may not. */
function isSendable(name: string, value: string): boolean {
  const reserved = isReservedHeader(name) && name.toLowerCase() !== 'authorization';
  return !reserved && isHeaderName(name) && isHeaderValue(value);
}

/**
 * The credential of a plugin's calls (`openapi.md` section 1.1, M7, M8); `null`: each consumer has to log in first
 * (`login_required`). The operator's wins over the verification token. What each consumer has to give (`user_http`) is
 * missing unless the operator gave one for all; a missing one is found when a request is built.
 */
export function settleCredential(
  { auth, headers }: Pick<Manifest, 'auth' | 'headers'>,
  settings: PluginSettings | undefined,
): Credential | null {
  const given = settings?.credential;
  const shared = typeof given === 'string' ? given : null;
  const schemes = new Map(typeof given === 'object' ? Object.entries(given) : []);
  const own = Object.keys(settings?.headers ?? {});
  const strongerHeaders = new Set(own.map((name) => name.toLowerCase()));
  if (auth.type === 'none') return { ...noCredential, schemes, shared, strongerHeaders };
  if (given !== undefined) {
    const scheme = auth.type === 'oauth' ? 'bearer' : auth.scheme;
    return {
      manifest: shared === null ? null : { scheme, value: shared },
      schemes,
      shared: null,
      required: true,
      strongerHeaders,
    };
  }
  if (auth.type === 'oauth') return null;
  const token = auth.type === 'service_http' ? auth.verificationToken : null;
  const manifest = token === null ? null : { scheme: auth.scheme, value: token };
  for (const name of Object.keys(headers)) strongerHeaders.add(name.toLowerCase());
  return { ...noCredential, manifest, required: true, strongerHeaders };
}

/** What there is to say about a plugin's credential before its first call. */
export function reportCredential(
  credential: Credential | null,
  headers: ReadonlyMap<string, string>,
  settings: PluginSettings | undefined,
  source: string,
): readonly Diagnostic[] {
  const report = createReport(source);
  const hint = 'Set "credential" in the settings of the plugin.';
  if (credential === null) {
    report.info(
      'needs-oauth',
      '/auth',
      `The plugin uses OAuth, which is not available yet: its functions are not offered. ${hint}`,
    );
  } else if (
    credential.required &&
    credential.manifest === null &&
    credential.schemes.size === 0 &&
    !headers.has('authorization')
  ) {
    report.warning(
      'credential-missing',
      '/auth',
      `The plugin needs a credential and none is configured: its calls will fail. ${hint}`,
    );
  } else if (credential.manifest !== null && settings?.credential === undefined) {
    report.info(
      'verification-token-sent',
      '/auth/verification_tokens',
      'The verification token of the manifest is sent as credential.',
    );
  }
  return report.diagnostics;
}
