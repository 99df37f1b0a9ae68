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
import type { Operation, Parameter } from './operation.ts';
import {
  parametersIn,
  planPairs,
  valueOf,
  type RequestSettings,
  type Sources,
  type UserId,
  type Values,
} from './request-values.ts';

/** The headers of one request, names in lower case. Throws `UnsendableValue`. */
type BuildHeaders = (
  values: Values,
  contentType: string | null,
  userId: UserId | null,
) => Record<string, string>;

/** Makes the way to the headers of a function's requests. */
export function planHeaders(
  sources: Sources,
  settings: RequestSettings,
  credentials: readonly Placement[],
): BuildHeaders {
  const declared = parametersIn(sources.fn.operation, 'header').filter(isModelsHeader);
  const accept = acceptOf(sources.fn.operation);
  const buildCookie = planCookie(sources, credentials);
  const fixed = fixedHeaders(settings, credentials);
  return (values, contentType, userId) => {
    const headers = declaredHeaders(sources, declared, values);
    headers.set('user-agent', settings.userAgent);
    headers.set('accept', accept);
    if (contentType !== null) headers.set('content-type', contentType);
    const cookie = buildCookie(values);
    if (cookie !== '') headers.set('cookie', cookie);
    for (const [name, value] of fixed) headers.set(name, value);
    setUserId(headers, userId);
    return Object.fromEntries(headers);
  };
}

/** The operator's and the manifest's, and over them the credentials. */
function fixedHeaders(settings: RequestSettings, credentials: readonly Placement[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of settings.headers) {
    // A10: a manifest may hold `authorization`, nothing else of the gateway's own.
    if (name.toLowerCase() === 'authorization' || !isReservedHeader(name)) setHeader(headers, name, value);
  }
  for (const { in: place, name, value } of credentials) {
    if (place === 'header' && !settings.credential.strongerHeaders.has(name)) setHeader(headers, name, value);
  }
  return headers;
}

/** Sets a header of the operator's; what HTTP cannot carry was reported when the plugin was loaded, and is not sent. */
function setHeader(headers: Map<string, string>, name: string, value: string): void {
  if (isHeaderName(name) && isHeaderValue(value)) headers.set(name.toLowerCase(), value);
}

/** The consumer's id: last, once, percent-encoded if HTTP cannot carry it (M18, A11). */
function setUserId(headers: Map<string, string>, userId: UserId | null): void {
  if (userId === null || isReservedHeader(userId.header)) return;
  const value = isHeaderValue(userId.value) ? userId.value : percentEncode(userId.value.toWellFormed());
  setHeader(headers, userId.header, value);
}

/** Whether the model may set the header of a parameter at all (A6). */
function isModelsHeader({ name }: Parameter): boolean {
  return !isReservedHeader(name) && isHeaderName(name);
}

function declaredHeaders(
  sources: Sources,
  declared: readonly Parameter[],
  values: Values,
): Map<string, string> {
  const headers = new Map<string, string>();
  for (const parameter of declared) {
    const value = valueOf(sources, values, parameter);
    if (value === undefined) continue;
    naming(sources.argumentNames.get(parameter) ?? parameter.name, () => {
      const text = serializeHeader(parameter.name, value, parameter);
      if (text === null) return;
      if (!isHeaderValue(text)) {
        throw new UnsendableValue('must hold no line break, control character or character beyond latin-1');
      }
      headers.set(parameter.name.toLowerCase(), text);
    });
  }
  return headers;
}

function planCookie(sources: Sources, credentials: readonly Placement[]): (values: Values) => string {
  const secret = credentials.filter((placement) => placement.in === 'cookie');
  const secretNames = secret.map(({ name }) => name);
  const declared = parametersIn(sources.fn.operation, 'cookie').filter(
    ({ name }) => !secretNames.includes(name),
  );
  const secretTexts = secret.map(
    ({ name, value }) => `${percentEncode(name)}=${isCookieValue(value) ? value : percentEncode(value)}`,
  );
  const buildPairs = planPairs(sources, declared, secretNames, serializeCookie);
  return (values) => [...buildPairs(values).map((pair) => pair.text), ...secretTexts].join('; ');
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
