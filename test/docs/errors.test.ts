// docs/errors.md lists the errors of src/errors.ts, all of them and no others.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errorTable } from '../../src/errors.ts';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

test('the documented errors are those of the table, both ways', () => {
  const rows = [...text.matchAll(/^\| `([a-z_]+)` \| (\d+) \| `([a-z_]+)` \| (.+) \|$/gm)];
  const documented = rows.map(([, code, status, type, message]) => [code, [Number(status), type, message]]);
  assert.deepEqual(Object.fromEntries(documented), errorTable);
  assert.equal(documented.length, Object.keys(errorTable).length);
});

test('the documented codes of tool results are those of the source, both ways', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const source = globSync('src/{plugin,completion,http}/*.ts', { cwd: root })
    .map((file) => readFileSync(root + file, 'utf8'))
    .join('\n');
  const made = source.matchAll(/(?:errorResult\(\s*|failure\(\s*|: \[|error: \{ code: )'([a-z]+_[a-z_]+)',/g);
  const rows = text.slice(text.indexOf('## What the model reads')).matchAll(/^\| `([a-z_]+)` \| /gm);
  assert.deepEqual(new Set([...rows].map(([, code]) => code)), new Set([...made].map(([, code]) => code)));
});
