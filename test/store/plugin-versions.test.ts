// The kept versions of remote plugins: one approved and one waiting each, seen by every process.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { kinds, openKept, sqliteFile } from './kinds.ts';

const version = { source: 'https://x.example', name: 'x', hash: 'a', texts: '[]', reasons: '[]' };

for (const { kind, needs, create } of kinds) {
  describe(kind, needs, () => {
    const open = async (t: TestContext, now = () => 1) =>
      (await openKept(t, { ...(await create(t)), now })).versions;

    test('an approved version and one that waits stand side by side', async (t) => {
      const versions = await open(t);
      assert.equal(await versions.find(version.source, 'approved'), null);
      await versions.keep('approved', version);
      await versions.keep('waiting', { ...version, hash: 'b' });
      assert.deepEqual({ ...(await versions.find(version.source, 'approved')) }, { ...version, since: 1 });
      assert.deepEqual(
        (await versions.waiting()).map((row) => ({ ...row })),
        [{ ...version, hash: 'b', since: 1 }],
      );
      assert.deepEqual([...(await versions.approvedHashes())], [[version.source, 'a']]);
    });

    test('a version that is kept again keeps its time, another one does not', async (t) => {
      let time = 1;
      const versions = await open(t, () => time);
      await versions.keep('waiting', version);
      time = 2;
      await versions.keep('waiting', { ...version, name: 'y' });
      assert.equal((await versions.waiting())[0]?.since, 1);
      assert.equal((await versions.waiting())[0]?.name, 'y');
      await versions.keep('waiting', { ...version, hash: 'b' });
      assert.equal((await versions.waiting())[0]?.since, 2);
    });

    test('only the version that is named is approved, and once', async (t) => {
      const versions = await open(t);
      await versions.keep('approved', version);
      await versions.keep('waiting', { ...version, hash: 'b' });
      assert.equal(await versions.approve(version.source, 'c'), false);
      assert.equal(await versions.approve(version.source, 'b'), true);
      assert.equal((await versions.find(version.source, 'approved'))?.hash, 'b');
      assert.equal(await versions.approve(version.source, 'b'), false);
      assert.equal((await versions.find(version.source, 'approved'))?.hash, 'b');
    });

    test('adopting or dismissing ends the waiting', async (t) => {
      const versions = await open(t);
      await versions.keep('waiting', version);
      await versions.dismiss(version.source);
      assert.deepEqual(await versions.waiting(), []);
      await versions.keep('waiting', version);
      await versions.keep('approved', { ...version, hash: 'c' });
      assert.deepEqual(await versions.waiting(), []);
    });

    test('a name may be any text that a manifest has', async (t) => {
      const versions = await open(t);
      await versions.keep('waiting', { ...version, name: 'a\u0000b' });
      assert.equal((await versions.waiting()).length, 1);
    });

    if (kind === 'memory') return;
    test('R5: what one process approves, another one sees', async (t) => {
      const options = await create(t);
      const [gateway, command] = [await openKept(t, options), await openKept(t, options)];
      await gateway.versions.keep('waiting', version);
      assert.equal(await command.versions.approve(version.source, 'a'), true);
      assert.deepEqual([...(await gateway.versions.approvedHashes())], [[version.source, 'a']]);
    });
  });
}

test('F-G11: a file that is no database stops the start, naming it', async (t) => {
  const file = await sqliteFile(t);
  mkdirSync(dirname(file));
  await writeFile(file, 'this is no database, and long enough to be read as one'.repeat(100));
  await assert.rejects(openStore({ url: `sqlite:${file}` }), new RegExp(`The store ${file}`));
});
