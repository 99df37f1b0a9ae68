// Files that change are seen, however they are written.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { watchFiles } from '../../src/plugin/watch.ts';

async function start(t: TestContext, lookEvery = 60_000) {
  const root = await mkdtemp(join(tmpdir(), 'gateway-watch-'));
  const folder = join(root, 'well-known');
  let changes = 0;
  let heard = Promise.withResolvers<void>();
  const begin = async () => {
    const { close } = watchFiles({
      folders: [folder, join(folder, 'openapi')],
      files: [join(root, 'single.yaml')],
      quiet: 10,
      lookEvery,
      onChange() {
        changes += 1;
        heard.resolve();
      },
    });
    t.after(async () => {
      close();
      await rm(root, { recursive: true });
    });
    // The first look, from which on changes count.
    await wait(100);
  };
  const change = async (): Promise<void> => {
    await Promise.race([heard.promise, wait(5_000).then(() => assert.fail('no change was seen'))]);
    heard = Promise.withResolvers();
  };
  return { root, folder, begin, change, changes: () => changes };
}

async function fill(folder: string): Promise<void> {
  await mkdir(join(folder, 'openapi'), { recursive: true });
  await writeFile(join(folder, 'a.json'), '{}');
  await writeFile(join(folder, 'openapi', 'a.yaml'), 'a: 1');
}

test('a file that is new, written, renamed over or removed', async (t) => {
  const { folder, begin, change } = await start(t);
  await fill(folder);
  await begin();
  await writeFile(join(folder, 'b.json'), '{}');
  await change();
  await writeFile(join(folder, 'openapi', 'a.yaml'), 'a: 2');
  await change();
  // As editors do it: write another file, rename it over the old one.
  await writeFile(join(folder, '.a.json.swp'), '{ }');
  await rename(join(folder, '.a.json.swp'), join(folder, 'a.json'));
  await change();
  await rm(join(folder, 'b.json'));
  await change();
});

test('other files are no change', async (t) => {
  const { folder, begin, change, changes } = await start(t);
  await fill(folder);
  await begin();
  await writeFile(join(folder, '.a.json.swp'), 'x');
  await writeFile(join(folder, 'notes.txt'), 'x');
  await wait(100);
  assert.equal(changes(), 0);
  await writeFile(join(folder, 'a.json'), '{ }');
  await change();
});

test('many writes at once are one change', async (t) => {
  const { folder, begin, change, changes } = await start(t);
  await fill(folder);
  await begin();
  await Promise.all(Array.from({ length: 50 }, (_, at) => writeFile(join(folder, `${at}.json`), '{}')));
  await change();
  assert.ok(changes() <= 3, String(changes()));
});

test('folders that are absent, come, go, and come again', async (t) => {
  const { folder, begin, change } = await start(t, 20);
  await begin();
  await fill(folder);
  await change();
  await rm(folder, { recursive: true });
  await change();
  await fill(folder);
  await change();
  await writeFile(join(folder, 'a.json'), '{"a":1}');
  await change();
});

test('a folder whose files are links that are switched all at once', async (t) => {
  const { root, folder, begin, change } = await start(t);
  await fill(join(root, 'one'));
  await fill(join(root, 'two'));
  await mkdir(folder);
  await symlink(join(root, 'one'), join(folder, '..data'));
  await symlink('..data/a.json', join(folder, 'a.json'));
  await begin();
  await symlink(join(root, 'two'), join(folder, '..new'));
  await rename(join(folder, '..new'), join(folder, '..data'));
  await change();
});

test('a single file', async (t) => {
  const { root, begin, change } = await start(t);
  await begin();
  await writeFile(join(root, 'single.yaml'), 'a: 1');
  await change();
});
