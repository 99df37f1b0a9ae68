// What a client hears when something went wrong: OpenAI's envelope, whatever was thrown, wherever.
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  errorEnvelope,
  gatewayError,
  isGatewayError,
  UpstreamError,
  type ErrorEnvelope,
  type ForeignEnvelope,
  type GatewayError,
} from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { maxBodyBytes } from './request-body.ts';

/** Answers with the envelope. What is not in the table of errors is logged and hidden (`security.md` S5). */
export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
): FastifyReply {
  const { status, headers, body, unexpected } = wireError(error, request.id);
  if (unexpected) log.error('request failed', { requestId: request.id, error });
  return reply
    .code(status)
    .headers({ ...headers })
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

/** An error as a client reads it. */
export interface WireError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorEnvelope | ForeignEnvelope;
  /** It is a fault of ours: the log has to tell what happened. */
  readonly unexpected: boolean;
}

/** What a client may see of whatever was thrown: an upstream's own words (F3), or a row of the table. */
export function wireError(error: unknown, requestId: string): WireError {
  if (error instanceof UpstreamError) {
    return { status: error.statusCode, headers: error.headers, body: error.body, unexpected: false };
  }
  const shown = toGatewayError(error, requestId);
  const unexpected = shown.wireCode === 'internal_error';
  return { status: shown.statusCode, headers: shown.headers, body: errorEnvelope(shown), unexpected };
}

/** The row of the table for whatever was thrown. */
function toGatewayError(error: unknown, requestId: string): GatewayError {
  if (isGatewayError(error)) return error;
  const code = error instanceof Error && 'code' in error ? error.code : '';
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return gatewayError('request_too_large', [maxBodyBytes], { cause: error });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return gatewayError('unsupported_media_type', ['the content type'], { cause: error });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_ASYNC_CONSTRAINT':
      return gatewayError('invalid_request', ['its length or path does not fit'], { cause: error });
    case 'ECONNRESET':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return gatewayError('client_closed_request', [], { cause: error });
    default:
      return gatewayError('internal_error', [requestId], { cause: error });
  }
}

/** Node's parser gave up before there was a request: the socket gets the envelope by hand, and is closed. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const shown = brokenRequestError(error);
  const body = JSON.stringify(errorEnvelope(shown));
  const head = [
    `HTTP/1.1 ${shown.statusCode} Error`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function brokenRequestError(error: Error & { code?: string }): GatewayError {
  if (error.code === 'HPE_HEADER_OVERFLOW') return gatewayError('header_too_large');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return gatewayError('request_timeout');
  return gatewayError('invalid_request', ['it is not valid HTTP/1.1'], { cause: error });
}
