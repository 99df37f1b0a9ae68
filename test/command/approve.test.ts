// `plugin-gateway approve` beside a running gateway.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { main } from '../../src/main.ts';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/command/config-file.ts';
import { document, serve } from '../plugin/installed.ts';
import { recordTerminal } from './recording-terminal.ts';

async function writeConfig(t: TestContext, host: string, store = 'g.db'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'approve-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gateway.yaml');
  const url = store === 'memory:' ? store : `sqlite:${join(folder, store)}`;
  const lines = [
    'listen: { port: 0 }',
    `store: { url: "${url}" }`,
    'upstreams: []',
    `plugins: { folder: "${join(folder, 'none')}", install: ["http://${host}/openapi.json"] }`,
    `egress: { allow: ["${host}"] }`,
  ];
  await writeFile(file, lines.join('\n'));
  return file;
}

async function call(...args: string[]) {
  const terminal = recordTerminal();
  return { code: await main(['approve', ...args], terminal), out: terminal.out(), err: terminal.err() };
}

interface Shown {
  functions: { name: string }[];
  waiting: { hash: string; approved: string; since: string; reasons: { code: string }[] } | null;
}

test('D10: a change waits, GET /plugins says why, approve adopts it in the running gateway within 2 s', async (t) => {
  let paths: object = { '/x': { get: { operationId: 'list' } } };
  const host = await serve(t, (_request, response) => {
    response.end(JSON.stringify({ ...document('shop', `http://${host}`), paths }));
  });
  const file = await writeConfig(t, host);
  assert.deepEqual(await call('--config', file), { code: 0, out: 'Nothing waits for approval.\n', err: '' });
  const { config } = await readConfig(file, { environment: {} });
  const app = await createApp(config);
  t.after(() => app.close());
  const url = await app.listen();
  const show = async (): Promise<Shown> => {
    const { plugins } = (await (await fetch(`${url}/plugins`)).json()) as { plugins: Shown[] };
    assert.ok(plugins[0]);
    return plugins[0];
  };
  assert.equal((await show()).waiting, null);

  paths = { '/x': { get: { operationId: 'list' }, delete: { operationId: 'wipe' } } };
  await app.registry.reload();
  const { waiting, functions } = await show();
  assert.deepEqual(
    waiting?.reasons.map(({ code }) => code),
    ['consequential'],
  );
  assert.equal(functions.length, 1);

  const listed = await call('--config', file);
  assert.equal(listed.code, 0);
  assert.match(listed.out, /^API_of_shop {2}http:/);
  assert.match(listed.out, new RegExp(`version ${waiting?.hash}, since `));
  assert.match(listed.out, /consequential: New operations that may change something: DELETE \/x\./);

  const other = await call('API_of_shop', 'ffffffffffff', '--config', file);
  assert.equal(other.code, 1);
  assert.match(other.err, new RegExp(`Another version of API_of_shop waits by now: ${waiting?.hash}`));

  const approved = await call('API_of_shop', waiting?.hash.slice(0, 8) ?? '', '--config', file);
  assert.equal(approved.code, 0);
  assert.match(approved.out, /Approved\./);
  const end = performance.now() + 2_000;
  while ((await show()).functions.length < 2) {
    assert.ok(performance.now() < end, 'not adopted within 2 s');
    await wait(20);
  }
  assert.equal((await show()).waiting, null);

  const again = await call('API_of_shop', '--config', file);
  assert.equal(again.code, 1);
  assert.match(again.err, /Nothing of API_of_shop waits for approval/);
});

test('with a store in memory there is nothing to approve through', async (t) => {
  const { code, err } = await call('todo', '--config', await writeConfig(t, 'x.example', 'memory:'));
  assert.equal(code, 64);
  assert.match(err, /store\.url is "memory:".*needs a sqlite or postgres store/);
});
