// Reading and building foreign values.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freezeDeep } from '../../src/openapi/value.ts';

test('D17: everything below a value is frozen, however wide or deep it is', () => {
  const wide = Array.from({ length: 300_000 }, () => ({}));
  let deep: object = {};
  for (let level = 0; level < 100_000; level += 1) deep = { deep };
  freezeDeep({ wide, deep, nothing: null });
  assert.ok(wide.every((one) => Object.isFrozen(one)));
  for (let one: unknown = deep; one !== undefined; one = (one as { deep?: unknown }).deep) {
    assert.ok(Object.isFrozen(one));
  }
});
