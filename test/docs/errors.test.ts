// docs/errors.md lists the errors of src/errors.ts, all of them and no others.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorTable } from '../../src/errors.ts';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

test('the documented errors are those of the table, both ways', () => {
  const rows = [...text.matchAll(/^\| `([a-z_]+)` \| (\d+) \| `([a-z_]+)` \| (.+) \|$/gm)];
  const documented = rows.map(([, code, status, type, message]) => [code, [Number(status), type, message]]);
  assert.deepEqual(Object.fromEntries(documented), errorTable);
  assert.equal(documented.length, Object.keys(errorTable).length);
});
