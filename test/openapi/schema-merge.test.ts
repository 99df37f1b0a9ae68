// `allOf` as one schema (`openapi.md` S4).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/openai/chat.ts';
import { mergeAllOf } from '../../src/openapi/schema-merge.ts';

function merge(...allOf: JsonObject[]): { schema: JsonObject; conflicts: string[] } {
  const conflicts: string[] = [];
  return { schema: mergeAllOf({ allOf }, (keyword) => conflicts.push(keyword)), conflicts };
}

test('S4: properties are joined, `required` united, bounds tightened, of types the narrower', () => {
  const { schema, conflicts } = merge(
    { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], maxProperties: 5 },
    { type: ['object', 'null'], properties: { b: {} }, required: ['a', 'b'], maxProperties: 3 },
  );
  assert.deepEqual(schema, {
    type: 'object',
    properties: { a: { type: 'string' }, b: {} },
    required: ['a', 'b'],
    maxProperties: 3,
  });
  assert.deepEqual(conflicts, []);
  assert.equal(merge({ type: 'number' }, { type: 'integer' }).schema['type'], 'integer');
});

test('S4: what stands beside `allOf` wins, texts are both kept', () => {
  const schema = mergeAllOf({ allOf: [{ description: 'a', default: 1 }], description: 'b', default: 2 });
  assert.deepEqual(schema, { description: 'b\na', default: 2 });
});

test('S4: the "no more" of one part does not close what another part leaves open', () => {
  const map = { type: 'string' };
  assert.deepEqual(merge({ additionalProperties: false }, { additionalProperties: map }).schema, {
    additionalProperties: map,
  });
  assert.deepEqual(merge({ additionalProperties: map }, { additionalProperties: false }).schema, {
    additionalProperties: map,
  });
});

test('S4: what cannot be said in one schema is a conflict, the first is shown', () => {
  const { schema, conflicts } = merge({ type: 'string', pattern: 'a' }, { type: 'object', pattern: 'b' });
  assert.deepEqual([schema, conflicts], [{ type: 'string', pattern: 'a' }, ['type', 'pattern']]);
});
