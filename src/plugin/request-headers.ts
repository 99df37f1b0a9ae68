// The headers of a request, from nothing: the model's, ours, the operator's, credentials, the consumer's id (B5, M17 to M20).
import {
  naming,
  percentEncode,
  serializeCookie,
  serializeHeader,
  UnsendableValue,
} from '../openapi/serialize.ts';
import type { Placement } from './credential.ts';
import { isHeaderName, isHeaderValue, isReservedHeader } from './header.ts';
import type { Operation } from './operation.ts';
import {
  argumentName,
  pairsOf,
  parametersIn,
  valueOf,
  type RequestContext,
  type Sources,
} from './request-values.ts';

/** The headers of the request, names in lower case. Throws `UnsendableValue`. */
export function buildHeaders(
  sources: Sources,
  context: RequestContext,
  credentials: readonly Placement[],
  contentType: string | null,
): Record<string, string> {
  const headers = declaredHeaders(sources);
  headers.set('user-agent', context.userAgent);
  headers.set('accept', acceptOf(sources.fn.operation));
  if (contentType !== null) headers.set('content-type', contentType);
  const cookie = buildCookie(sources, credentials);
  if (cookie !== '') headers.set('cookie', cookie);
  for (const [name, value] of context.headers) {
    // A10: a manifest may hold `authorization`, nothing else of the gateway's own.
    if (name.toLowerCase() === 'authorization' || !isReservedHeader(name)) setHeader(headers, name, value);
  }
  for (const { in: place, name, value } of credentials) {
    if (place === 'header' && !context.credential.strongerHeaders.has(name)) setHeader(headers, name, value);
  }
  setUserId(headers, context.userId);
  return Object.fromEntries(headers);
}

/** Sets a header of the operator's; what HTTP cannot carry was reported when the plugin was loaded, and is not sent. */
function setHeader(headers: Map<string, string>, name: string, value: string): void {
  if (isHeaderName(name) && isHeaderValue(value)) headers.set(name.toLowerCase(), value);
}

/** The consumer's id: last, once, percent-encoded if HTTP cannot carry it (M18, A11). */
function setUserId(headers: Map<string, string>, userId: RequestContext['userId']): void {
  if (userId === null || isReservedHeader(userId.header)) return;
  const value = isHeaderValue(userId.value) ? userId.value : percentEncode(userId.value.toWellFormed());
  setHeader(headers, userId.header, value);
}

/** Header parameters of the operation, without those that are not the model's to set (A6). */
function declaredHeaders(sources: Sources): Map<string, string> {
  const headers = new Map<string, string>();
  for (const parameter of parametersIn(sources.fn.operation, 'header')) {
    const name = parameter.name.toLowerCase();
    if (isReservedHeader(name) || !isHeaderName(name)) continue;
    const value = valueOf(sources, parameter);
    if (value === undefined) continue;
    naming(argumentName(sources.fn, parameter) ?? parameter.name, () => {
      const text = serializeHeader(parameter.name, value, parameter);
      if (text === null) return;
      if (!isHeaderValue(text)) {
        throw new UnsendableValue('must hold no line break, control character or character beyond latin-1');
      }
      headers.set(name, text);
    });
  }
  return headers;
}

function buildCookie(sources: Sources, credentials: readonly Placement[]): string {
  const secret = credentials.filter((placement) => placement.in === 'cookie');
  const secretNames = secret.map(({ name }) => name);
  const declared = parametersIn(sources.fn.operation, 'cookie').filter(
    ({ name }) => !secretNames.includes(name),
  );
  const pairs = pairsOf(sources, declared, secretNames, serializeCookie);
  for (const { name, value } of secret) {
    pairs.push({
      name,
      text: `${percentEncode(name)}=${isCookieValue(value) ? value : percentEncode(value)}`,
    });
  }
  return pairs.map((pair) => pair.text).join('; ');
}

/** RFC 6265: what may stand in a cookie as it is. */
function isCookieValue(value: string): boolean {
  return /^[!#-+\--:<-[\]-~]*$/.test(value);
}

/** The declared response types, then anything (B5). */
function acceptOf({ produces }: Operation): string {
  const types = produces
    .map((type) => type.split(';', 1)[0]?.trim() ?? '')
    .filter((type) => /^[\w!#$&^.+-]+\/[\w!#$&^.+*-]+$/.test(type));
  const wanted = types.length > 0 ? types.slice(0, 16) : ['application/json'];
  return [...new Set(wanted), '*/*;q=0.1'].join(', ');
}
