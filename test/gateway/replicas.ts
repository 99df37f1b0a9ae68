// Two gateways over one PostgreSQL database, one upstream and one plugin API.
import type { Config } from '../../src/config/schema.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import {
  answerJson,
  startLoopbackPlugin,
  type LoopbackPlugin,
  type PluginHandler,
} from './loopback-plugin.ts';
import type { Scope } from './loopback-server.ts';
import { startLoopbackUpstream, type LoopbackUpstream, type Script } from './loopback-upstream.ts';
import { weatherPlugin } from './plugin-folder.ts';

export const storeKey = 'a-key-that-all-replicas-share-1234';

export interface Replicas {
  readonly upstream: LoopbackUpstream;
  readonly api: LoopbackPlugin;
  readonly database: TestDatabase;
  /** Starts one more replica. */
  readonly start: (config?: Partial<Config>) => Promise<TestGateway>;
}

export interface ReplicasOptions {
  readonly script: Script;
  readonly api?: PluginHandler;
}

/** Starts what replicas share. */
export async function prepareReplicas(scope: Scope, options: ReplicasOptions): Promise<Replicas> {
  const database = await createTestDatabase(scope);
  const upstream = await startLoopbackUpstream(scope, options.script);
  const api = await startLoopbackPlugin(scope, options.api ?? answerJson({ ok: true }));
  const start = (config: Partial<Config> = {}) =>
    startGateway(scope, {
      plugins: () => [weatherPlugin(api.origin)],
      upstreams: (scripted) => [{ ...scripted, url: upstream.url }],
      config: {
        store: { url: database.url, key: storeKey },
        egress: { allow: [api.host] },
        ...config,
      },
    });
  return { upstream, api, database, start };
}
