// A plugin that is installed from files and called for real: its document, its API on loopback, what arrives there.
import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, IncomingMessage, RequestListener } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fillDefaults } from '../../src/config/defaults.ts';
import { configSchema, type Config } from '../../src/config/schema.ts';
import { createEgress } from '../../src/egress/create-egress.ts';
import type { Json, JsonObject, ToolResult } from '../../src/openai/chat.ts';
import type { Diagnostic } from '../../src/openapi/diagnostic.ts';
import { createPluginCall } from '../../src/plugin/call.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import type { Registry } from '../../src/plugin/registry.ts';
import { createAudit, type PluginCallRecord } from '../../src/telemetry/audit.ts';
import { silentLog, type Log } from '../../src/telemetry/log.ts';
import { document, manifest, open, serve } from './installed.ts';

/** A request as the API received it; `url` is what stood in the request line. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What to install. Everything has a default: a plugin `todo` with `list` (GET) and `listPost` (POST). */
export interface PluginSetup {
  /** The document, or its text, made from `host:port` of the API. */
  readonly document?: (host: string) => unknown;
  /** Answers of the API; `{"ok":true}` by default. It also gets `/openapi.json` when the manifest names no file. */
  readonly listener?: RequestListener;
  /** Over the manifest. */
  readonly manifest?: object;
  readonly settings?: JsonObject;
  /** More files of the folder. */
  readonly files?: Record<string, unknown>;
  /** Where the API is, when it is not served by the listener. */
  readonly host?: string;
  readonly allow?: string[];
  /** The document is fetched from the API instead of read from the folder. */
  readonly fetched?: boolean;
}

/** An installed plugin. */
export interface Called {
  readonly host: string;
  readonly folder: string;
  readonly registry: Registry;
  readonly functions: ReadonlyMap<string, PluginFunction>;
  readonly diagnostics: readonly Diagnostic[];
  /** Calls a function by its operation's id, or by its whole name. */
  readonly call: (name: string, args?: Json | string, signal?: AbortSignal) => Promise<ToolResult>;
  /** The calls that reached the API, in order. */
  readonly received: Received[];
  readonly audited: PluginCallRecord[];
  readonly logged: unknown[];
}

const ok: RequestListener = (_request, response) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');

/** Installs a plugin `todo` and makes it callable, until the test ends. */
export async function installPlugin(t: TestContext, setup: PluginSetup = {}): Promise<Called> {
  const { listener = ok, files = {}, fetched = false, settings: own = {} } = setup;
  const received: Received[] = [];
  const served = await serve(t, async (request, response) => {
    if (request.url === '/openapi.json') response.end(textOf(made));
    else {
      received.push(await receive(request));
      listener(request, response);
    }
  });
  const host = setup.host ?? served;
  const made = (setup.document ?? ((at) => document('list', `http://${at}/base`)))(host);
  const allow = setup.allow ?? [host];
  const settings = { todo: own };
  const url = fetched ? `http://${host}/openapi.json` : 'todo.json';
  const { registry, folder } = await open(t, {
    files: {
      'todo.json': manifest('todo', { api: { type: 'openapi', url }, ...setup.manifest }),
      ...(!fetched && { 'openapi/todo.json': textOf(made) }),
      ...files,
    },
    settings,
    allow,
  });
  const audited: PluginCallRecord[] = [];
  const logged: unknown[] = [];
  const log: Log = { ...silentLog, warn: (message, fields) => void logged.push(message, fields) };
  const { plugins } = fillDefaults(configSchema, { plugins: { settings } }) as Config;
  const egress = createEgress({ allow, own: () => [], instance: 'test' });
  t.after(() => egress.close());
  const perform = createPluginCall({
    send: (name, more) => egress.plugin(name, more),
    settings: plugins.settings,
    resultCharacters: 100_000,
    secrets: [],
    userAgent: 'plugin-gateway/test',
    audit: { ...createAudit({ log }), pluginCall: (record) => void audited.push(record) },
    log,
  });
  const call: Called['call'] = async (name, args = {}, signal = new AbortController().signal) => {
    const { functions, byName } = registry.current();
    const fn = functions.get(name) ?? functions.get(`todo__${name}`);
    const plugin = byName.get('todo');
    assert.ok(fn && plugin, `${name} is none of ${[...functions.keys()].join(', ')}`);
    const text = typeof args === 'string' ? args : JSON.stringify(args);
    return perform(fn, plugin, text, { consumer: { name: 'alice' }, signal });
  };
  const snapshot = registry.current();
  const { functions } = snapshot;
  const diagnostics = snapshot.byName.get('todo')?.diagnostics ?? [];
  return { host, folder, registry, functions, diagnostics, call, received, audited, logged };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function receive(request: IncomingMessage): Promise<Received> {
  const { method = '', url = '', headers } = request;
  return { method, url, headers, body: await buffer(request) };
}

/** The error that the model reads in place of an answer. */
export function errorOf(result: ToolResult): { code: string; retryable: boolean; body?: unknown } {
  return (JSON.parse(result.content) as { error: { code: string; retryable: boolean } }).error;
}
