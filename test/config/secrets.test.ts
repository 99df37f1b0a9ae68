// Which values of a configuration are secrets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSecrets } from '../../src/config/secrets.ts';
import { loadConfig } from '../../src/config/load.ts';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function readStrict(text: string): { value: unknown } {
  return { value: JSON.parse(text) as unknown };
}

test('upstream keys, credentials, secret headers and consumer keys are secrets (S1)', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-secrets-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gateway.yaml');
  const value = {
    upstreams: [{ name: 'a', url: 'http://x', key: 'upstream-key' }],
    plugins: {
      settings: {
        one: { credential: 'one-credential' },
        two: {
          credential: { scheme: 'two-credential' },
          headers: { Authorization: 'header-secret', accept: 'x' },
        },
      },
    },
    access: { consumers: [{ name: 'alice', key: 'consumer-key-1234' }] },
  };
  await writeFile(file, JSON.stringify(value));
  const config = await loadConfig({ file, environment: {}, readStrict, lineOf: () => null });
  assert.deepEqual(configSecrets(config).toSorted(), [
    'consumer-key-1234',
    'header-secret',
    'one-credential',
    'two-credential',
    'upstream-key',
  ]);
});

test('the password in the URL of the store, as written and as meant, and its key are secrets (S1)', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-secrets-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gateway.yaml');
  const key = 'k'.repeat(32);
  for (const [url, passwords] of [
    ['postgres://gateway:pa%24%24word@db.internal:5432/gateway', ['pa$$word', 'pa%24%24word']],
    ['postgresql://db.internal/gateway?user=gateway&password=in-the-query', ['in-the-query']],
    ['postgres://gateway@db.internal/gateway', []],
  ] as const) {
    await writeFile(file, JSON.stringify({ store: { url, key } }));
    const config = await loadConfig({ file, environment: {}, readStrict, lineOf: () => null });
    assert.deepEqual(configSecrets(config).toSorted(), [key, ...passwords].toSorted());
  }
});
