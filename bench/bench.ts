// What all parts of the benchmark stand on: the upstream, a release of the gateway, and everybody to compare with.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGateway, type Gateway } from './gateway.ts';
import { startLoad, type RunJob } from './load.ts';
import { startUpstream, type Nginx } from './nginx.ts';
import { installPlugins } from './plugins.ts';
import { buildRelease } from './release.ts';
import type { Section } from './report.ts';
import { directWay, naiveWay, nginxWay, portkeyWay, type Way } from './ways.ts';

/** A part of the benchmark; it can be called alone. */
export interface Part {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<Section[]>;
}

export interface Bench {
  /** Few and short rounds. */
  readonly quick: boolean;
  /** What ends with the benchmark. */
  readonly stack: AsyncDisposableStack;
  /** Folder of the gateway's release. */
  readonly release: string;
  /** Folder for what the processes need. */
  readonly folder: string;
  /** Folder of the plugins. */
  readonly plugins: string;
  readonly upstream: Nginx;
  readonly runJob: RunJob;
  readonly gateway: Gateway;
  readonly direct: Way;
  readonly nginx: Way;
  readonly portkey: Way;
  readonly naive: Way;
}

/** Builds the gateway and starts everybody. */
export async function openBench(stack: AsyncDisposableStack, quick: boolean): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-gateway-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const release = await buildRelease(stack, fileURLToPath(new URL('..', import.meta.url)));
  const upstream = stack.use(await startUpstream(folder));
  const plugins = await installPlugins(stack, { api: upstream.origin, count: 25, apiTakes: 0 });
  const gateway = stack.use(await startGateway({ release, upstream: upstream.origin, plugins }));
  const running = (way: Way) => {
    stack.use(way.running);
    return way;
  };
  return {
    quick,
    stack,
    release,
    folder,
    plugins,
    upstream,
    runJob: await startLoad(stack),
    gateway,
    direct: directWay(upstream),
    nginx: running(await nginxWay(folder, upstream)),
    portkey: running(await portkeyWay(upstream)),
    naive: running(await naiveWay(folder, upstream)),
  };
}

/** All ways, in the order of the tables. */
export function everybody({ direct, nginx, gateway, portkey, naive }: Bench): Way[] {
  return [direct, nginx, gateway.way(0), gateway.way(20), gateway.way(500), portkey, naive];
}

/** All ways, or when time is short those that the others are judged by. */
export function mostOf(bench: Bench): Way[] {
  const { quick, direct, nginx, gateway, portkey } = bench;
  return quick ? [direct, nginx, gateway.way(20), portkey] : everybody(bench);
}
