// Arguments that mean the same have one text, and those that do not have two.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalArguments } from '../../src/completion/canonical.ts';

test('the order of keys, blanks and the spelling of a number do not count', () => {
  assert.equal(
    canonicalArguments('{ "b": [1.0, 1e2],\n "a": {"d": "x", "c": -0} }'),
    '{"a":{"c":0,"d":"x"},"b":[1,100]}',
  );
});

test('integers that a double cannot tell apart stay apart', () => {
  assert.equal(canonicalArguments('{"b": 2, "a": 1100000000000000001}'), '{"a":1100000000000000001,"b":2}');
  assert.notEqual(
    canonicalArguments('{"id":1100000000000000001}'),
    canonicalArguments('{"id":1100000000000000002}'),
  );
});

test('digits in a string change nothing', () => {
  assert.equal(
    canonicalArguments('{"b":1.0,"a":"1100000000000000001"}'),
    '{"a":"1100000000000000001","b":1}',
  );
});

test('text that is no JSON, or nested too deep to be read, stays as it is', () => {
  const deep = (inner: string) => `${'['.repeat(100_000)} ${inner} ${']'.repeat(100_000)}`;
  for (const text of ['', '{"a":', deep('1'), deep('1100000000000000001')])
    assert.equal(canonicalArguments(text), text);
});
