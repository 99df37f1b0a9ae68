// A registry that keeps itself current: files, revalidation, retries, approvals; and runs beside it.
import assert from 'node:assert/strict';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { fillDefaults } from '../../src/config/defaults.ts';
import { configSchema, type Config } from '../../src/config/schema.ts';
import { keepCurrent, type KeepCurrentTimes } from '../../src/plugin/keep-current.ts';
import type { Snapshot } from '../../src/plugin/registry.ts';
import { createPluginVersions, versionsInMemory } from '../../src/store/plugin-versions.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { document, manifest, open, serve, write, type Setup } from './installed.ts';

const todo = { 'todo.json': manifest('todo'), 'openapi/todo.json': document('list') };

async function keep(t: TestContext, setup: Setup, times: KeepCurrentTimes = {}) {
  const versions = createPluginVersions({ rows: versionsInMemory() });
  const seen = setup.versions ?? versions;
  const { registry, folder } = await open(t, { ...setup, versions: seen });
  const { plugins } = fillDefaults(configSchema, {
    plugins: { folder, install: setup.install ?? [] },
  }) as Config;
  const current = keepCurrent({
    registry,
    plugins,
    versions: seen,
    log: silentLog,
    since: Date.now(),
    times,
  });
  t.after(() => current.close());
  const until = async (is: (snapshot: Snapshot) => boolean): Promise<void> => {
    const end = performance.now() + 5_000;
    while (!is(registry.current())) {
      assert.ok(performance.now() < end, 'nothing has changed');
      await wait(5);
    }
  };
  return { registry, folder, versions, current, until };
}

test('plugins that are dropped in, edited and removed are seen; a broken edit keeps the last good version (D16)', async (t) => {
  const { folder, until } = await keep(t, { files: todo });
  await wait(100);
  await write(folder, 'openapi/todo.json', document('changed'));
  await until(({ functions }) => functions.has('todo__changed') && !functions.has('todo__list'));
  await write(folder, 'new.json', manifest('new', { api: { url: 'todo.json' } }));
  await until(({ functions }) => functions.has('new__changed'));
  await write(folder, 'todo.json', '{ "name_for_model": ');
  await until(({ byName }) => byName.get('todo')?.diagnostics[0]?.code === 'stale');
  await unlink(join(folder, 'new.json'));
  await until(({ byName, functions }) => !byName.has('new') && functions.has('todo__changed'));
});

test('what changed while the plugins were loaded is loaded again', async (t) => {
  const { registry, folder, current, versions, until } = await keep(t, { files: todo });
  current.close();
  const since = Date.now() - 5_000;
  await write(folder, 'openapi/todo.json', document('meanwhile'));
  const { plugins } = fillDefaults(configSchema, { plugins: { folder } }) as Config;
  const again = keepCurrent({ registry, plugins, versions, log: silentLog, since });
  t.after(() => again.close());
  await until(({ functions }) => functions.has('todo__meanwhile'));
});

test('F-G05: while files change all the time, every snapshot is whole', async (t) => {
  const { registry, folder } = await keep(t, { files: todo });
  let seen = 0;
  for (let round = 0; round < 20; round += 1) {
    await write(folder, 'openapi/todo.json', document(`round${round}`));
    void registry.reload('none');
    await wait(2);
    const { functions, byName } = registry.current();
    assert.equal(functions.size, 2);
    for (const fn of byName.get('todo')?.functions ?? []) assert.equal(functions.get(fn.name), fn);
    seen += 1;
  }
  assert.equal(seen, 20);
});

test('D15: what was fetched is asked for again by its validator, in the background', async (t) => {
  let version = 1;
  const asked: unknown[] = [];
  const host = await serve(t, (request, response) => {
    const etag = `"${version}"`;
    asked.push(request.headers['if-none-match']);
    const unchanged = request.headers['if-none-match'] === etag;
    response.writeHead(unchanged ? 304 : 200, { etag });
    const { openapi, info, servers, paths } = document(`v${version}`, `http://${host}`) as Record<
      string,
      never
    >;
    const get = paths?.['/x']?.['get'];
    response.end(
      unchanged ? undefined : JSON.stringify({ openapi, info, servers, paths: { '/x': { get } } }),
    );
  });
  const files = { 'todo.json': manifest('todo', { api: { url: `http://${host}/o.json` } }) };
  const { until } = await keep(t, { files, allow: [host] }, { revalidate: 20 });
  await until(() => asked.length >= 3);
  assert.deepEqual(asked.slice(0, 3), [undefined, '"1"', '"1"']);
  version = 2;
  await until(({ functions }) => functions.has('todo__v2'));
});

test('what could not be fetched is tried again soon', async (t) => {
  let up = false;
  const host = await serve(t, (_request, response) => {
    response.writeHead(up ? 200 : 503);
    response.end(up ? JSON.stringify(document('list', `http://${host}`)) : 'later');
  });
  const files = { 'todo.json': manifest('todo', { api: { url: `http://${host}/o.json` } }) };
  const { registry, until } = await keep(t, { files, allow: [host] }, { retry: 10 });
  assert.equal(registry.current().byName.get('todo')?.state, 'error');
  up = true;
  await until(({ byName }) => byName.get('todo')?.state === 'ok');
});

test('R5: an approval is seen while something waits', async (t) => {
  let id = 'list';
  const host = await serve(t, (_request, response) =>
    response.end(JSON.stringify(document(id, `http://${host}`))),
  );
  const install = [`http://${host}/openapi.json`];
  const { registry, versions, until } = await keep(t, { install, allow: [host] }, { approvals: 10 });
  id = 'other';
  await registry.reload();
  const [waiting] = await versions.waiting();
  assert.equal(waiting?.name, 'API_of_other');
  assert.equal(await versions.approve(waiting?.source ?? '', waiting?.hash ?? ''), true);
  await until(({ functions }) => functions.has('API_of_other__other'));
});

test('D10: what could not be known without the store is loaded as soon as it answers', async (t) => {
  const host = await serve(t, (_request, response) =>
    response.end(JSON.stringify(document('list', `http://${host}`))),
  );
  const versions = createPluginVersions({ rows: versionsInMemory() });
  let away = true;
  const ask =
    <Asked extends unknown[], T>(work: (...asked: Asked) => Promise<T>) =>
    async (...asked: Asked) => {
      if (away) throw new Error('away');
      return work(...asked);
    };
  const { until } = await keep(
    t,
    {
      install: [`http://${host}/openapi.json`],
      allow: [host],
      versions: { ...versions, find: ask(versions.find), approvedHashes: ask(versions.approvedHashes) },
    },
    { approvals: 10 },
  );
  await until(({ plugins }) => plugins[0]?.state === 'error');
  away = false;
  await until(({ functions }) => functions.has('API_of_list__list'));
});

test('after closing nothing is asked for and nothing is watched', async (t) => {
  let asked = 0;
  const host = await serve(t, (_request, response) => {
    asked += 1;
    response.end(JSON.stringify(document('list', `http://${host}`)));
  });
  const times = { revalidate: 5, retry: 5, approvals: 5, files: 5 };
  const { registry, folder, current, until } = await keep(
    t,
    { install: [`http://${host}/o.json`], allow: [host] },
    times,
  );
  await until(() => asked > 2);
  current.close();
  await registry.reload('none');
  const [before, snapshot] = [asked, registry.current()];
  await write(folder, 'todo.json', manifest('todo'));
  await wait(150);
  assert.equal(asked, before);
  assert.equal(registry.current(), snapshot);
});
