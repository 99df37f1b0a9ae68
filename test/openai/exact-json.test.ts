// JSON whose numbers keep the spelling that a JavaScript number would lose.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { isExactNumber, isJsonObject, minifyJson, nesting, parseExact } from '../../src/openai/exact-json.ts';

test('a number beyond 2^53 is written as it was read', () => {
  const text = '{"id":12345678901234567890,"huge":1e400,"small":5,"list":[-9007199254740993]}';
  assert.equal(JSON.stringify(parseExact(text)), text);
});

test('numbers that a double holds stay numbers', () => {
  assert.deepEqual(parseExact('[1, 2.5, 9007199254740991, 1e3]'), [1, 2.5, 9007199254740991, 1000]);
});

test('an exact number is no object', () => {
  const value = parseExact('12345678901234567890');
  assert.equal(isExactNumber(value), true);
  assert.equal(isJsonObject(value), false);
});

test('__proto__ and toJSON are names like any other (security A8)', () => {
  const text = '{"__proto__":{"a":12345678901234567890},"toJSON":1}';
  assert.equal(JSON.stringify(parseExact(text)), text);
  assert.equal(({} as Record<string, unknown>)['a'], undefined);
});

test('nesting counts brackets outside strings alone', () => {
  assert.equal(nesting('{"a":"[[[[","b":[{}]}'), 3);
  assert.equal(nesting('"\\"[["'), 0);
});

test('minified JSON says the same, whatever stands in its strings (R1)', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 4, '\t', '\r\n'), (value, indent) => {
      assert.equal(minifyJson(JSON.stringify(value, null, indent)), JSON.stringify(value));
    }),
  );
});

test('minifying does not touch the spelling of numbers and strings (R1)', () => {
  assert.equal(minifyJson('{ "a b" : [ 1.0 , 2e5 , "x \\" y\\\\" ] }\n'), '{"a b":[1.0,2e5,"x \\" y\\\\"]}');
});
