// Candidates: one source each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInstalled } from '../../src/plugin/candidate.ts';

test('a fault of ours while one source is read is about that source alone', async () => {
  const candidate = await readInstalled(
    { kind: 'url', url: 'https://x.example/openapi.yaml' },
    {
      read: async () => ({ bytes: Buffer.from('openapi: 3.0.0'), url: null, etag: null }),
      convert: () => Promise.reject(new Error('oops')),
      settings: () => undefined,
      allowed: () => [],
    },
  );
  assert.equal(candidate.manifest, null);
  assert.deepEqual(
    candidate.diagnostics.map(({ code, severity }) => [code, severity]),
    [['load-failed', 'error']],
  );
});
