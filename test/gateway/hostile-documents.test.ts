// Documents and answers made to stall or exhaust a gateway: each ends within its budget while chats are served (D13, R8).
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import test, { type TestContext } from 'node:test';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import { ask, textOf } from './ask.ts';
import { says } from './dialects.ts';
import { startGateway, toolResults, type TestGateway } from './gateway.ts';
import {
  answerHuge,
  answerJson,
  answerText,
  startLoopbackPlugin,
  type PluginHandler,
} from './loopback-plugin.ts';
import type { Script } from './loopback-upstream.ts';
import { manifestOf, weatherPlugin, writePlugins } from './plugin-folder.ts';

const served = { operationId: 'op', responses: { 200: { description: 'OK' } } };
const withPaths = (paths: JsonObject, components: JsonObject = {}): string =>
  JSON.stringify({ openapi: '3.1.0', info: { title: 'Hostile', version: '1' }, paths, components });
const bodyOf = (schema: Json): JsonObject => ({
  ...served,
  requestBody: { content: { 'application/json': { schema } } },
});

/** Nine levels of ten aliases each: a thousand million values in 700 bytes. */
function aliasBomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const items = Array.from({ length: 10 }, () => (level === 0 ? 'x' : `*a${level - 1}`));
    return `a${level}: &a${level} [${items.join(', ')}]`;
  });
  return `openapi: 3.1.0\npaths: {/x: {get: {operationId: op}}}\n${levels.join('\n')}\n`;
}

/** Twelve levels of four references each: 16 million schemas in 2.5 KB. */
function referenceFanOut(): string {
  const schemas: JsonObject = { L12: { type: 'string' } };
  for (let level = 0; level < 12; level += 1) {
    const next = { $ref: `#/components/schemas/L${level + 1}` };
    schemas[`L${level}`] = { type: 'object', properties: { a: next, b: next, c: next, d: next } };
  }
  return withPaths({ '/x': { post: bodyOf({ $ref: '#/components/schemas/L0' }) } }, { schemas });
}

function nested(levels: number): string {
  const schema = `${'{"allOf":['.repeat(levels)}{"type":"string"}${']}'.repeat(levels)}`;
  return withPaths({ '/x': { post: bodyOf('SCHEMA') } }).replace('"SCHEMA"', schema);
}

const patterns = [
  '^(a+)+$',
  '^(?:a|a)*$',
  '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}$',
  '(x+x+)+y',
];

function backtracking(): string {
  const properties = patterns.map((pattern, at) => [`p${at}`, { type: 'string', pattern }]);
  const names = { type: 'object', patternProperties: { '^(a+)+$': { type: 'integer' } } };
  return withPaths({
    '/x': { post: bodyOf({ type: 'object', properties: { ...Object.fromEntries(properties), names } }) },
  });
}

/** What a hostile document must come to: left out with this code, or offered, degraded by that one. */
const documents: readonly (readonly [
  what: string,
  text: () => string,
  state: string,
  code: string | null,
])[] = [
  ['the alias bomb', aliasBomb, 'error', 'document-limit'],
  ['the fan-out of references', referenceFanOut, 'warning', 'schema-cut'],
  ['5,000 levels', () => nested(5000), 'error', 'document-limit'],
  ['patterns that backtrack', backtracking, 'warning', null],
];

/** The model calls what the question says: `NAME ARGUMENTS`. */
const script: Script = (request) => {
  const messages = request.json['messages'] as { role: string; content: string }[];
  const last = messages.at(-1);
  if (last?.role !== 'user') return says({ text: 'Done.' });
  const [, name = '', text = ''] = /^(\S+) (.*)$/s.exec(last.content) ?? [];
  return says({ calls: [{ id: 'call_1', name, arguments: text }] });
};

/** Asks for one plugin call and gives its result. */
async function callOf(gateway: TestGateway, question: string): Promise<unknown> {
  const answer = await ask(gateway, 'json', { messages: [{ role: 'user', content: question }] });
  assert.equal(textOf(answer), 'Done.');
  const chat = gateway.upstream.chats.findLast(({ body }) =>
    body.includes(JSON.stringify(question).slice(1, 60)),
  );
  return toolResults(chat?.json ?? {})[0];
}

/** Chats with the harmless plugin all the time; `stop` gives how many there were and how long the slowest took. */
function keepChatting(gateway: TestGateway): { stop: () => Promise<{ chats: number; slowest: number }> } {
  const over = new AbortController();
  let chats = 0;
  let slowest = 0;
  const chat = async (mode: 'json' | 'stream'): Promise<void> => {
    while (!over.signal.aborted) {
      const started = performance.now();
      const messages = [{ role: 'user' as const, content: 'weather__getWeather {"city":"Oslo"}' }];
      assert.equal(textOf(await ask(gateway, mode, { messages })), 'Done.');
      slowest = Math.max(slowest, performance.now() - started);
      chats += 1;
    }
  };
  const all = Promise.all([chat('json'), chat('stream'), chat('json')]);
  return {
    async stop() {
      over.abort();
      await all;
      return { chats, slowest };
    },
  };
}

