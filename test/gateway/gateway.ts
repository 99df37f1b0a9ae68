// One gateway for one test: upstream, plugin APIs, plugin folder, the official client; all gone when the test ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';
import { createApp, type App } from '../../src/app.ts';
import type { Config, PluginSettings, UpstreamConfig } from '../../src/config/schema.ts';
import type { JsonObject } from '../../src/openai/chat.ts';
import { assertCleanStream, assertFailedStream } from './clean-answer.ts';
import { createKeptLog, type KeptLog } from './kept-log.ts';
import { examine } from './examiner.ts';
import {
  answerJson,
  startLoopbackPlugin,
  type LoopbackPlugin,
  type PluginHandler,
} from './loopback-plugin.ts';
import type { LoopbackServer, Scope } from './loopback-server.ts';
import {
  startLoopbackUpstream,
  type Answer,
  type LoopbackUpstream,
  type Script,
} from './loopback-upstream.ts';
import { weatherPlugin, writePlugins, type TestPlugin } from './plugin-folder.ts';
import { assertValidRequest } from './valid-request.ts';

/** Settings of one plugin, defaults filled in. */
export function pluginSettings(overrides: Partial<PluginSettings> = {}): PluginSettings {
  return {
    params: {},
    headers: {},
    operations: { include: [], exclude: [] },
    timeout: '45s',
    egress: [],
    changes: 'safe',
    redirects: false,
    ...overrides,
  };
}

/** What a run may spend, by the defaults. */
export function testBudget(overrides: Partial<Config['budget']> = {}): Config['budget'] {
  const budget = { steps: 10, calls: 64, parallel: 8, seconds: 300, resultCharacters: 100_000 };
  return { ...budget, tokens: 'perRun', ...overrides };
}

/** A complete configuration: a free port, nothing stored, no plugins. */
export function testConfig(overrides: Partial<Config> = {}): Config {
  return {
    listen: { host: '127.0.0.1', port: 0, jsonKeepAlive: false },
    upstreams: [],
    plugins: { folder: '/nonexistent', install: [], settings: {} },
    egress: { allow: [] },
    access: { consumers: [] },
    budget: testBudget(),
    continuity: true,
    store: { url: 'memory:' },
    ...overrides,
  };
}

/** What one answer to a client was, in bytes. */
export interface WireAnswer {
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  /** Everything that arrived so far. */
  readonly text: () => string;
  /** Resolves with the text when the answer has ended, however it did. */
  readonly ended: Promise<string>;
  readonly cancelled: () => boolean;
}

export interface GatewayOptions {
  /** What the upstream plays for chat completions. */
  readonly script?: Script;
  /** What it answers on all other paths. */
  readonly elsewhere?: Answer;
  /** The API of the plugins. */
  readonly api?: PluginHandler;
  /** Made from the origin of the API; the weather plugin when absent. */
  readonly plugins?: (origin: string) => readonly TestPlugin[];
  /** Instead of `plugins`: a folder that is there already. */
  readonly folder?: string;
  /** By plugin name, over the defaults. Every plugin may reach the API. */
  readonly settings?: (api: LoopbackPlugin) => Record<string, Partial<PluginSettings>>;
  readonly config?: Partial<Config>;
  /** The configured upstreams, made from the one that plays the script; that one alone when absent. */
  readonly upstreams?: (scripted: UpstreamConfig) => readonly UpstreamConfig[];
  /** The upstream key of the configuration; `null`: the caller's own is sent on. */
  readonly upstreamKey?: string | null;
  /** Leave out the checks of {@link checkWire}: the test sends what an upstream would refuse. */
  readonly unchecked?: boolean;
}

export interface TestGateway {
  readonly app: App;
  readonly origin: string;
  readonly client: OpenAI;
  readonly upstream: LoopbackUpstream;
  readonly api: LoopbackPlugin;
  /** The answers that the client got, in bytes. */
  readonly wire: readonly WireAnswer[];
  /** For other clients: a `fetch` whose answers are recorded and checked. */
  readonly fetch: typeof fetch;
  /** What the gateway has logged. */
  readonly logged: KeptLog['logged'];
  /** Sends one request without the client, recorded like the client's. */
  readonly send: (path: string, init?: RequestInit) => Promise<Response>;
  /** Posts JSON to chat completions without the client. */
  readonly post: (body: unknown, headers?: Record<string, string>, signal?: AbortSignal) => Promise<Response>;
}

