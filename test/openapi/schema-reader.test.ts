// Schemas that the operations of a document share, and schemas that outgrow what one may read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../../src/openai/chat.ts';
import { createReport, type Diagnostic } from '../../src/openapi/diagnostic.ts';
import { readDocument } from '../../src/openapi/document.ts';
import { createReferences } from '../../src/openapi/reference.ts';
import { createSchemaReader, createSharedSchemas } from '../../src/openapi/schema-reader.ts';
import type { Schema } from '../../src/openapi/schema.ts';

/** Reads the components of a document one after the other, as the bodies of so many operations. */
function readAll(
  schemas: Record<string, Json>,
  sharing: boolean,
): { read: Schema[]; diagnostics: readonly Diagnostic[] } {
  const { document } = readDocument(
    JSON.stringify({ openapi: '3.1.0', paths: {}, components: { schemas } }),
    'x',
  );
  assert.ok(document);
  const report = createReport('x');
  const references = createReferences(document.root);
  const shared = createSharedSchemas();
  const read = Object.keys(schemas).map((name) => {
    const reader = createSchemaReader(document, references, report, sharing ? shared : undefined);
    return reader.read(reference(name), `/paths/${name}`);
  });
  return { read, diagnostics: report.diagnostics };
}

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const names = ['A', 'B', 'C', 'D'];
const { schema: anySchema } = fc.letrec<{ schema: Json; part: Json }>((tie) => ({
  part: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...names).map(reference) },
    { weight: 1, arbitrary: fc.constantFrom(reference('Missing'), { type: 'string', readOnly: true }) },
    { weight: 1, arbitrary: tie('schema') },
  ),
  schema: fc.record(
    {
      properties: fc.dictionary(fc.constantFrom('p', 'q', '__proto__'), tie('part'), { maxKeys: 2 }),
      allOf: fc.array(tie('part'), { minLength: 1, maxLength: 2 }),
      anyOf: fc.array(tie('part'), { minLength: 1, maxLength: 1 }),
      items: tie('part'),
      required: fc.subarray(['p', 'q']),
      readOnly: fc.boolean(),
      __proto__: fc.constant<Json>({ type: 'string' }),
    },
    { requiredKeys: [] },
  ),
}));

test('F7: what operations share is what each of them would read alone, however targets refer to each other', () => {
  fc.assert(
    fc.property(fc.tuple(...names.map(() => anySchema)), (list) => {
      const schemas = Object.fromEntries(list.map((schema, index) => [names[index] ?? '', schema]));
      assert.deepEqual(readAll(schemas, true), readAll(schemas, false));
    }),
    { numRuns: 100 },
  );
});

test('a target that nothing above changes is one object in all operations', () => {
  const { read } = readAll({ A: { items: reference('C') }, B: { items: reference('C') }, C: {} }, true);
  const [a, b, c] = read;
  assert.ok(typeof a === 'object' && typeof b === 'object');
  assert.equal(a['items'], c);
  assert.equal(b['items'], c);
});

test('F7: what grows too large keeps the types of all that is left, and says so once', () => {
  const wide = (target: string): Json => ({
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [
        `p${index}`,
        index % 2 === 0 ? { type: 'string', description: 'd' } : { type: 'array', items: reference(target) },
      ]),
    ),
  });
  const schemas = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`S${index}`, wide(`S${(index + 1) % 10}`)]),
  );
  const { read, diagnostics } = readAll(schemas, true);
  assert.deepEqual(
    diagnostics.map(({ code, pointer }) => `${code} ${pointer}`),
    Object.keys(schemas).map((name) => `schema-cut /paths/${name}`),
  );
  const [first] = read;
  const kinds = new Set<string>();
  const look = (schema: Json | undefined, depth: number): number => {
    assert.ok(typeof schema === 'object' && schema !== null && !Array.isArray(schema));
    kinds.add(String(schema['type']));
    const below = Object.values((schema['properties'] ?? {}) as Record<string, Json>);
    if (schema['items'] !== undefined) below.push(schema['items']);
    return below.reduce((deepest: number, one) => Math.max(deepest, look(one, depth + 1)), depth);
  };
  assert.ok(look(first, 0) >= 4);
  assert.deepEqual([...kinds].toSorted(), ['array', 'object', 'string']);
});