/** What must hold while something hostile is going on; the limits are wide, as tests run on busy machines. */
async function whileServing(
  t: TestContext,
  gateway: TestGateway,
  seconds: number,
  work: () => Promise<void>,
): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  const chatting = keepChatting(gateway);
  const [memory, started] = [process.memoryUsage().rss, performance.now()];
  delay.enable();
  try {
    await work();
  } finally {
    delay.disable();
    const took = (performance.now() - started) / 1000;
    const grown = (process.memoryUsage().rss - memory) / 2 ** 20;
    const { chats, slowest } = await chatting.stop();
    const stall = delay.max / 1e6;
    t.diagnostic(
      `${took.toFixed(2)} s, ${chats} chats, slowest ${slowest.toFixed()} ms, longest stall ${stall.toFixed()} ms, ${grown.toFixed()} MiB`,
    );
    assert.ok(took < seconds, `took ${took} s`);
    assert.ok(slowest < 3000, `a chat took ${slowest} ms`);
    assert.ok(stall < 1500, `the event loop stood still for ${stall} ms`);
    assert.ok(grown < 400, `memory grew by ${grown} MiB`);
  }
}

/** A gateway with the weather plugin and room for a hostile one. */
async function startWithRoom(
  t: TestContext,
  routes: Readonly<Record<string, PluginHandler>>,
): Promise<{
  gateway: TestGateway;
  install: (url: string) => Promise<Plugin>;
  folder: string;
  origin: string;
}> {
  const plugin = await startLoopbackPlugin(t, (request, response) =>
    (routes[request.path] ?? answerJson({ got: request.body.length }))(request, response),
  );
  const folder = await writePlugins(t, [weatherPlugin(plugin.origin)]);
  const gateway = await startGateway(t, { folder, script, config: { egress: { allow: [plugin.host] } } });
  const install = async (url: string): Promise<Plugin> => {
    await writeFile(join(folder, 'hostile.json'), manifestText('hostile', url));
    await gateway.app.registry.reload();
    const { plugins } = (await (await gateway.send('/plugins')).json()) as { plugins: Plugin[] };
    return plugins.find(({ name }) => name === 'hostile') ?? assert.fail('it is not listed');
  };
  return { gateway, install, folder, origin: plugin.origin };
}

function manifestText(name: string, url: string): string {
  const manifest = { api: { type: 'openapi', url } };
  return JSON.stringify(manifestOf({ name, origin: 'https://hostile.example', paths: {}, manifest }));
}

interface Plugin {
  readonly name: string;
  readonly state: string;
  readonly diagnostics: readonly { readonly code: string }[];
}

for (const [what, text, state, code] of documents) {
  for (const way of ['fetched', 'local']) {
    test(`${what}, ${way}: ${code ?? 'harmless'}, and the chats go on`, async (t) => {
      const document = text();
      const { gateway, install, folder, origin } = await startWithRoom(t, {
        '/document': answerText(document),
      });
      await writeFile(join(folder, 'openapi/hostile.json'), document);
      await whileServing(t, gateway, 10, async () => {
        const plugin = await install(way === 'fetched' ? `${origin}/document` : 'hostile.json');
        assert.equal(plugin.state, state, JSON.stringify(plugin.diagnostics));
        if (code)
          assert.ok(
            plugin.diagnostics.some((finding) => finding.code === code),
            JSON.stringify(plugin.diagnostics),
          );
      });
    });
  }
}

test('arguments that make patterns backtrack are sent at once, and the chats go on (case 55)', async (t) => {
  const { gateway, install, origin } = await startWithRoom(t, { '/document': answerText(backtracking()) });
  await install(`${origin}/document`);
  const value = `${'a'.repeat(5000)}!`;
  const args = JSON.stringify({
    ...Object.fromEntries(patterns.map((_, at) => [`p${at}`, value])),
    names: { [value]: 1 },
  });
  await whileServing(t, gateway, 5, async () => {
    assert.deepEqual(await callOf(gateway, `hostile__op ${args}`), { got: Buffer.byteLength(args) });
  });
});

test('a document of 200 MB is refused, and the chats go on', async (t) => {
  const { gateway, install, origin } = await startWithRoom(t, { '/document': answerHuge(200_000_000) });
  await whileServing(t, gateway, 10, async () => {
    const plugin = await install(`${origin}/document`);
    assert.equal(plugin.state, 'error');
    assert.match(plugin.diagnostics[0]?.code ?? '', /^document-(?:limit|unreachable)$/);
  });
});

test('an answer of 200 MB is a result that says so, and the chats go on', async (t) => {
  const { gateway, install, origin } = await startWithRoom(t, {
    '/document': answerText(withPaths({ '/huge': { get: served } })),
    '/huge': answerHuge(200_000_000),
  });
  await install(`${origin}/document`);
  await whileServing(t, gateway, 10, async () => {
    const result = (await callOf(gateway, 'hostile__op {}')) as { error: JsonObject };
    assert.deepEqual(result.error, { code: 'plugin_answer_too_large', retryable: false });
  });
});

test('all of them at once, three times over: every chat is answered', async (t) => {
  const routes = documents.map(([, text], at) => [`/document/${at}`, answerText(text())] as const);
  const { gateway, folder, origin } = await startWithRoom(t, {
    ...Object.fromEntries(routes),
    [`/document/${documents.length}`]: answerHuge(200_000_000),
  });
  const names = [...documents.keys(), documents.length].map((at) => `hostile${at}`);
  for (const [at, name] of names.entries()) {
    await writeFile(join(folder, `${name}.json`), manifestText(name, `${origin}/document/${at}`));
  }
  await whileServing(t, gateway, 20, async () => {
    for (let times = 0; times < 3; times += 1) await gateway.app.registry.reload();
  });
  const { byName } = gateway.app.registry.current();
  const states = names.map((name) => byName.get(name)?.state);
  assert.deepEqual(states, [...documents.map(([, , state]) => state), 'error']);
});
