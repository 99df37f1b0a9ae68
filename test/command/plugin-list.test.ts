// How findings and plugins are shown to people.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawDiagnostic, gravest } from '../../src/command/plugin-list.ts';
import type { Diagnostic } from '../../src/openapi/diagnostic.ts';
import { recordTerminal } from './recording-terminal.ts';

const finding: Diagnostic = {
  code: 'ref-broken',
  severity: 'warning',
  source: 'openapi/todo.yaml',
  pointer: '/paths/~1todos/get',
  line: 12,
  message: 'The reference #/x leads nowhere.',
};

test('a finding keeps its line and the end of its file, however long file and pointer are', () => {
  const terminal = recordTerminal({}, 80);
  const first = (more: Partial<Diagnostic>) =>
    drawDiagnostic({ ...finding, ...more }, terminal).split('\n')[0];
  assert.equal(first({}), '  warning ref-broken  openapi/todo.yaml:12  /paths/~1todos/get');
  const pointer = `/paths${'/a'.repeat(60)}/schema`;
  assert.match(first({ pointer }) ?? '', /openapi\/todo\.yaml:12 {2}\/paths.*….*\/schema$/);
  const source = `https://plugin.example/${'deep/'.repeat(30)}openapi.yaml`;
  assert.match(first({ source, pointer }) ?? '', /^ {2}warning ref-broken {2}https:.*….*openapi\.yaml:12$/);
  for (const more of [{ pointer }, { source, pointer }]) assert.ok((first(more)?.length ?? 0) <= 80);
});

test('the gravest findings are the errors; of a plugin without any that cannot be used, the last one', () => {
  const error: Diagnostic = { ...finding, severity: 'error' };
  const of = (state: 'ok' | 'error', diagnostics: Diagnostic[]) => gravest({ state, diagnostics });
  assert.deepEqual(of('error', [finding, error]), [error]);
  assert.deepEqual(of('error', [error, finding]), [error]);
  assert.deepEqual(of('error', [finding]), [finding]);
  assert.deepEqual(of('ok', [finding]), []);
});
