// Which headers cross: built from nothing for each direction, never copied whole (E12).
import { Readable } from 'node:stream';

/** Headers of the client's request, as Node gives them: names in lower case. */
export type InboundHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What an upstream is shown of who asks. */
export interface Credential {
  /** The gateway's own key; it wins. */
  readonly key: string | undefined;
  /** The caller's own `Authorization`. */
  readonly authorization: string | null;
}

type Outbound = Record<string, string>;

/** Q7: what goes on with an interpreted request, whose body is another one in each step. */
const askNames = ['openai-beta', 'x-client-request-id', 'http-referer', 'x-title'];

/** H3: what goes on with a request that is passed through. */
const forwardNames = [
  ...askNames,
  'accept',
  'content-type',
  'content-encoding',
  'user-agent',
  'range',
  'idempotency-key',
  'anthropic-version',
  'anthropic-beta',
];
const forwardPrefix = 'x-stainless-';

/** They choose whose account is billed: only beside the caller's own key (Q7, H3). */
const accountNames = ['openai-organization', 'openai-project'];

/** F6: what a client sees of an interpreted answer's headers. */
const answerNames = [
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
];
const answerPrefix = 'x-ratelimit-';

/**
 * H8: what a client does not see of an answer that is passed through: what belongs to the upstream's connection, host
 * and cookies, whose pages may read it, and the id of its request, as ours is another one.
 */
const hiddenNames = new Set([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'set-cookie2',
  'location',
  'refresh',
  'alt-svc',
  'clear-site-data',
  'strict-transport-security',
  'nel',
  'report-to',
  'reporting-endpoints',
  'server',
  'via',
  'x-request-id',
  'x-plugin-gateway',
]);

/** The headers of a step's request (Q7). */
export function askHeaders(inbound: InboundHeaders, credential: Credential): Outbound {
  return {
    ...pickNamed(inbound, askNames),
    ...credentialHeaders(inbound, credential),
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'user-agent': 'plugin-gateway',
  };
}

/**
 * The headers of a request that is passed through (H3). What `Connection` names is the connection's own; it cannot
 * name our credential away. The length is stated for a body that streams; of others undici knows it.
 */
export function forwardHeaders(
  inbound: InboundHeaders,
  credential: Credential,
  body?: Uint8Array | Readable,
): Outbound {
  const named = namedByConnection(inbound);
  const length = body instanceof Readable && 'content-length';
  const wanted = (name: string) =>
    name === length || forwardNames.includes(name) || name.startsWith(forwardPrefix);
  return {
    ...pick(inbound, (name) => wanted(name) && !named.has(name)),
    ...credentialHeaders(inbound, credential),
  };
}

/** What a client sees of an interpreted answer's headers (F6). */
export function shownHeaders(headers: InboundHeaders, credential: Credential): Outbound {
  return {
    ...pick(headers, (name) => name.startsWith(answerPrefix)),
    ...pickNamed(headers, answerNames),
    ...(credential.key === undefined && pickNamed(headers, accountNames)),
  };
}

/** The upstream's own id of a request, for the audit (F6). */
export function requestIdOf(headers: InboundHeaders): string | null {
  const id = text(headers['x-request-id'] ?? headers['apim-request-id']);
  return id === '' ? null : id.slice(0, 200);
}

/** What a client sees of the headers of an answer that is passed through (H8). */
export function passedHeaders(headers: InboundHeaders, credential: Credential): Outbound {
  const named = namedByConnection(headers);
  const hidden = (name: string) =>
    hiddenNames.has(name) || named.has(name) || (credential.key !== undefined && accountNames.includes(name));
  return pick(headers, (name) => !hidden(name));
}

function credentialHeaders(inbound: InboundHeaders, { key, authorization }: Credential): Outbound {
  if (key !== undefined) return { authorization: `Bearer ${key}` };
  const account = pickNamed(inbound, accountNames);
  return authorization === null ? account : { ...account, authorization };
}

function pick(headers: InboundHeaders, wanted: (name: string) => boolean): Outbound {
  return pickNamed(headers, Object.keys(headers).filter(wanted));
}

function pickNamed(headers: InboundHeaders, names: readonly string[]): Outbound {
  const picked: Outbound = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) picked[name] = text(value);
  }
  return picked;
}

function namedByConnection(headers: InboundHeaders): ReadonlySet<string> {
  const names = text(headers['connection']).toLowerCase().split(',');
  return new Set(names.map((name) => name.trim()));
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value ?? []).join(', ');
}
