// An API on loopback that remembers each request as it came, and the client that sends there what was built for elsewhere.
import { Agent, createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PluginRequest } from '../../src/plugin/request.ts';
import type { Arrived } from './read-back.ts';

export interface Loopback {
  /** Sends a request to loopback instead of its origin, and says what arrived. */
  send(request: PluginRequest): Promise<Arrived>;
  close(): Promise<void>;
}

/** Starts the API on a free port. */
export async function startLoopback(): Promise<Loopback> {
  const arrivals = new Map<number, Arrived>();
  const server = createServer({ maxHeaderSize: 256 * 1024 }, (incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const headers = new Map(
        Object.entries(incoming.headersDistinct).map(([name, values]) => [
          name,
          (values ?? []).join(' AND '),
        ]),
      );
      const { method = '', url: target = '', socket } = incoming;
      arrivals.set(socket.remotePort ?? 0, { method, target, headers, body: Buffer.concat(chunks) });
      answer.end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });

  function send({ method, origin, path, headers, body }: PluginRequest): Promise<Arrived> {
    const content = body === undefined ? undefined : Buffer.from(body);
    const all = {
      host: new URL(origin).host,
      ...headers,
      ...(content !== undefined && { 'content-length': String(content.length) }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = ask({ host: '127.0.0.1', port, agent, method, path, headers: all }, (incoming) => {
        const from = incoming.socket.localPort ?? 0;
        incoming.resume();
        incoming.on('error', reject);
        incoming.on('end', () => {
          const arrived = arrivals.get(from);
          arrivals.delete(from);
          if (arrived) resolve(arrived);
          else reject(new Error('nothing arrived'));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(content);
    });
  }

  async function close(): Promise<void> {
    agent.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }

  return { send, close };
}
