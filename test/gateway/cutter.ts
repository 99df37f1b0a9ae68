// A cable between a client and the gateway that a test can cut: every connection through it dies at once.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Scope } from './loopback-server.ts';

/** A cable. */
export interface Cutter {
  /** Where the client connects, `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** Resets every connection that is open now, on both sides. */
  cut(): void;
}

/** Lays a cable to `origin`; it is gone when the test ends. */
export async function startCutter(scope: Scope, origin: string): Promise<Cutter> {
  const { hostname, port } = new URL(origin);
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  };
  const server = createServer((client) => {
    const gateway = connect({ host: hostname, port: Number(port), noDelay: true });
    keep(client);
    keep(gateway);
    client.pipe(gateway).pipe(client);
  });
  const cut = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    cut();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut };
}
