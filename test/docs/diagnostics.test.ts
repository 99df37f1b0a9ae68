// docs/diagnostics.md lists the codes of the findings that the source makes, all of them and no others.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}docs/diagnostics.md`, 'utf8');
const source = globSync('src/{plugin,openapi}/*.ts', { cwd: root })
  .map((file) => readFileSync(root + file, 'utf8'))
  .join('\n');

test('the documented codes are those of the source, both ways', () => {
  const written = source.matchAll(/(?:\b(?:error|warning|info|warn)|\breport\[\w+\])\(\s*'([a-z0-9-]+)',/g);
  const chosen = source.matchAll(/\b(?:error|warning|info)\(\s*\w+ \? '([a-z0-9-]+)' : '([a-z0-9-]+)',/g);
  // Codes made of what was read and why that failed.
  const reasons = /reason: ((?:'[a-z-]+'(?: \| )?)+)/.exec(source)?.[1]?.match(/[a-z-]{3,}/g) ?? [];
  const made = reasons.flatMap((reason) =>
    reason === 'not-a-document' ? [reason, 'not-a-manifest'] : [`manifest-${reason}`, `document-${reason}`],
  );
  const limited = source.matchAll(/required\('([a-z_]+)', \d+/g);
  made.push(...[...limited].map(([, field = '']) => `${field.replaceAll('_', '-')}-long`));
  made.push(...[...chosen].flatMap(([, one = '', other = '']) => [one, other]));
  const documented = [...text.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code]) => code);
  assert.ok(reasons.length >= 4);
  assert.deepEqual(new Set(documented), new Set([...[...written].map(([, code]) => code), ...made]));
  assert.equal(new Set(documented).size, documented.length);
});
