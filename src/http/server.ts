// The Fastify server itself: limits, deadlines, request ids, and OpenAI's error envelope for whatever goes wrong.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
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
import { letPageRead } from './browser-pages.ts';

/** Body of an interpreted request, in bytes (`wire.md` K8). */
const maxBodyBytes = 64 * 1024 * 1024;

export interface ServerOptions {
  readonly log: Log;
  /** This process, as it names itself in `x-plugin-gateway` of outgoing requests (`security.md` E7). */
  readonly instance: string;
  /**
   * Host names that a request may come to, besides loopback ones, and from whose pages (`security.md` I11). `null`:
   * any, because consumers show keys or the operator listens beyond loopback.
   */
  readonly hosts: ReadonlySet<string> | null;
  /** Whether callers show keys: then the pages of all sites may call. */
  readonly keys: boolean;
}

/** A server, and how many requests it is answering. */
export interface OpenServer {
  readonly server: FastifyInstance;
  readonly running: () => number;
}

/** Creates the server; it does not listen yet. Routes are registered by others. */
export function createServer(options: ServerOptions): OpenServer {
  let running = 0;
  const server = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    // W2: all three together, else Node enforces none of them on bodies.
    requestTimeout: 120_000,
    http: {
      headersTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16 * 1024,
      requireHostHeader: false,
    },
    keepAliveTimeout: 72_000,
    trustProxy: false,
    forceCloseConnections: 'idle',
    genReqId: () => `req_${randomBytes(12).toString('hex')}`,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, options.log),
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
  });
  // W1: Node itself would answer without a body.
  server.server.on('checkExpectation', (request, response) =>
    server.server.emit('request', request, response),
  );
  server.addHook('onRequest', async (request, reply) => {
    running += 1;
    reply.raw.once('close', () => (running -= 1));
    reply.header('x-request-id', request.id);
    refuseAmbiguous(request);
    if (request.headers['x-plugin-gateway'] === options.instance) throw gatewayError('loop_detected');
    if (options.hosts) refuseForeign(request, options.hosts);
    const fromPage = request.headers.origin !== undefined && (options.keys || options.hosts !== null);
    return fromPage && letPageRead(request, reply) ? reply : undefined;
  });
  server.setErrorHandler((error: FastifyError, request, reply) =>
    sendError(error, request, reply, options.log),
  );
  server.setNotFoundHandler((request, reply) => {
    throw unknownRoute(server, request, reply);
  });
  return { server, running: () => running };
}

/** W3, F-C23, F-C24, F-C30, H10: requests that two readers could understand in two ways. */
function refuseAmbiguous({ raw }: FastifyRequest): void {
  const seen = new Set<string>();
  for (let at = 0; at < raw.rawHeaders.length; at += 2) {
    const name = raw.rawHeaders[at]?.toLowerCase() ?? '';
    if ((name === 'host' || name === 'authorization') && seen.has(name)) {
      throw gatewayError('invalid_header', [name, 'it came twice']);
    }
    seen.add(name);
  }
  if (!seen.has('host') && raw.httpVersion === '1.1') {
    throw gatewayError('invalid_header', ['host', 'it is missing']);
  }
  const { expect } = raw.headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw gatewayError('expectation_failed', [JSON.stringify(expect.slice(0, 100))]);
  }
  if (raw.headers.upgrade !== undefined)
    throw gatewayError('invalid_header', ['upgrade', 'the protocol cannot be changed']);
  if (raw.url?.startsWith('/') !== true) throw gatewayError('invalid_path', [JSON.stringify(raw.url ?? '')]);
}

/** I11: without keys, a page of another site must not reach a gateway on this machine (DNS rebinding). */
function refuseForeign({ headers }: FastifyRequest, hosts: ReadonlySet<string>): void {
  if (!isOwnHost(`http://${headers.host ?? ''}`, hosts)) {
    throw gatewayError('permission_denied', [
      'the Host header names neither this machine nor the configured host',
    ]);
  }
  if (headers.origin !== undefined && !isOwnHost(headers.origin, hosts)) {
    throw gatewayError('permission_denied', [
      'the Origin is a page of another site. Configure consumers to allow it',
    ]);
  }
}

function isOwnHost(url: string, hosts: ReadonlySet<string>): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    hosts.has(host)
  );
}

/** W1: 404, or 405 where another method would be right. */
function unknownRoute(server: FastifyInstance, request: FastifyRequest, reply: FastifyReply): GatewayError {
  const path = request.url.split('?', 1)[0] ?? '';
  const allowed = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    server.hasRoute({ method: method, url: path }),
  );
  if (allowed.length === 0) return gatewayError('unknown_url', [request.method, path]);
  reply.header('allow', allowed.join(', '));
  return gatewayError('method_not_allowed', [request.method, path, allowed.join(' or ')]);
}

/** Answers with the envelope. What is not in the table of errors is logged and hidden (`security.md` S5). */
function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
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
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
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
