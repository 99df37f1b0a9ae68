// Levels L2 and L3 of `openapi.md` section 5: what each of them leaves out, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/openai/chat.ts';
import { trimParameters } from '../../src/plugin/model-trim.ts';

const object = (properties: JsonObject, required?: string[]): JsonObject => ({
  type: 'object',
  properties,
  ...(required && { required }),
});

/** An optional property below so many others. */
function nested(levels: number): JsonObject {
  return levels === 0 ? { type: 'string' } : object({ below: nested(levels - 1) });
}

test('L2: long texts are cut, Markdown and texts that repeat the name go', () => {
  const long = `${'A sentence of some words. '.repeat(3)}${'more '.repeat(20)}`;
  const shown = trimParameters(
    object({
      a: { type: 'string', description: long },
      b: { type: 'string', description: '**Which** [one](https://x.example), `x`' },
      user_id: { type: 'string', description: 'User ID' },
    }),
    2,
  );
  assert.deepEqual(
    shown,
    object({
      a: { type: 'string', description: 'A sentence of some words. '.repeat(3).trim() },
      b: { type: 'string', description: 'Which one, x' },
      user_id: { type: 'string' },
    }),
  );
});

test('L2: bounds of sizes, long patterns and defaults and deprecated optional arguments go; the rest stays', () => {
  const kept = { type: 'string', enum: ['x'], format: 'f', pattern: '^a$', default: 'x' };
  const bounds = { minLength: 1, maxLength: 2, uniqueItems: true, minProperties: 1, maxProperties: 2 };
  const old = { type: 'string', description: 'deprecated' };
  const shown = trimParameters(
    object(
      {
        a: { ...kept, ...bounds, multipleOf: 2, minimum: 1, maximum: 2, minItems: 1, maxItems: 2 },
        b: { pattern: 'x'.repeat(61), default: 'x'.repeat(41) },
        old,
        needed: old,
      },
      ['needed'],
    ),
    2,
  );
  const a = { ...kept, minimum: 1, maximum: 2, minItems: 1, maxItems: 2 };
  assert.deepEqual(shown, object({ a, b: {}, needed: old }, ['needed']));
});

test('L3: 24 values of an enum, three variants, no optional property below the third level', () => {
  const values = Array.from({ length: 30 }, (_, at) => `v${at}`);
  const anyOf = ['string', 'integer', 'boolean', 'number'].map((type) => ({ type }));
  const written = object({ values: { enum: values }, union: { anyOf }, deep: nested(4) });
  assert.deepEqual(trimParameters(written, 2), written);
  const deep = object({ below: object({ below: object({}) }) });
  assert.deepEqual(
    trimParameters(written, 3),
    object({ values: { enum: values.slice(0, 24) }, union: { anyOf: anyOf.slice(0, 3) }, deep }),
  );
});
