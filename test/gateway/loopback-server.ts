// A server on loopback for one test: listens on a free port, is gone when the test ends, and tells what its sockets did.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Where a test registers what has to be closed: a test context, or the end of a benchmark. */
export type Scope = Pick<TestContext, 'after'>;

/** One request exactly as it arrived. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query as sent, not decoded. */
  readonly path: string;
  /** Names and values as sent, in order, in pairs. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  /** Names in lower case. */
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Resolves when the caller closes the connection before it has the whole answer. */
  readonly abandoned: Promise<void>;
}

/** A listening server. */
export interface LoopbackServer {
  /** `127.0.0.1:PORT`, the form of an egress entry. */
  readonly host: string;
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** Starts a server that closes, with all its sockets, when the test ends. */
export async function startLoopbackServer(scope: Scope, listener: RequestListener): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 60_000 }, listener);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  scope.after(close);
  return { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}`, sockets, close };
}

/** Reads a request to its end. */
export async function receive(request: IncomingMessage, response: ServerResponse): Promise<ReceivedRequest> {
  const abandoned = new Promise<void>((resolve) => {
    response.on('close', () => !response.writableFinished && resolve());
  });
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = request.rawHeaders;
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    rawHeaders: raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : [])),
    headers: request.headers,
    body: Buffer.concat(chunks),
    abandoned,
  };
}
