// The gateway that is measured: a release in a process of its own, with keys, policy, store and log as in production.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pluginName } from './plugins.ts';
import { freePort } from '../test/free-port.ts';
import { cores, start, type Running } from './processes.ts';
import type { Way } from './ways.ts';

export interface GatewayOptions {
  /** Folder of the release. */
  readonly release: string;
  /** Origin of upstream and plugins' API. */
  readonly upstream: string;
  /** Folder of the plugins. */
  readonly plugins: string;
  readonly cores?: readonly number[];
  /** Arguments of Node. */
  readonly node?: readonly string[];
  /** Opens Node's channel for messages. */
  readonly messages?: boolean;
}

/** The consumers, by the number of functions that they are granted; each plugin has 20. */
const grants = { 0: [], 20: [pluginName(0)], 500: Array.from({ length: 25 }, (_, at) => pluginName(at)) };
export type Granted = keyof typeof grants;

/** A gateway. */
export interface Gateway extends Running {
  readonly origin: string;
  /** The way through it of a consumer with so many functions. */
  readonly way: (granted: Granted) => Way;
}

const keyOf = (granted: string) => `key-of-a-consumer-with-${granted}`;

/** Starts a gateway and waits until it serves. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-gateway-bench-'));
  const port = await freePort();
  const config = {
    listen: { port },
    upstreams: [{ name: 'bench', url: `${options.upstream}/v1`, key: 'sk-of-the-upstream' }],
    plugins: { folder: options.plugins },
    egress: { allow: [new URL(options.upstream).host] },
    access: {
      consumers: Object.entries(grants).map(([name, plugins]) => ({ name, key: keyOf(name), plugins })),
    },
    store: { url: `sqlite:${join(folder, 'gateway.db')}` },
  };
  // JSON is YAML.
  await writeFile(join(folder, 'gateway.yaml'), JSON.stringify(config));
  const origin = `http://127.0.0.1:${port}`;
  const image = imageOptions();
  const running = await start({
    name: `gateway-${port}`,
    command: process.execPath,
    args: [
      ...image.node,
      ...(options.node ?? []),
      join(options.release, 'bin/plugin-gateway.js'),
      'serve',
      '--config',
      join(folder, 'gateway.yaml'),
    ],
    cores: options.cores ?? cores.subject,
    environment: { NODE_ENV: 'production', NODE_OPTIONS: image.environment },
    ready: `${origin}/readyz`,
    messages: options.messages ?? false,
  });
  const gateway: Gateway = {
    ...running,
    origin,
    way: (granted) => ({
      name: granted === 0 ? 'gateway, no plugins' : `gateway, ${granted} functions`,
      ours: true,
      origin,
      headers: { authorization: `Bearer ${keyOf(String(granted))}` },
      running: gateway,
    }),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return gateway;
}

/** How the image starts Node, for a process with a core or two: by its environment, and by its command. */
function imageOptions(): { readonly environment: string; readonly node: readonly string[] } {
  const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8');
  const [, environment] = /NODE_OPTIONS="([^"]+)"/.exec(dockerfile) ?? [];
  const [, command] = /^CMD (\[.+\])$/m.exec(dockerfile) ?? [];
  if (environment === undefined || command === undefined) {
    throw new Error('The Dockerfile does not say how Node is started: NODE_OPTIONS="..." and CMD [...].');
  }
  const words = JSON.parse(command) as string[];
  return { environment, node: words.filter((word) => word.startsWith('--')) };
}
