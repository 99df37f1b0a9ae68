// The way back from strict mode: nulls that stand for absent values go, those that a schema requires stay (S8).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import { createArgumentReader } from '../../src/plugin/arguments.ts';
import { makeArguments } from './made-function.ts';

const read = createArgumentReader();

async function values(
  schemas: Record<string, Json>,
  required: string[],
  given: JsonObject,
  strict = true,
): Promise<Json> {
  const result = await read(makeArguments(schemas, required), JSON.stringify(given), strict);
  assert.ok('values' in result, 'problem' in result ? result.problem : '');
  return JSON.parse(JSON.stringify(Object.fromEntries(result.values))) as Json;
}

const nullable = { type: ['string', 'null'] };

test('S8: a null of an optional argument is taken out, also where null would be a value', async () => {
  assert.deepEqual(await values({ a: nullable, b: { type: 'integer' } }, [], { a: null, b: null }), {});
  assert.deepEqual(await values({ a: nullable }, [], { a: null }, false), { a: null });
});

test('S8: a null of a required argument stays', async () => {
  assert.deepEqual(await values({ a: nullable }, ['a'], { a: null }), { a: null });
});

test('S8: in objects, arrays and variants of unions it is the same', async () => {
  const inner = {
    type: 'object',
    required: ['kept'],
    properties: {
      kept: nullable,
      gone: nullable,
      deep: { type: 'array', items: { properties: { x: nullable } } },
    },
  };
  const given = { kept: null, gone: null, deep: [{ x: null }, { x: 'y' }] };
  const expected = { kept: null, deep: [{}, { x: 'y' }] };
  assert.deepEqual(await values({ a: inner }, [], { a: given }), { a: expected });
  assert.deepEqual(await values({ a: { type: 'array', items: inner } }, [], { a: [given] }), {
    a: [expected],
  });
  assert.deepEqual(await values({ a: { anyOf: [{ type: 'string' }, inner] } }, [], { a: given }), {
    a: expected,
  });
  assert.deepEqual(await values({ a: { allOf: [inner, { type: 'object' }] } }, [], { a: given }), {
    a: expected,
  });
});

test('S8: a null in an array is a value', async () => {
  assert.deepEqual(await values({ a: { type: 'array', items: nullable } }, [], { a: [null, 'x'] }), {
    a: [null, 'x'],
  });
});

test('S8: numbers keep the spelling that a double would lose', async () => {
  const result = await read(
    makeArguments({ a: { type: 'integer' }, b: nullable }),
    '{"a":9007199254740993,"b":null}',
    true,
  );
  assert.ok('values' in result);
  assert.equal(JSON.stringify(Object.fromEntries(result.values)), '{"a":9007199254740993}');
});

test('S8: whatever is left out and said as null by a model arrives as it was meant', async () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const object = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(leaf, { maxLength: 3 }), tie('object')),
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('value'), {
      maxKeys: 3,
    }),
  })).object;
  await fc.assert(
    fc.asyncProperty(object, async (meant) => {
      const schemas = { x: schemaOf(meant) };
      const said = JSON.stringify({ x: padded(meant) });
      const result = await read(makeArguments(schemas), said, true);
      assert.ok('values' in result);
      assert.equal(JSON.stringify(result.values.get('x')), JSON.stringify(meant));
    }),
  );
});

/** A schema of the value, in which every object has one optional property more. */
function schemaOf(value: Json | undefined): JsonObject {
  if (Array.isArray(value)) return { type: 'array' };
  if (typeof value !== 'object' || value === null) return { type: typeof value };
  const properties = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, schemaOf(one)]));
  return { type: 'object', properties: { ...properties, absent: nullable } };
}

function padded(value: Json | undefined): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value ?? null;
  const entries = Object.entries(value).map(([name, one]): [string, Json] => [name, padded(one)]);
  return Object.fromEntries([...entries, ['absent', null]]);
}
