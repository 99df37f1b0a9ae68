// The published schema.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { schemaText } from '../../src/config/write-schema.ts';

test('config/gateway.schema.json is what the source says', async () => {
  assert.equal(
    await readFile(new URL('../../config/gateway.schema.json', import.meta.url), 'utf8'),
    schemaText(),
  );
});
