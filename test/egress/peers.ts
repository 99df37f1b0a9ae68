// Loopback peers for tests: real servers, some of them badly behaved, closed when their test ends.
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, Socket, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createEgress, type EgressOptions } from '../../src/egress/create-egress.ts';
import type { Egress, EgressLimits, EgressRequest } from '../../src/egress/egress.ts';

export interface Peer {
  readonly port: number;
  readonly origin: string;
  /** Connections accepted so far. */
  connections(): number;
  /** Connections that are open now. */
  open(): number;
}

/** An HTTP server on loopback. */
export async function startPeer(t: TestContext, listener: RequestListener): Promise<Peer> {
  return listening(t, createServer(listener));
}

/** A TCP server on loopback: the test writes the bytes. */
export async function startRawPeer(t: TestContext, onSocket: (socket: Socket) => void): Promise<Peer> {
  const server = createTcpServer((socket) => {
    onSocket(socket);
    socket.resume(); // else its end would not be seen
  });
  return listening(t, server as Server);
}

/** A raw server that answers each complete request head with the given text, written as it stands. */
export async function startTextPeer(t: TestContext, answer: string | Uint8Array): Promise<Peer> {
  return startRawPeer(t, (socket) => {
    let seen = '';
    socket.on('data', (bytes) => {
      seen += bytes.toString('latin1');
      if (!seen.includes('\r\n\r\n')) return;
      seen = '';
      socket.write(answer);
    });
  });
}

async function listening(t: TestContext, server: Server): Promise<Peer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    connections: () => connections,
    open: () => sockets.size,
  };
}

/** Ways out for a test, closed when it ends. */
export function startEgress(t: TestContext, options: Partial<EgressOptions> = {}): Egress {
  const egress = createEgress({ allow: [], own: () => [], instance: 'test', ...options });
  t.after(() => egress.close());
  return egress;
}

export const limits: EgressLimits = { firstByte: 2_000, idle: 2_000, total: 5_000, maxBytes: 1024 * 1024 };

/** A GET to a peer. */
export function get(origin: string, more: Partial<EgressRequest> = {}): EgressRequest {
  return { method: 'GET', origin, path: '/', headers: {}, limits, ...more };
}

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The first piece of a body, which is then left. */
export async function readFirst(body: AsyncIterable<Uint8Array>): Promise<string> {
  for await (const chunk of body) return Buffer.from(chunk).toString();
  return '';
}

/** Records every address that any socket of this process starts to dial, until the test ends. */
export function spyOnSockets(t: TestContext): string[] {
  const dialled: string[] = [];
  const original = Reflect.get(Socket.prototype, 'connect') as (...parameters: unknown[]) => Socket;
  t.mock.method(Socket.prototype, 'connect', function (this: Socket, ...parameters: unknown[]) {
    this.on('connectionAttempt', (address: string, port: number) => dialled.push(`${address} ${port}`));
    return Reflect.apply(original, this, parameters);
  });
  return dialled;
}

/** Waits until something holds; fails after two seconds. */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 2_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it never came to hold');
    await new Promise((go) => setTimeout(go, 5));
  }
}
