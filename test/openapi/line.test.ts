// Lines of the values at JSON pointers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOf, linesOf } from '../../src/openapi/line.ts';

test('a member begins at its key, an element where it stands, in YAML and JSON', () => {
  const yaml = 'a:\n  b:\n    - x\n    - y: 1\nc/d: 2\n';
  const lines = linesOf(yaml, ['', '/a', '/a/b', '/a/b/0', '/a/b/1/y', '/c~1d']);
  assert.deepEqual([...lines.values()], [1, 1, 2, 3, 4, 5]);
  const json = '{\n  "a": {\n\t"b": [1,\n2]}}';
  assert.deepEqual([lineOf(json, '/a'), lineOf(json, '/a/b/0'), lineOf(json, '/a/b/1')], [2, 3, 4]);
});

test('what is missing has the line of its nearest parent', () => {
  assert.equal(lineOf('a: 1\nb:\n  c: 1\n', '/b/x/y'), 2);
  assert.equal(lineOf('a: 1\n', '/x'), 1);
});

test('a text that cannot be followed has none', () => {
  assert.equal(lineOf('a: [1', '/a'), null);
});
