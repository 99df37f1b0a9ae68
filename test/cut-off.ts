// A way to a server that can be cut: what listens behind it is then gone for those who come this way.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

interface Scope {
  after(clean: () => Promise<void>): void;
}

export interface Way {
  /** The same address, by this way. */
  readonly url: string;
  /** Ends all connections, and refuses new ones. */
  readonly cut: () => void;
  /** Takes bytes, and lets none through. */
  readonly freeze: () => void;
  readonly mend: () => void;
}

/** Opens a way to the host and port of an address. */
export async function openWay(scope: Scope, url: string): Promise<Way> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let state: 'open' | 'cut' | 'frozen' = 'open';
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    sockets.add(socket);
    if (state === 'cut') {
      socket.resetAndDestroy();
      return;
    }
    const other = connect(Number(target.port), target.hostname);
    other.on('error', () => socket.destroy());
    other.once('close', () => socket.destroy());
    socket.once('close', () => other.destroy());
    other.on('data', (bytes) => state === 'open' && socket.write(bytes));
    socket.on('data', (bytes) => state === 'open' && other.write(bytes));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reset = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  scope.after(async () => {
    reset();
    server.close();
    await once(server, 'close');
  });
  const way = new URL(url);
  way.port = String((server.address() as AddressInfo).port);
  return {
    url: way.href,
    cut() {
      state = 'cut';
      reset();
    },
    freeze: () => void (state = 'frozen'),
    mend() {
      if (state === 'frozen') reset();
      state = 'open';
    },
  };
}
