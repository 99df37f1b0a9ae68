// A server with the pass-through alone, in front of a loopback upstream that says what it got.
import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { errorEnvelope, isGatewayError } from '../../src/errors.ts';
import { passThroughRoutes } from '../../src/http/pass-through.ts';
import { createUpstreams } from '../../src/upstream/upstream.ts';
import { readText, startEgress } from '../egress/peers.ts';

const patience = { connect: 3_000, askIdle: 500, forwardFirstByte: 500, forwardIdle: 500 };
/** A key of the gateway for its upstream. */
export const ours = 'sk-gateway-key-0123456789';

/** A gateway with nothing but the pass-through. */
export interface Gateway {
  readonly port: number;
  readonly server: FastifyInstance;
}

export interface GatewayOptions {
  readonly key?: string;
  readonly authorization?: string;
  readonly maxBytes?: number;
  readonly path?: string;
  readonly stall?: number;
}

/** A server with the routes, an error handler, and a JSON route of its own, as the real one has. */
export async function startGateway(
  t: TestContext,
  upstream: { origin: string },
  options: GatewayOptions = {},
): Promise<Gateway> {
  const { key, authorization = null, maxBytes, stall, path = '/v1' } = options;
  const config = {
    name: 'acme',
    url: upstream.origin + path,
    models: ['*'],
    ...(key !== undefined && { key }),
  };
  const acme = createUpstreams([config], startEgress(t).upstream, patience).matching('m')[0];
  assert.ok(acme);
  const server = fastify();
  server.setErrorHandler((error, _request, reply) => {
    if (!isGatewayError(error))
      return reply.code(500).send({ error: { message: String(error), code: 'unknown' } });
    return reply
      .code(error.statusCode)
      .headers({ ...error.headers })
      .send(errorEnvelope(error));
  });
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  server.post('/v1/chat/completions', async (request) => ({ chat: (request.body as Buffer).toString() }));
  passThroughRoutes(server, {
    storedAnswer: () => null,
    forwardFor: () => acme.forward,
    byModel: false,
    authorization: () => authorization,
    ...(maxBytes !== undefined && { maxBytes }),
    ...(stall !== undefined && { stall }),
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  return { port: (server.server.address() as AddressInfo).port, server };
}

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** A request whose path and headers go out as they stand. */
export async function ask(
  gateway: Gateway,
  path: string,
  { method = 'GET', headers = {}, body }: Asking = {},
): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = httpRequest(
      { port: gateway.port, host: '127.0.0.1', path, method, headers, agent: false },
      resolve,
    );
    asking.on('error', reject);
    asking.end(body);
  });
  return { status: response.statusCode ?? 0, headers: response.headers, text: await readText(response) };
}

/** The code of the error in an answer. */
export const codeOf = (answer: Answer): string =>
  (JSON.parse(answer.text) as { error: { code: string } }).error.code;

/** An upstream that says what it got. */
export const echo: RequestListener = async (request, response) => {
  const { method, url, headers } = request;
  const body = await readText(request);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ method, url, headers, body: body.slice(0, 100), size: body.length }));
};

/** What {@link echo} says. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly size: number;
}

export const echoed = (answer: Answer): Echo => JSON.parse(answer.text) as Echo;

/** Writes bytes as they stand and reads until the server closes or has been silent for a while. */
export async function rawRequest(gateway: Gateway, text: string): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1');
  socket.setTimeout(600, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  let answer = '';
  socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
  await new Promise((closed) => socket.once('close', closed));
  return answer;
}
