// The kept versions of remote plugins: one approved and one waiting each, seen by every process.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createPluginVersions } from '../../src/store/plugin-versions.ts';
import { silentLog } from '../../src/telemetry/log.ts';

const version = { source: 'https://x.example', name: 'x', hash: 'a', texts: '[]', reasons: '[]' };

function open(t: TestContext, url = 'memory:', now = () => 1) {
  const versions = createPluginVersions({ url, now });
  t.after(() => versions.close());
  return versions;
}

test('an approved version and one that waits stand side by side', (t) => {
  const versions = open(t);
  assert.equal(versions.find(version.source, 'approved'), null);
  versions.keep('approved', version);
  versions.keep('waiting', { ...version, hash: 'b' });
  assert.deepEqual(versions.find(version.source, 'approved'), { ...version, since: 1 });
  assert.deepEqual(versions.waiting(), [{ ...version, hash: 'b', since: 1 }]);
  assert.deepEqual([...versions.approvedHashes()], [[version.source, 'a']]);
});

test('a version that is kept again keeps its time, another one does not', (t) => {
  let time = 1;
  const versions = open(t, 'memory:', () => time);
  versions.keep('waiting', version);
  time = 2;
  versions.keep('waiting', { ...version, name: 'y' });
  assert.equal(versions.waiting()[0]?.since, 1);
  assert.equal(versions.waiting()[0]?.name, 'y');
  versions.keep('waiting', { ...version, hash: 'b' });
  assert.equal(versions.waiting()[0]?.since, 2);
});

test('only the version that is named is approved, and once', (t) => {
  const versions = open(t);
  versions.keep('approved', version);
  versions.keep('waiting', { ...version, hash: 'b' });
  assert.equal(versions.approve(version.source, 'c'), false);
  assert.equal(versions.approve(version.source, 'b'), true);
  assert.equal(versions.find(version.source, 'approved')?.hash, 'b');
  assert.equal(versions.approve(version.source, 'b'), false);
  assert.equal(versions.find(version.source, 'approved')?.hash, 'b');
});

test('adopting or dismissing ends the waiting', (t) => {
  const versions = open(t);
  versions.keep('waiting', version);
  versions.dismiss(version.source);
  assert.deepEqual(versions.waiting(), []);
  versions.keep('waiting', version);
  versions.keep('approved', { ...version, hash: 'c' });
  assert.deepEqual(versions.waiting(), []);
});

test('R5: what one process approves, another one sees', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-versions-'));
  t.after(() => rm(folder, { recursive: true }));
  const url = `sqlite:${join(folder, 'deep/g.db')}`;
  const [gateway, command] = [open(t, url), open(t, url)];
  gateway.keep('waiting', version);
  assert.equal(command.approve(version.source, 'a'), true);
  assert.deepEqual([...gateway.approvedHashes()], [[version.source, 'a']]);
});

test('F-G11: a file that is no database stops the start, naming it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-versions-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'g.db');
  await writeFile(file, 'this is no database, and long enough to be read as one'.repeat(100));
  assert.throws(
    () => createPluginVersions({ url: `sqlite:${file}`, log: silentLog }),
    new RegExp(`The store ${file}`),
  );
});
