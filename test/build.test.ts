// A release as `npm run build` makes it: it works without the packages that it was made of.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { buildInto } from '../build.ts';
import { writePlugins } from './gateway/plugin-folder.ts';

let release = '';
const program = () => join(release, 'bin/plugin-gateway.js');

before(async () => {
  release = await mkdtemp(join(tmpdir(), 'release-'));
  await buildInto(join(release, 'dist'));
  for (const name of ['bin', 'package.json', 'well-known'])
    await cp(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(release, name), { recursive: true });
});
after(() => rm(release, { recursive: true, force: true }));

async function run(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [program(), ...args], {
    timeout: 30_000,
    cwd: release,
  });
  return stdout;
}

test('a release knows its version', async () => {
  const { version } = JSON.parse(await readFile(join(release, 'package.json'), 'utf8')) as {
    version: string;
  };
  assert.equal(await run('--version'), `${version}\n`);
});

test('the demo runs from a release: client, gateway, plugins', { timeout: 40_000 }, async () => {
  assert.match(await run('demo'), /^That was the whole route/m);
});

test('a release counts tokens', async (t) => {
  const paths = { '/list': { get: { operationId: 'list', responses: {} } } };
  const folder = await writePlugins(t, [{ name: 'lists', origin: 'https://lists.example.com', paths }]);
  const [plugin] = JSON.parse(await run('check', '--offline', '--json', folder)) as { tokens: number }[];
  assert.ok(plugin && plugin.tokens > 10);
});

test('a release finds the worker that converts what has to be repaired', { timeout: 30_000 }, async (t) => {
  const folder = await writePlugins(t, [
    {
      name: 'lists',
      origin: 'https://lists.example.com',
      paths: {},
      manifest: { api: { type: 'openapi', url: 'lists.yaml' } },
    },
  ]);
  const document = [
    'openapi: 3.0.0',
    'info: { title: Lists, version: "1" }',
    'servers: [{ url: https://lists.example.com }]',
    'paths:',
    '  /list:',
    '\t\tget: { operationId: list, responses: { 200: { description: OK } } }',
  ];
  await writeFile(join(folder, 'openapi/lists.yaml'), document.join('\n'));
  const config = { listen: { port: 0 }, upstreams: [], store: { url: 'memory:' }, plugins: { folder } };
  await writeFile(join(folder, 'gateway.txt'), JSON.stringify(config));
  const args = [program(), 'serve', '--config', join(folder, 'gateway.txt')];
  const child = execFile(process.execPath, args, { cwd: release });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for await (const piece of child.stdout ?? []) {
    said += String(piece);
    if (said.includes('Ctrl+C')) break;
  }
  assert.match(said, /^lists +\w+ +1 /m);
});

test('a release finds the worker that mends arguments', { timeout: 10_000 }, async () => {
  const worker = new Worker(join(release, 'dist/mend-worker.js'), { workerData: '{word: "milk"' });
  const [text] = (await once(worker, 'message')) as [string];
  assert.deepEqual(JSON.parse(text), { word: 'milk' });
});

test('a release carries the licences of the packages in it', async () => {
  const text = await readFile(join(release, 'dist/LICENSES.txt'), 'utf8');
  for (const name of ['fastify', 'undici', '@fastify/http-proxy', 'gpt-tokenizer', 'pg'])
    assert.match(text, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
  assert.match(text, /Permission is hereby granted/);
});
