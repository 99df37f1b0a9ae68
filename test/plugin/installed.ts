// A folder of plugins, loaded for one test, and a server on loopback for their APIs.
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fillDefaults } from '../../src/config/defaults.ts';
import { configSchema, type Config } from '../../src/config/schema.ts';
import { createEgress } from '../../src/egress/create-egress.ts';
import { createRegistry, type Registry } from '../../src/plugin/registry.ts';
import type { Versions } from '../../src/plugin/version.ts';
import { silentLog, type Log } from '../../src/telemetry/log.ts';

export interface Setup {
  readonly files?: Record<string, unknown>;
  readonly install?: string[];
  readonly settings?: Record<string, unknown>;
  readonly allow?: string[];
  readonly log?: Log;
  readonly versions?: Versions;
}

export async function open(t: TestContext, setup: Setup): Promise<{ registry: Registry; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-registry-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'openapi'));
  for (const [name, value] of Object.entries(setup.files ?? {})) await write(folder, name, value);
  return { registry: await create(t, folder, setup), folder };
}

export async function create(t: TestContext, folder: string, setup: Setup): Promise<Registry> {
  const { install = [], settings = {}, allow = [], log = silentLog, versions } = setup;
  const { plugins } = fillDefaults(configSchema, { plugins: { folder, install, settings } }) as Config;
  const egress = createEgress({ allow, own: () => [], instance: 'test' });
  t.after(() => egress.close());
  const registry = await createRegistry({
    plugins,
    allow,
    egress,
    userAgent: 'plugin-gateway/test',
    log,
    ...(versions ? { versions } : {}),
  });
  t.after(() => registry.close());
  return registry;
}

export async function write(folder: string, name: string, value: unknown): Promise<void> {
  await writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
}

export function manifest(name: string, more: object = {}): object {
  return {
    schema_version: 'v1',
    name_for_model: name,
    name_for_human: name,
    description_for_model: `Does ${name}.`,
    description_for_human: `Does ${name}.`,
    auth: { type: 'none' },
    api: { type: 'openapi', url: `${name}.json` },
    logo_url: 'https://x.example/logo.png',
    contact_email: 'a@x.example',
    legal_info_url: 'https://x.example/legal',
    ...more,
  };
}

export function document(id: string, server = 'https://api.x.example'): object {
  const parameters = [{ name: 'q', in: 'query', schema: { type: 'string' } }];
  const operation = (operationId: string) => ({
    operationId,
    parameters,
    responses: { 200: { description: 'ok' } },
  });
  return {
    openapi: '3.0.1',
    info: { title: `API of ${id}`, version: '1' },
    servers: [{ url: server }],
    paths: { '/x': { get: operation(id), post: operation(`${id}Post`) } },
  };
}

export async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
