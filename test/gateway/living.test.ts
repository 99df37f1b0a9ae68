// Plugins that change while chats are served.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, question, textOf } from './ask.ts';
import { says } from './dialects.ts';
import { startGateway, toolNames, toolResults, type GatewayOptions, type TestGateway } from './gateway.ts';
import { answerJson } from './loopback-plugin.ts';
import { startLoopbackPlugin, type PluginHandler } from './loopback-plugin.ts';
import { weatherPlugin, writePlugins } from './plugin-folder.ts';

/** A gateway on a folder that the test changes; the API lies at `api.origin`. */
async function start(
  t: TestContext,
  options: GatewayOptions,
  handler: PluginHandler = answerJson({ ok: true }),
) {
  const api = await startLoopbackPlugin(t, handler);
  const folder = await writePlugins(t, [weatherPlugin(api.origin)]);
  const gateway = await startGateway(t, {
    folder,
    config: {
      plugins: { folder, install: [], settings: {} },
      egress: { allow: [api.host] },
    },
    ...options,
  });
  // The folder is watched from here on.
  await wait(50);
  return { gateway, api, folder };
}

function documentWith(origin: string, operationId: string): string {
  const paths = { '/other': { get: { operationId } } };
  return JSON.stringify({ openapi: '3.1.0', info: { title: 't' }, servers: [{ url: origin }], paths });
}

async function until(gateway: TestGateway, is: (names: string[]) => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!is([...gateway.app.registry.current().functions.keys()])) {
    assert.ok(performance.now() < end, 'the plugins have not changed');
    await wait(5);
  }
}

test('D17, F-G05, F-G07: a run keeps its plugins; what was removed meanwhile is not called any more', async (t) => {
  const call = (name: string, id: string) => ({ id, name: `weather__${name}`, arguments: '{}' });
  const script = [
    says({ calls: [call('now', 'call_1')] }, 'openai'),
    says({ calls: [call('now', 'call_2')] }, 'openai'),
    says({ text: 'Late.' }, 'openai'),
    says({ text: 'Hello.' }, 'openai'),
  ];
  let changed = false;
  const started: Awaited<ReturnType<typeof start>> = await start(
    t,
    { script },
    async (_request, response) => {
      if (!changed) {
        changed = true;
        const { folder, api, gateway } = started;
        await writeFile(join(folder, 'openapi/weather.json'), documentWith(api.origin, 'tomorrow'));
        await until(
          gateway,
          (names) => names.includes('weather__tomorrow') && !names.includes('weather__now'),
        );
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"time":"12:00"}');
    },
  );
  const { gateway } = started;
  assert.equal(textOf(await ask(gateway, 'json')), 'Late.');
  const chats = gateway.upstream.chats.map(({ json }) => json);
  assert.deepEqual(
    chats.slice(0, 3).map((chat) => toolNames(chat).includes('weather__now')),
    [true, true, true],
  );
  assert.deepEqual(toolResults(chats[2] as JsonObject), [
    { time: '12:00' },
    {
      error: {
        code: 'not_available',
        retryable: false,
        message: 'This function is not available any more. Answer without it.',
      },
    },
  ]);
  await ask(gateway, 'json');
  assert.deepEqual(toolNames(gateway.upstream.chats[3]?.json ?? {}), ['weather__tomorrow']);
});

/** Each schema doubles the next one: 46 KB that would be read for half a minute, written out. */
function fanOut(): string {
  const schemas: Record<string, unknown> = { a14: { type: 'string' } };
  for (let level = 0; level < 14; level += 1) {
    const $ref = `#/components/schemas/a${level + 1}`;
    schemas[`a${level}`] = { type: 'object', properties: { l: { $ref }, r: { $ref } } };
  }
  const schema = { $ref: '#/components/schemas/a0' };
  const post = { requestBody: { content: { 'application/json': { schema } } } };
  const paths = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`/${at}`, { post }]));
  return JSON.stringify({ openapi: '3.0.0', info: { title: 'fan' }, paths, components: { schemas } });
}

test('D1, F-P44: while a hostile document is read, chats are served', { timeout: 60_000 }, async (t) => {
  const { gateway, api, folder } = await start(
    t,
    { script: () => says({ text: 'Hello.' }, 'openai') },
    (_request, response) => void response.end(fanOut()),
  );
  const manifest = {
    schema_version: 'v1',
    name_for_model: 'hostile',
    name_for_human: 'hostile',
    description_for_model: 'x',
    description_for_human: 'x',
    auth: { type: 'none' },
    api: { type: 'openapi', url: `${api.origin}/openapi.json` },
  };
  await writeFile(join(folder, 'hostile.json'), JSON.stringify(manifest));
  const waits: number[] = [];
  const { registry } = gateway.app;
  while (!registry.current().byName.has('hostile')) {
    const began = performance.now();
    const answer = await gateway.client.chat.completions.create({ model: 'test-model', messages: question });
    assert.equal(answer.choices[0]?.message.content, 'Hello.');
    waits.push(performance.now() - began);
    await wait(20);
  }
  const codes =
    registry
      .current()
      .byName.get('hostile')
      ?.diagnostics.map(({ code }) => code) ?? [];
  assert.ok(codes.includes('schema-cut') || codes.includes('document-limit'), String(codes));
  assert.ok(waits.length > 0, 'no chat was held while the document was read');
  t.diagnostic(`${waits.length} chats meanwhile, the slowest took ${Math.round(Math.max(...waits))} ms`);
});
