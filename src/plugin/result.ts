// What the model reads of a plugin's answer, or of a call that got none (`openapi.md` section 8).
import type { Json } from '../openai/chat.ts';
import { nesting, parseExact } from '../openai/exact-json.ts';
import { createMask } from '../telemetry/secrets.ts';
import { readAnswer } from './answer-content.ts';
import { cutJson, cutText } from './result-cut.ts';

/** What an error result says besides its code. */
export interface ErrorResultDetails {
  /** The same call may succeed later, or with other arguments. */
  readonly retryable: boolean;
  /** What was wrong and what to do, for the model. */
  readonly message?: string;
  /** The plugin's HTTP status. */
  readonly status?: number;
  readonly problems?: readonly Json[];
  /** What the plugin said; secrets are already redacted. */
  readonly body?: Json;
}

/** The text of the tool message for a failed call: `{"error":{"code":...,"retryable":...}}` (A5, R7, R8). */
export function errorResult(code: string, details: ErrorResultDetails): string {
  const { status, retryable, message, problems, body } = details;
  return JSON.stringify({ error: { code, status, retryable, message, problems, body } });
}

/** A plugin's whole answer. Header names are in lower case; the body is decoded and within its cap. */
export interface PluginAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Uint8Array;
  /** The method of the request. */
  readonly method: string;
  /** The body is the start of a stream that had not ended (R5). */
  readonly unfinished?: boolean;
}

export interface ShapeOptions {
  /** How long the result may be. */
  readonly characters: number;
  /** Never shown, in whatever form (security S1, S5). */
  readonly secrets: readonly string[];
  /** The mask of these secrets, if it is at hand: making it anew costs more than shaping a small answer. */
  readonly mask?: (text: string) => string;
}

const maxErrorBody = 2000;
/** Answers that another try may change. */
const retryableStatus = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Deeper JSON of an error is shown as text. */
const maxNesting = 100;

/** The text of the tool message for an answer (R1 to R7). The same answer gives the same text (R9). */
export function shapeResult(answer: PluginAnswer, options: ShapeOptions): string {
  const mask = options.mask ?? createMask(options.secrets);
  const isSuccess = answer.status >= 200 && answer.status <= 299;
  const text = isSuccess ? shapeSuccess(answer, options.characters, mask) : shapeError(answer, mask);
  return text.length <= options.characters ? text : cutText(text, options.characters);
}

type Mask = (text: string) => string;

function shapeSuccess(answer: PluginAnswer, characters: number, mask: Mask): string {
  const { status, headers, body, method, unfinished = false } = answer;
  if (method === 'HEAD') return mask(JSON.stringify({ status, headers: contentHeaders(headers) }));
  if (body.length === 0) return JSON.stringify({ status, result: 'success, no content' });
  const content = readAnswer(headerText(headers, 'content-type'), body);
  if (content.kind === 'binary') {
    return JSON.stringify({ status, binary: { type: content.type, bytes: content.bytes } });
  }
  // A secret is looked for in the whole text: a cut could leave half of one.
  const text = mask(content.text) + (unfinished ? '\n[the stream had not ended; this is what came]' : '');
  if (text.length <= characters) return text;
  const isJson = content.kind === 'json' && isStillJson(text, content.text);
  return isJson ? cutJson(text, characters) : cutText(text, characters);
}

/** A secret that stands as a number, say, leaves a text that is no JSON any more. */
function isStillJson(text: string, before: string): boolean {
  if (text === before) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function shapeError(answer: PluginAnswer, mask: Mask): string {
  const { status } = answer;
  const details = { status, retryable: retryableStatus.has(status) };
  if (status === 401 || status === 403) {
    // M12: what a plugin says about a credential is for the operator.
    const message = 'The plugin refused access. The operator may have to check its credential.';
    return errorResult('plugin_http_error', { ...details, message });
  }
  if (status < 400) {
    const message = 'The plugin answered with a redirect, which is not followed.';
    return errorResult('plugin_http_error', { ...details, message });
  }
  const body = errorBody(answer, mask);
  return errorResult('plugin_http_error', body === undefined ? details : { ...details, body });
}

/** The plugin's own words, as JSON where they are JSON and short, else as text; nothing for binary (R7). */
function errorBody(answer: PluginAnswer, mask: Mask): Json | undefined {
  if (answer.body.length === 0) return undefined;
  const content = readAnswer(headerText(answer.headers, 'content-type'), answer.body);
  if (content.kind === 'binary') return undefined;
  const text = mask(content.text);
  if (text.length > maxErrorBody) return cutText(text, maxErrorBody);
  const isJson = content.kind === 'json' && isStillJson(text, content.text) && nesting(text) <= maxNesting;
  return isJson ? parseExact(text) : text;
}

function headerText(headers: PluginAnswer['headers'], name: string): string {
  const value = headers[name] ?? '';
  return typeof value === 'string' ? value : (value[0] ?? '');
}

function contentHeaders(headers: PluginAnswer['headers']): Record<string, string> {
  const shown = ['content-type', 'content-length', 'last-modified', 'etag'];
  return Object.fromEntries(
    shown.flatMap((name) => (headers[name] === undefined ? [] : [[name, headerText(headers, name)]])),
  );
}