/** Starts everything. When the test ends, the bytes of all answers and upstream requests are checked. */
export async function startGateway(scope: Scope, options: GatewayOptions = {}): Promise<TestGateway> {
  const upstream = await startLoopbackUpstream(scope, options.script ?? [], options.elsewhere);
  const api = await startLoopbackPlugin(scope, options.api ?? answerJson({ ok: true }));
  const plugins = options.plugins?.(api.origin) ?? [weatherPlugin(api.origin)];
  const folder = options.folder ?? (await writePlugins(scope, plugins));
  const settings: Record<string, PluginSettings> = {};
  for (const [name, overrides] of Object.entries(options.settings?.(api) ?? {})) {
    settings[name] = pluginSettings(overrides);
  }
  const key = options.upstreamKey === undefined ? 'sk-of-the-gateway' : options.upstreamKey;
  const scripted = { name: 'loopback', url: upstream.url, ...(key === null ? {} : { key }), models: ['*'] };
  const { log, logged } = createKeptLog();
  const app = await createApp(
    testConfig({
      upstreams: options.upstreams?.(scripted) ?? [scripted],
      plugins: { folder, install: [], settings },
      egress: { allow: [api.host] },
      ...options.config,
    }),
    { log },
  );
  const origin = await app.listen();
  const wire: WireAnswer[] = [];
  const recordedFetch = recordFetch(wire);
  const client = new OpenAI({
    baseURL: `${origin}/v1`,
    apiKey: 'sk-of-the-client',
    maxRetries: 0,
    fetch: recordedFetch,
  });
  const send = (path: string, init?: RequestInit) => recordedFetch(`${origin}${path}`, init);
  const post = (body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    send('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-of-the-client', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal && { signal }),
    });
  scope.after(async () => {
    await app.close(0);
    await assertNoSockets(upstream, api);
    if (options.unchecked) return;
    checkWire(wire, plugins);
    for (const chat of upstream.chats) assertValidRequest(chat.json);
    await examine(upstream.requests);
  });
  return { app, origin, client, upstream, api, wire, logged, fetch: recordedFetch, send, post };
}

/** Asserts that a closed gateway holds no connection to anybody. */
async function assertNoSockets(...servers: readonly LoopbackServer[]): Promise<void> {
  const open = servers.flatMap(({ sockets }) => [...sockets]);
  const closed = Promise.all(open.filter((socket) => !socket.closed).map((socket) => once(socket, 'close')));
  const deadline = setTimeout(5_000, 'late', { ref: false });
  assert.notEqual(await Promise.race([closed, deadline]), 'late', 'a closed gateway holds no connection');
}

/** Asserts on the bytes of every answer that it is clean (or failed as it must) and names nothing of ours (E14). */
function checkWire(wire: readonly WireAnswer[], plugins: readonly TestPlugin[]): void {
  for (const answer of wire.filter(({ path }) => path.startsWith('/v1/'))) {
    const text = answer.text();
    for (const plugin of plugins) {
      assert.ok(
        !text.includes(`${plugin.name}__`),
        `E14: a function of ${plugin.name} leaked: ${text.slice(0, 500)}`,
      );
    }
    if (!answer.headers.get('content-type')?.startsWith('text/event-stream') || answer.cancelled()) continue;
    if (text.includes('data: {"error"')) assertFailedStream(text);
    else assertCleanStream(text);
  }
}

function recordFetch(wire: WireAnswer[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    let bytes = Buffer.alloc(0);
    let cancelled = false;
    const text = () => bytes.toString();
    wire.push({
      path: new URL(response.url).pathname,
      status: response.status,
      headers: response.headers,
      text,
      ended,
      cancelled: () => cancelled,
    });
    if (!response.body) {
      resolve('');
      return response;
    }
    const reader = response.body.getReader();
    const copy = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (value) {
            bytes = Buffer.concat([bytes, value]);
            controller.enqueue(value);
          }
          if (!done) return;
          resolve(text());
          controller.close();
        } catch (error) {
          cancelled ||= init?.signal?.aborted ?? false;
          resolve(text());
          controller.error(error);
        }
      },
      cancel(reason) {
        cancelled = true;
        resolve(text());
        return reader.cancel(reason);
      },
    });
    return new Response(copy, { status: response.status, headers: response.headers });
  };
}

/** The tool messages of a request to the upstream, their content parsed where it is JSON. */
export function toolResults(request: JsonObject): unknown[] {
  const messages = request['messages'] as { role: string; content: string }[];
  return messages.filter((message) => message.role === 'tool').map((message) => parseIfJson(message.content));
}

function parseIfJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The names of the functions that a request to the upstream offers. */
export function toolNames(request: JsonObject): string[] {
  const tools = (request['tools'] ?? []) as { function?: { name: string } }[];
  return tools.flatMap((tool) => (tool.function ? [tool.function.name] : []));
}
