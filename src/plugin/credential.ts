// Which credentials a request carries, and where each of them goes (`openapi.md` 1.1, B11, B12).
import { isHeaderName, isReservedHeader } from './header.ts';
import type { SecurityScheme } from './operation.ts';

/** What may be attached to the requests of one plugin on behalf of one consumer. */
export interface Credential {
  /** What the manifest's own `auth` asks for; it alone decides `Authorization`. `null`: none, or not known. */
  readonly manifest: { readonly scheme: 'bearer' | 'basic'; readonly value: string } | null;
  /** Values by name of a security scheme of the document (the operator's `credential` map). */
  readonly schemes: ReadonlyMap<string, string>;
  /** The operator's one `credential` for a plugin whose manifest asks for none: it goes where the document says. */
  readonly shared: string | null;
  /** Without a credential no request may leave (every `auth.type` but `none`). */
  readonly required: boolean;
  /** Names of `headers` that win over it, in lower case: the operator's; over a verification token the manifest's too (M20). */
  readonly strongerHeaders: ReadonlySet<string>;
}

/** Nothing to attach, nothing demanded. */
export const noCredential: Credential = {
  manifest: null,
  schemes: new Map(),
  shared: null,
  required: false,
  strongerHeaders: new Set(),
};

/** One secret and its place. Header names are in lower case. */
export interface Placement {
  readonly in: 'header' | 'query' | 'cookie';
  readonly name: string;
  readonly value: string;
}

/** Bearer: a leading `Bearer ` is not doubled. Basic: a value with a colon is encoded, else sent as it stands (M8). */
function authorizationValue(scheme: 'bearer' | 'basic', value: string): string {
  const bare = value.replace(scheme === 'bearer' ? /^bearer +/i : /^basic +/i, '');
  if (scheme === 'bearer') return `Bearer ${bare}`;
  return `Basic ${bare.includes(':') ? Buffer.from(bare, 'utf8').toString('base64') : bare}`;
}

function authorization(scheme: 'bearer' | 'basic', value: string): Placement {
  return { in: 'header', name: 'authorization', value: authorizationValue(scheme, value) };
}

function place(scheme: SecurityScheme, value: string): Placement {
  if (scheme.type !== 'apiKey') return authorization(scheme.type, value);
  const name = scheme.in === 'header' ? scheme.parameter.toLowerCase() : scheme.parameter;
  return { in: scheme.in, name, value };
}

function usesAuthorization(scheme: SecurityScheme): boolean {
  return (
    scheme.type !== 'apiKey' || (scheme.in === 'header' && scheme.parameter.toLowerCase() === 'authorization')
  );
}

/** A document may not choose one of the gateway's own headers as the place of a secret (A6). */
function canCarry(scheme: SecurityScheme): boolean {
  if (scheme.type !== 'apiKey' || scheme.in !== 'header' || usesAuthorization(scheme)) return true;
  return isHeaderName(scheme.parameter) && !isReservedHeader(scheme.parameter);
}

/**
 * The credentials of a request, `null` when one is demanded and none is there.
 *
 * The security of an operation is an OR of ANDs: the first alternative whose credentials all exist is taken, the empty
 * one last; `[]` sends none, not even the manifest's (B11). Where no alternative can be served, the manifest decides
 * alone, as it did in ChatGPT. `alreadySent` tells schemes that `params` or `headers` serve.
 */
export function chooseCredentials(
  security: readonly (readonly SecurityScheme[])[] | null,
  credential: Credential,
  alreadySent: (scheme: SecurityScheme) => boolean,
): Placement[] | null {
  if (security !== null && security.every((alternative) => alternative.length === 0)) return [];
  const { manifest, shared } = credential;

  /** The placement of a scheme, `null` when something else serves it, `undefined` when nothing does. */
  function serve(scheme: SecurityScheme, alone: boolean): Placement | null | undefined {
    if (manifest && usesAuthorization(scheme)) return null;
    const value = credential.schemes.get(scheme.name) ?? (alone ? shared : null);
    if (value !== null && canCarry(scheme)) return place(scheme, value);
    return alreadySent(scheme) ? null : undefined;
  }

  const own = manifest ? [authorization(manifest.scheme, manifest.value)] : [];
  const alternatives = [...(security ?? [])].filter((alternative) => alternative.length > 0);
  for (const alternative of alternatives) {
    const served = alternative.map((scheme) => serve(scheme, alternative.length === 1));
    if (served.includes(undefined)) continue;
    return [...own, ...served.filter((placement) => placement !== null && placement !== undefined)];
  }
  if (own.length > 0) return own;
  if (alternatives.length === 0 && shared !== null) return [authorization('bearer', shared)];
  const optional = security?.some((alternative) => alternative.length === 0) ?? false;
  return credential.required && !optional ? null : [];
}
