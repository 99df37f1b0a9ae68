// The ways from the load to the upstream that are compared: none, nginx, the gateway, Portkey's, a naive gateway.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Named } from './contest.ts';
import { startProxy, type Nginx } from './nginx.ts';
import { benchTools } from './plugins.ts';
import { freePort } from '../test/free-port.ts';
import { cores, start, type Running } from './processes.ts';

/** Where a request goes, and whose cost is measured. */
export interface Way extends Named {
  /** `http://127.0.0.1:1234` */
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The process that is measured. */
  readonly running: Running;
}

/** Straight to the upstream; what is measured is the upstream. */
export function directWay(upstream: Nginx): Way {
  return { name: 'direct', ours: false, origin: upstream.origin, headers: {}, running: upstream };
}

/** Through nginx, which reads nothing. */
export async function nginxWay(folder: string, upstream: Nginx): Promise<Way> {
  const proxy = await startProxy(folder, upstream.origin);
  return { name: 'nginx proxy_pass', ours: false, origin: proxy.origin, headers: {}, running: proxy };
}

/** Through Portkey's gateway, which passes on. */
export async function portkeyWay(upstream: Nginx, pinned: readonly number[] = cores.subject): Promise<Way> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const running = await start({
    name: `portkey-${port}`,
    command: process.execPath,
    args: [portkeyServer, `--port=${port}`, '--headless'],
    cores: pinned,
    environment: { NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
    ready: origin,
  });
  const headers = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream.origin}/v1` };
  return { name: 'Portkey', ours: false, origin, headers, running };
}

/** Where `npm ci` in `portkey/` puts it. */
const portkeyServer = fileURLToPath(
  new URL('portkey/node_modules/@portkey-ai/gateway/build/start-server.js', import.meta.url),
);

/** Through the naive gateway, with the functions of the first plugin, whose API takes so many milliseconds. */
export async function naiveWay(
  folder: string,
  upstream: Nginx,
  apiTakes = 0,
  pinned: readonly number[] = cores.subject,
): Promise<Way> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const tools = join(folder, 'tools.json');
  await writeFile(tools, JSON.stringify(benchTools));
  const running = await start({
    name: `naive-${port}`,
    command: process.execPath,
    args: [fileURLToPath(new URL('naive-gateway-process.ts', import.meta.url))],
    cores: pinned,
    environment: {
      NODE_ENV: 'production',
      PORT: String(port),
      UPSTREAM: `${upstream.origin}/v1`,
      API: `${upstream.origin}/api/@${apiTakes}/`,
      TOOLS: tools,
    },
    ready: origin,
  });
  return { name: 'naive gateway, 20 functions', ours: false, origin, headers: {}, running };
}
