// Each documented finding has a fix, or a message that says what to do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fixedCodes, fixOf } from '../../src/command/fixes.ts';

test('the codes of docs/diagnostics.md have an entry, and no others', () => {
  const text = readFileSync(new URL('../../docs/diagnostics.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual(new Set(fixedCodes), new Set(documented));
});

test('a fix is one sentence; an unknown code has none', () => {
  for (const code of fixedCodes) assert.match(fixOf(code) ?? 'None.', /^[A-Z].{3,100}\.$/, code);
  for (const code of ['unheard-of', 'toString', '__proto__']) assert.equal(fixOf(code), null);
});
