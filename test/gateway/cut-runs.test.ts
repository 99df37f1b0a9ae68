// A run that was cut is kept for two minutes, with a thousand others: what its client sent must not stay with it.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createApp } from '../../src/app.ts';
import { testConfig } from './gateway.ts';
import { createKeptLog } from './kept-log.ts';
import { startLoopbackServer } from './loopback-server.ts';
import { weatherPlugin, writePlugins } from './plugin-folder.ts';

const runs = 20;
const characters = 1_000_000;

for (const stream of [true, false]) {
  test(`T6: a cut ${stream ? 'stream' : 'JSON answer'} does not hold its request`, async (t) => {
    // Keeps nothing of what it is asked, unlike the scripted one, and never answers.
    let onAsked = Promise.withResolvers<void>();
    const upstream = await startLoopbackServer(t, (asked) => {
      asked.resume().on('end', () => onAsked.resolve());
    });
    const { log, logged } = createKeptLog();
    const app = await createApp(
      testConfig({
        upstreams: [{ name: 'silent', url: `${upstream.origin}/v1`, models: ['*'] }],
        plugins: {
          folder: await writePlugins(t, [weatherPlugin(upstream.origin)]),
          install: [],
          settings: {},
        },
        egress: { allow: [upstream.host] },
      }),
      { log },
    );
    const origin = await app.listen();
    t.after(() => app.close());
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;

    async function cut(number: number): Promise<void> {
      const content = String(number % 10).repeat(characters);
      const body = JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content }] });
      const headers = { 'content-type': 'application/json' };
      const sent = request(`${origin}/v1/chat/completions`, { method: 'POST', headers });
      sent.on('error', () => undefined);
      onAsked = Promise.withResolvers();
      sent.end(body);
      await onAsked.promise;
      sent.destroy();
      await logged('run', number + 1);
    }

    await cut(0);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let number = 1; number <= runs; number += 1) await cut(number);
    collect();
    const held = process.memoryUsage().heapUsed - before;
    assert.ok(held < (runs * characters) / 2, `${held} bytes are held of ${runs * characters}`);
  });
}
