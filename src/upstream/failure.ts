// What goes wrong at an upstream, in words that a client may read: never an address, never a key (S5).
import { EgressError, type EgressAnswer, type EgressFailure } from '../egress/egress.ts';
import { gatewayError, UpstreamError, type ForeignEnvelope, type GatewayError } from '../errors.ts';
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { shownHeaders, type Credential } from './headers.ts';

/** The upstream as failures speak of it. */
export interface Speaker {
  readonly name: string;
  readonly credential: Credential;
  /** Takes known secrets out of the upstream's words (S5). */
  readonly scrub: (text: string) => string;
}

/** Seconds that stand in the message of a deadline. */
export interface Patience {
  readonly connect: number;
  readonly answer: number;
}

const maxErrorBytes = 1024 * 1024;
const maxMessage = 2_000;

const unreachable = new Map<EgressFailure, string>([
  ['address_refused', 'its address is refused'],
  ['insecure_server', 'it is not served over https'],
  ['dns_failed', 'its name cannot be resolved'],
  ['unreachable', 'the connection was refused'],
  ['reset', 'the connection was closed before an answer'],
]);

/** The error of the table for a failed request; what is no {@link EgressError} is returned as it is. */
export function translateFailure(name: string, error: unknown, patience: Patience, maxBytes = 0): unknown {
  if (!(error instanceof EgressError)) return error;
  const details = { cause: error };
  switch (error.failure) {
    case 'tls_failed':
      return gatewayError('upstream_tls', [name, 'its certificate or protocol was not accepted'], details);
    case 'connect_timeout':
      return gatewayError('upstream_timeout', [name, patience.connect], details);
    case 'timeout':
      return gatewayError('upstream_timeout', [name, patience.answer], details);
    case 'truncated':
      return gatewayError('upstream_truncated', [name], details);
    case 'too_large':
      return gatewayError('upstream_too_large', [name, maxBytes], details);
    case 'bad_answer':
      return gatewayError('upstream_bad_answer', [name, 'it breaks the HTTP protocol'], details);
    case 'bad_encoding':
      return gatewayError('upstream_bad_answer', [name, 'its content encoding is not known'], details);
    case 'loop_detected':
      return gatewayError('loop_detected', [], details);
    case 'redirect_refused':
      return gatewayError('upstream_redirect', [name], details);
    default:
      return gatewayError(
        'upstream_unreachable',
        [name, unreachable.get(error.failure) ?? 'it failed'],
        details,
      );
  }
}

/** A status that a client knows: what no standard names is a bad gateway (F-U29). */
export function knownStatus(status: number): number {
  return (status >= 400 && status < 500) || (status >= 500 && status <= 511) ? status : 502;
}

/** The error behind an answer whose body must not be shown: redirects, our own key refused (F4, F-U25, F-U30). */
export function refusedAnswer(speaker: Speaker, status: number): GatewayError | null {
  if (status >= 300 && status < 400) return gatewayError('upstream_redirect', [speaker.name]);
  const ourKey = speaker.credential.key !== undefined;
  if (ourKey && (status === 401 || status === 403)) return gatewayError('upstream_auth', [speaker.name]);
  return null;
}

/** Reads an answer that is no success and makes the error of it (F3, F4). */
export async function readFailure(
  speaker: Speaker,
  answer: EgressAnswer,
): Promise<GatewayError | UpstreamError> {
  const refused = refusedAnswer(speaker, answer.status);
  if (refused) {
    await answer.body[Symbol.asyncIterator]().return?.();
    return refused;
  }
  const text = speaker.scrub(await readStart(answer));
  const headers = shownHeaders(answer.headers, speaker.credential);
  return new UpstreamError(
    knownStatus(answer.status),
    envelopeOf(speaker.name, answer.status, text),
    headers,
  );
}

/** The error that an upstream put into an answer of status 200: beside `choices`, as an event, as the body (A9). */
export function failureWithin(speaker: Speaker, value: JsonObject): GatewayError | UpstreamError {
  const { error } = value;
  const code = isJsonObject(error) ? Number(error['code']) : Number.NaN;
  const status = Number.isInteger(code) && code >= 400 ? knownStatus(code) : 502;
  const text = speaker.scrub(JSON.stringify({ error }));
  return refusedAnswer(speaker, status) ?? new UpstreamError(status, envelopeOf(speaker.name, status, text));
}

/** The body as it came when it is an object with an object `error` (Gemini puts an array around it), else wrapped. */
export function envelopeOf(name: string, status: number, text: string): ForeignEnvelope {
  const parsed = parseJson(text);
  const value = Array.isArray(parsed) ? parsed[0] : parsed;
  if (isJsonObject(value) && isJsonObject(value['error'])) return { ...value, error: value['error'] };
  const message = isJsonObject(value) ? wordsOf(value) : null;
  const type = status === 429 ? 'requests' : status < 500 ? 'invalid_request_error' : 'server_error';
  return {
    error: {
      message:
        message?.slice(0, maxMessage) ??
        `The upstream '${name}' answered ${status} without a readable error.`,
      type,
      param: null,
      code: null,
    },
  };
}

/** Where those who do not speak OpenAI's envelope put their words: Mistral, Ollama, FastAPI. */
function wordsOf(value: JsonObject): string | null {
  for (const name of ['message', 'detail', 'error', 'msg']) {
    const words = value[name];
    if (typeof words === 'string' && words !== '') return words;
    if (typeof words === 'object' && words !== null) return JSON.stringify(words);
  }
  return null;
}

/** The text of an answer, its first MiB at most unless said otherwise. A body that is cut ends early. */
export async function readStart(
  answer: Pick<EgressAnswer, 'body'>,
  maxBytes: number = maxErrorBytes,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) break;
    }
  } catch (error) {
    if (!(error instanceof EgressError)) throw error; // a cut error body is still this error
  }
  return Buffer.concat(chunks).toString();
}

/** The JSON value of a text, `null` for what is none. */
export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}
