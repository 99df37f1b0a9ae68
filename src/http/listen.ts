// Starts and stops listening: where, and how nothing is cut that could end by itself.
import type { OpenServer } from './server.ts';

/** Where the server listens now. */
export interface Listening {
  /** Base URL for a client on this machine. */
  readonly url: string;
  /** `host:port` of every address, as a plugin could name it. */
  readonly addresses: readonly string[];
}

/** Listens. Throws Node's error (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
export async function listenAt(
  { server }: OpenServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  await server.listen({ host, port });
  const addresses = server.addresses().filter((address) => typeof address === 'object');
  const open = addresses[0]?.port ?? port;
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${open}`,
    addresses: addresses.map(({ address, family, port: bound }) =>
      family === 'IPv6' ? `[${address}]:${bound}` : `${address}:${bound}`,
    ),
  };
}

/**
 * Stops: no new connections, idle ones closed, running requests may end for `grace` milliseconds. Then `cut` is told,
 * so that streams end with an error event, and a second later every socket is destroyed. Half-sent requests and silent
 * sockets hold nothing up (`security.md` W9, N14).
 */
export async function stopServer(
  { server, running }: OpenServer,
  grace: number,
  cut: () => void,
): Promise<void> {
  const closed = server.close();
  const cutting = setTimeout(cut, grace);
  const ending = setTimeout(() => server.server.closeAllConnections(), grace + 1_000);
  const watch = setInterval(() => {
    if (running() === 0) server.server.closeAllConnections();
  }, 50);
  try {
    await closed;
  } finally {
    clearTimeout(cutting);
    clearTimeout(ending);
    clearInterval(watch);
  }
}
