// The Fastify server itself: limits, deadlines, request ids, and what is refused before any route.
import { randomUUID } from 'node:crypto';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { gatewayError, type GatewayError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { letPageRead } from './browser-pages.ts';
import { answerBrokenRequest, sendError } from './error-answer.ts';
import { maxBodyBytes } from './request-body.ts';

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
    // Node draws UUIDs from a pool: a tenth of the cost of random bytes.
    genReqId: () => `req_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
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
