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
