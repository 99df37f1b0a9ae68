// Every error that the gateway can answer with: wire code, status, OpenAI type, message.
import createError, { type FastifyError } from '@fastify/error';

type Row = readonly [status: number, type: string, message: string];

/**
 * The one table of errors. The key is the wire code (`error.code` of the answer); the message says what was
 * wrong, where, and what to do. `%s` takes the values of {@link gatewayError} in order. `docs/errors.md` lists
 * the same rows, proved by a test.
 */
export const errorTable = {
  invalid_json: [
    400,
    'invalid_request_error',
    'The request body is not valid JSON: %s. Send one JSON object.',
  ],
  invalid_type: [400, 'invalid_request_error', "Invalid type for '%s': expected %s, but got %s instead."],
  invalid_path: [
    400,
    'invalid_request_error',
    'The path %s is not allowed. Use the plain paths of the OpenAI API below /v1/.',
  ],
  invalid_header: [400, 'invalid_request_error', 'The header %s is not accepted: %s.'],
  invalid_request: [400, 'invalid_request_error', 'The request cannot be read: %s.'],
  idempotency_key_reused: [
    400,
    'invalid_request_error',
    'This Idempotency-Key was used with another request a moment ago. Send each request with a key of its own.',
  ],
  invalid_api_key: [
    401,
    'invalid_request_error',
    'Incorrect API key provided. Send a key of this gateway as "Authorization: Bearer ...".',
  ],
  permission_denied: [403, 'invalid_request_error', 'This request is not allowed: %s.'],
  model_not_found: [
    404,
    'invalid_request_error',
    "The model '%s' does not exist here: no upstream of this gateway serves it.",
  ],
  unknown_url: [
    404,
    'invalid_request_error',
    'Unknown request URL: %s %s. Check the path and the base URL (it ends in /v1).',
  ],
  demo_model_only: [
    404,
    'invalid_request_error',
    'The demo model answers /v1/chat/completions alone, not %s. Use chat completions, or configure an upstream.',
  ],
  method_not_allowed: [405, 'invalid_request_error', 'The method %s is not allowed for %s. Use %s.'],
  request_timeout: [
    408,
    'invalid_request_error',
    'The request was not received completely in time. Send it again.',
  ],
  request_too_large: [
    413,
    'invalid_request_error',
    'The request is larger than %s bytes. Send a smaller one.',
  ],
  unsupported_media_type: [
    415,
    'invalid_request_error',
    'Unsupported content type or encoding: %s. Send "Content-Type: application/json", not compressed.',
  ],
  expectation_failed: [
    417,
    'invalid_request_error',
    'The expectation %s cannot be met. Send the request without an Expect header.',
  ],
  header_too_large: [
    431,
    'invalid_request_error',
    'The request headers are larger than 16 KiB. Send fewer or shorter ones.',
  ],
  rate_limit_exceeded: [429, 'requests', 'Too many requests: %s. Wait and try again.'],
  client_closed_request: [
    499,
    'invalid_request_error',
    'The client closed the connection before the answer was complete.',
  ],
  internal_error: [500, 'server_error', 'The gateway failed. The request id %s finds the cause in its log.'],
  upstream_unreachable: [502, 'server_error', "The upstream '%s' cannot be reached: %s."],
  upstream_tls: [502, 'server_error', "The TLS connection to the upstream '%s' failed: %s."],
  upstream_truncated: [502, 'server_error', "The answer of the upstream '%s' ended before it was complete."],
  upstream_empty: [502, 'server_error', "The upstream '%s' sent an empty answer."],
  upstream_bad_content_type: [
    502,
    'server_error',
    "The upstream '%s' answered with %s instead of JSON or an event stream.",
  ],
  upstream_bad_answer: [502, 'server_error', "The answer of the upstream '%s' cannot be read: %s."],
  upstream_auth: [
    502,
    'server_error',
    "The upstream '%s' refused the gateway's key. The operator has to check it.",
  ],
  upstream_redirect: [
    502,
    'server_error',
    "The upstream '%s' answered with a redirect, which is not followed. The operator has to check its URL.",
  ],
  upstream_too_large: [502, 'server_error', "The answer of the upstream '%s' is larger than %s bytes."],
  overloaded: [503, 'server_error', 'The gateway is %s. Try again in a moment.'],
  upstream_timeout: [504, 'server_error', "The upstream '%s' did not answer within %s seconds."],
  run_timeout: [504, 'server_error', 'The run took longer than its budget of %s seconds.'],
  loop_detected: [
    508,
    'invalid_request_error',
    'This request came from a plugin-gateway. An upstream or plugin URL points back at the gateway itself.',
  ],
} as const satisfies Record<string, Row>;

/** A wire code of {@link errorTable}. */
export type ErrorCode = keyof typeof errorTable;

/** An error that a client may see: everything in it is meant for the wire. `cause` and stack are for the log alone. */
export interface GatewayError extends FastifyError {
  readonly statusCode: number;
  readonly wireCode: ErrorCode;
  /** OpenAI's `error.type`. */
  readonly type: string;
  /** The field of the request that was wrong, as OpenAI names it (`tools[0].type`). */
  readonly param: string | null;
  /** Headers of the answer, such as `retry-after`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What an error may carry besides the values of its message. */
export interface ErrorDetails {
  readonly param?: string;
  readonly cause?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const constructors = new Map(
  Object.entries(errorTable).map(([code, [status, , message]]) => [
    code,
    createError<(string | number)[]>(`PGW_${code.toUpperCase()}`, message, status),
  ]),
);

/** Makes the error of one row. `values` fill the `%s` of its message in order. */
export function gatewayError(
  code: ErrorCode,
  values: readonly (string | number)[] = [],
  details: ErrorDetails = {},
): GatewayError {
  const Constructor = constructors.get(code);
  if (!Constructor) throw new TypeError(`no such error: ${code}`);
  const error = new Constructor(...values);
  if (details.cause !== undefined) error.cause = details.cause;
  return Object.assign(error, {
    wireCode: code,
    type: errorTable[code][1],
    param: details.param ?? null,
    headers: details.headers ?? {},
  }) as GatewayError;
}

/** Tells an error of the table from everything else that may be thrown, by its brand, never by its message. */
export function isGatewayError(error: unknown): error is GatewayError {
  return (
    error instanceof Error &&
    'wireCode' in error &&
    typeof error.wireCode === 'string' &&
    error.wireCode in errorTable
  );
}

/** OpenAI's error envelope: the only shape in which the gateway reports a failure (`{"error":{...}}`). */
export interface ErrorEnvelope {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** The envelope of an error of the table. */
export function errorEnvelope(error: GatewayError): ErrorEnvelope {
  return { error: { message: error.message, type: error.type, param: error.param, code: error.wireCode } };
}

/** The body of an error answer that is not ours: an object with an object `error`, whatever else it holds. */
export interface ForeignEnvelope {
  readonly error: object;
  readonly [name: string]: unknown;
}

/**
 * The upstream's own error answer, passed on with its status and body (`wire.md` F3, F4). Known secrets are taken
 * out of the body; `headers` are those that a client may see (F6).
 */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly statusCode: number;
  readonly body: ForeignEnvelope;
  readonly headers: Readonly<Record<string, string>>;

  constructor(statusCode: number, body: ForeignEnvelope, headers: Readonly<Record<string, string>> = {}) {
    super(`the upstream answered ${statusCode}`);
    this.statusCode = statusCode;
    this.body = body;
    this.headers = headers;
  }
}
