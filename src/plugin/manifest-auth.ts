// The `auth` of a manifest: how its plugin wants to be called (`openapi.md` section 1.1).
import type { Json } from '../openai/chat.ts';
import type { Report } from '../openapi/diagnostic.ts';
import { entriesOf, isObject, member, pointerTo, textMember } from '../openapi/value.ts';

/** How a plugin is authenticated (`openapi.md` section 1.1). */
export type ManifestAuth =
  | { readonly type: 'none' }
  | { readonly type: 'user_http'; readonly scheme: 'bearer' | 'basic' }
  | {
      readonly type: 'service_http';
      readonly scheme: 'bearer' | 'basic';
      readonly verificationToken: string | null;
    }
  | {
      readonly type: 'oauth';
      readonly clientUrl: string;
      readonly authorizationUrl: string;
      readonly scope: string;
      readonly contentType: string;
    };

/** M4: an address that its author never filled in. */
export function hasPlaceholder(url: string): boolean {
  return /[<>${\s]|PLUGIN_HOSTNAME|your-app-url\.com|^file:/i.test(url);
}

/** Reads `auth`; missing is `none`; `null` after an error. */
export function readAuth(written: Json | undefined, pointer: string, report: Report): ManifestAuth | null {
  if (!isObject(written)) {
    report.warning(
      'auth-missing',
      pointer,
      '"auth" is missing; the plugin is called without authentication.',
    );
    return { type: 'none' };
  }
  const type = textMember(written, 'type');
  if (type === 'none') return { type };
  if (type === 'user_http') return { type, scheme: readScheme(written, pointer, report) };
  if (type === 'service_http') {
    const scheme = readScheme(written, pointer, report);
    return { type, scheme, verificationToken: readToken(written, pointer, report) };
  }
  if (type === 'oauth') return readOauth(written, pointer, report);
  const known = 'none, user_http, service_http or oauth';
  report.error(
    'auth-type',
    pointerTo(pointer, 'type'),
    `"auth.type" is ${JSON.stringify(type ?? null)}; it must be ${known}.`,
  );
  return null;
}

function readScheme(auth: Json, pointer: string, report: Report): 'bearer' | 'basic' {
  const written = member(auth, 'authorization_type');
  const scheme = typeof written === 'string' ? written.toLowerCase() : null;
  if (scheme === 'bearer' || scheme === 'basic') return scheme;
  const at = pointerTo(pointer, 'authorization_type');
  report.warning(
    'authorization-type',
    at,
    `"authorization_type" is ${JSON.stringify(written ?? null)}, neither "bearer" nor "basic"; bearer is taken.`,
  );
  return 'bearer';
}

/** M7: `openai` in any case, else the only other key; a placeholder counts as absent. */
function readToken(auth: Json, pointer: string, report: Report): string | null {
  const tokens = entriesOf(member(auth, 'verification_tokens'));
  const named = tokens.find(([name]) => name.toLowerCase() === 'openai');
  const chosen = named ?? (tokens.length === 1 ? tokens[0] : undefined);
  if (!chosen) return null;
  const [name, token] = chosen;
  const at = pointerTo(pointer, 'verification_tokens', name);
  if (typeof token !== 'string' || token === '' || /[<\s]|REPLACE/.test(token)) {
    report.info(
      'verification-token-empty',
      at,
      `The verification token ${JSON.stringify(name)} is a placeholder and counts as absent.`,
    );
    return null;
  }
  if (!named)
    report.info(
      'verification-token-other',
      at,
      `The verification token ${JSON.stringify(name)} is taken, as the only one.`,
    );
  return token;
}

function readOauth(auth: Json, pointer: string, report: Report): ManifestAuth | null {
  const before = report.diagnostics.length;
  const url = (name: string): string => {
    const value = textMember(auth, name)?.trim() ?? '';
    const at = pointerTo(pointer, name);
    if (value === '')
      report.error('field-missing', at, `The required field "auth.${name}" is missing. Add it.`);
    else if (hasPlaceholder(value)) {
      report.error(
        'placeholder',
        at,
        `"auth.${name}" ${JSON.stringify(value)} is a placeholder. Write the real address.`,
      );
    }
    return value;
  };
  const page = url('client_url');
  const tokenOrPage = url('authorization_url');
  const tokenUrl = textMember(auth, 'token_url');
  if (tokenUrl !== undefined) {
    const message =
      '"token_url" is not part of a manifest: it is taken as the token endpoint, and "authorization_url" as the page (M11).';
    report.warning('oauth-nonstandard', pointerTo(pointer, 'token_url'), message);
  }
  if (report.diagnostics.slice(before).some((finding) => finding.severity === 'error')) return null;
  return {
    type: 'oauth',
    clientUrl: tokenUrl === undefined ? page : tokenOrPage,
    authorizationUrl: tokenUrl ?? tokenOrPage,
    scope: textMember(auth, 'scope') ?? '',
    contentType: textMember(auth, 'authorization_content_type') ?? 'application/json',
  };
}
