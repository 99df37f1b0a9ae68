// Schemas made self-contained: references, bounds, old spellings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReport, type Diagnostic } from '../../src/openapi/diagnostic.ts';
import { readDocument } from '../../src/openapi/document.ts';
import { createReferences } from '../../src/openapi/reference.ts';
import { createSchemaReader } from '../../src/openapi/schema-reader.ts';
import type { Schema } from '../../src/openapi/schema.ts';

/** Reads the schema of one place of a document. */
function read(
  schema: unknown,
  rest: Record<string, unknown> = {},
  version = '3.1.0',
): { schema: Schema; diagnostics: Diagnostic[]; codes: string[] } {
  const { document } = readDocument(
    JSON.stringify({ openapi: version, paths: {}, ...rest, 'x-here': schema }),
    'x',
  );
  assert.ok(document);
  const report = createReport('x');
  const reader = createSchemaReader(document, createReferences(document.root), report);
  const result = reader.read(document.root['x-here'], '/x-here');
  return {
    schema: result,
    diagnostics: report.diagnostics,
    codes: report.diagnostics.map((one) => one.code),
  };
}

const components = (schemas: Record<string, unknown>) => ({ components: { schemas } });
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

test('case 15, F4: a chain of references is followed to its end', () => {
  const rest = components({ A: reference('B'), B: reference('C'), C: { type: 'string' } });
  assert.deepEqual(read(reference('A'), rest).schema, { type: 'string' });
});

test('case 16, F4: a cycle is cut with an object that names its target', () => {
  const node = { type: 'object', properties: { name: { type: 'string' }, next: reference('Node') } };
  const { schema } = read(reference('Node'), components({ Node: node }));
  assert.deepEqual(schema, {
    type: 'object',
    properties: { name: { type: 'string' }, next: { type: 'object', description: 'Node again, as above' } },
  });
  const { schema: mutual } = read(
    reference('A'),
    components({ A: { items: reference('B') }, B: { items: reference('A') } }),
  );
  assert.deepEqual(mutual, { items: { items: { type: 'object', description: 'A again, as above' } } });
  assert.ok(read(reference('A'), components({ A: reference('A') })).schema);
});

test('case 17, F2: ~1, ~0 and percent escapes in pointers are decoded', () => {
  const rest = components({ 'a/b~c': { type: 'string' }, '{x} y': { type: 'integer' } });
  assert.deepEqual(read({ $ref: '#/components/schemas/a~1b~0c' }, rest).schema, { type: 'string' });
  assert.deepEqual(read({ $ref: '#/components/schemas/%7Bx%7D%20y' }, rest).schema, { type: 'integer' });
});

test('case 18, F2: references lead to any place of the document', () => {
  const response = { content: { 'application/json': { schema: { type: 'number' } } } };
  const rest = { paths: { '/a/{b}': { get: { responses: { 200: response } } } } };
  const target = '#/paths/~1a~1{b}/get/responses/200/content/application~1json/schema';
  assert.deepEqual(read({ $ref: target }, rest).schema, { type: 'number' });
});

test('case 19, F5: what stands beside a reference overrides it in 3.1; in 3.0 only its description', () => {
  const rest = components({ A: { type: 'string', description: 'target', maxLength: 5 } });
  const beside = { ...reference('A'), description: 'beside', maxLength: 9 };
  assert.deepEqual(read(beside, rest).schema, { type: 'string', description: 'beside', maxLength: 9 });
  assert.deepEqual(read(beside, rest, '3.0.3').schema, {
    type: 'string',
    description: 'beside',
    maxLength: 5,
  });
});

test('case 21, F2: $defs, definitions and $anchor are resolved', () => {
  const rest = components({ A: { $defs: { inner: { $anchor: 'here', type: 'string' } } } });
  assert.deepEqual(read({ $ref: '#/components/schemas/A/$defs/inner' }, rest).schema, { type: 'string' });
  assert.deepEqual(read({ $ref: '#here' }, rest).schema, { type: 'string' });
  const own = { definitions: { x: { type: 'boolean' } }, items: { $ref: '#/x-here/definitions/x' } };
  assert.deepEqual(read(own).schema, { items: { type: 'boolean' } });
});

test('cases 22 and 23, F5: a $ref in data, or as the name of a property, is no reference', () => {
  const data = { $ref: '#/nowhere' };
  const schema = {
    type: 'object',
    default: data,
    example: data,
    enum: [data],
    properties: { $ref: { type: 'string' } },
  };
  const result = read(schema);
  assert.deepEqual(result.schema, schema);
  assert.deepEqual(result.codes, []);
});

test('case 23: properties named like keywords or __proto__ stay properties', () => {
  const properties = JSON.parse(
    '{"type":{"type":"string"},"items":{},"properties":{"type":"object"},"__proto__":{"type":"integer"},"constructor":{"type":"boolean"}}',
  ) as object;
  const { schema } = read({ type: 'object', properties });
  assert.equal(JSON.stringify(schema), JSON.stringify({ type: 'object', properties }));
  assert.equal(({} as Record<string, unknown>)['type'], undefined);
});

test('cases 13 and 14, F3, F6: a broken or external reference is anything, and said once', () => {
  for (const target of ['#/components/schemas/None', '#none', '#/constructor', '#/x-here/toString']) {
    const result = read({ items: { $ref: target } });
    assert.deepEqual([result.schema, result.codes], [{ items: {} }, ['ref-broken']], target);
  }
  for (const target of [
    'other.yaml',
    'file:///etc/passwd',
    'http://127.0.0.1/x',
    '/etc/passwd',
    '//host/x',
    'data:,{}',
  ]) {
    const result = read({ items: { $ref: target } });
    assert.deepEqual([result.schema, result.codes], [{ items: {} }, ['ref-external']], target);
  }
});

test('case 5, F7: a fan-out of references is cut by its size, in little time', () => {
  const schemas: Record<string, unknown> = { L12: { type: 'string' } };
  for (let level = 0; level < 12; level += 1) {
    const next = reference(`L${level + 1}`);
    schemas[`L${level}`] = { type: 'object', properties: { a: next, b: next, c: next, d: next } };
  }
  const started = performance.now();
  const result = read(reference('L0'), components(schemas));
  assert.deepEqual([...new Set(result.codes)], ['schema-cut']);
  assert.ok(JSON.stringify(result.schema).length < 2_000_000);
  assert.ok(performance.now() - started < 1000);
});

test('F7: a schema beyond the budget keeps all its properties; what lies deep in it is any object', () => {
  const leaves = Object.fromEntries(
    Array.from({ length: 200 }, (_, at) => [`leaf${at}`, { type: 'string' }]),
  );
  const wide = (name: string) => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`${name}${at}`, reference(name)])),
  });
  const rest = components({
    A: wide('B'),
    B: wide('C'),
    C: wide('D'),
    D: { type: 'object', properties: leaves },
  });
  const schema = { type: 'object', properties: { first: reference('A'), last: { type: 'integer' } } };
  const { schema: result, codes } = read(schema, rest);
  assert.deepEqual(new Set(codes), new Set(['schema-cut']));
  const text = JSON.stringify(result);
  assert.ok(text.includes('"last":{"type":"integer"}'));
  assert.ok(text.includes('"C11":{"type":"object","description":"C"}') || text.includes('"description":"D"'));
});

test('F7: a chain of thousands of nested schemas is cut, not overflowed', () => {
  const schemas: Record<string, unknown> = {};
  for (let level = 0; level < 5000; level += 1) schemas[`S${level}`] = { items: reference(`S${level + 1}`) };
  assert.deepEqual(read(reference('S0'), components(schemas)).codes, ['schema-cut']);
});

test('case 43: nullable and boolean bounds take their 3.1 form', () => {
  assert.deepEqual(read({ type: 'string', nullable: true }).schema, { type: ['string', 'null'] });
  assert.deepEqual(read({ type: 'string', enum: ['a'], nullable: true }).schema, {
    type: ['string', 'null'],
    enum: ['a', null],
  });
  assert.deepEqual(read({ allOf: [{ type: 'string' }], nullable: true, description: 'd' }).schema, {
    anyOf: [{ allOf: [{ type: 'string' }] }, { type: 'null' }],
    description: 'd',
  });
  assert.deepEqual(read({ minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false }).schema, {
    exclusiveMinimum: 1,
    maximum: 9,
  });
  assert.deepEqual(read({ type: 'string', nullable: false }).schema, { type: 'string' });
});

test('D9: "required: true" on a property joins the list of its parent', () => {
  const result = read({
    type: 'object',
    required: ['a'],
    properties: {
      a: { type: 'string' },
      b: { type: 'string', required: true },
      c: { type: 'string', required: false },
    },
  });
  assert.deepEqual(result.schema, {
    type: 'object',
    required: ['a', 'b'],
    properties: { a: { type: 'string' }, b: { type: 'string' }, c: { type: 'string' } },
  });
  assert.deepEqual(result.codes, ['required-boolean']);
});

test('D10: keywords of the wrong type are ignored or mended, each with a warning', () => {
  const result = read({
    type: 'int',
    description: 5,
    enum: 'a',
    minimum: '3',
    format: {},
    required: 'x',
    properties: null,
  });
  assert.deepEqual(result.schema, { type: 'integer', minimum: 3 });
  assert.deepEqual([...new Set(result.codes)], ['misplaced']);
  assert.deepEqual(read({ type: 'any' }).schema, {});
  assert.deepEqual(read({ type: null }).schema, {});
  assert.deepEqual(read({ type: 'file' }).schema, { type: 'string', format: 'binary' });
});

test('D10: what is no schema where one belongs is ignored, with a warning; what is empty without', () => {
  const parts = {
    items: 'string',
    anyOf: {},
    additionalProperties: 'no',
    properties: { a: 'string', b: {} },
  };
  const result = read(parts);
  assert.deepEqual(result.schema, { properties: { b: {} } });
  assert.deepEqual(
    result.diagnostics.map(({ code, pointer }) => [code, pointer]),
    [
      ['misplaced', '/x-here'],
      ['misplaced', '/x-here'],
      ['misplaced', '/x-here'],
      ['misplaced', '/x-here/properties/a'],
    ],
  );
  assert.deepEqual(read('string').codes, ['misplaced']);
  assert.deepEqual(read({ anyOf: ['x', { type: 'null' }] }).codes, ['misplaced']);
  const empty = read({ items: null, anyOf: null, properties: { a: null } });
  assert.deepEqual([empty.schema, empty.codes], [{ properties: { a: {} } }, []]);
});

test('D10: values of an enum beside a reference are read in the type of its target', () => {
  const { schema } = read({ ...reference('Code'), enum: [1, 2] }, components({ Code: { type: 'string' } }));
  assert.deepEqual(schema, { type: 'string', enum: ['1', '2'] });
});

test('D10: values of an enum are read in the declared type, where their text means the same', () => {
  const { schema, codes } = read({ type: 'string', enum: [1, 'dc', true, null], default: 2 });
  assert.deepEqual(schema, { type: 'string', enum: ['1', 'dc', 'true', null], default: '2' });
  assert.deepEqual(codes, ['misplaced', 'misplaced']);
  assert.deepEqual(read({ type: 'integer', enum: ['1', '2', 'x'] }).schema, {
    type: 'integer',
    enum: [1, 2, 'x'],
  });
  assert.deepEqual(read({ type: ['number', 'string'], enum: ['1', 2] }).codes, []);
});

test('case 44: readOnly properties are left out, and not required any more, by whichever part of an allOf', () => {
  const rest = components({
    Base: {
      type: 'object',
      required: ['id', 'name'],
      properties: { id: { type: 'string', readOnly: true }, name: {} },
    },
  });
  const { schema } = read(
    { allOf: [reference('Base'), { required: ['id', 'tag'], properties: { tag: { writeOnly: true } } }] },
    rest,
  );
  assert.deepEqual(schema, {
    allOf: [
      { type: 'object', required: ['name'], properties: { name: {} } },
      { required: ['tag'], properties: { tag: { writeOnly: true } } },
    ],
  });
});

test('case 47, S4: variants of a discriminated union state their tag', () => {
  const rest = components({
    Cat: { type: 'object', properties: { kind: { type: 'string' }, lives: { type: 'integer' } } },
    Dog: { type: 'object', properties: { bark: { type: 'string' } } },
  });
  const discriminator = { propertyName: 'kind', mapping: { cat: '#/components/schemas/Cat' } };
  const { schema } = read({ oneOf: [reference('Cat'), reference('Dog')], discriminator }, rest);
  assert.deepEqual(typeof schema === 'object' && schema['oneOf'], [
    {
      type: 'object',
      properties: { kind: { type: 'string', enum: ['cat'] }, lives: { type: 'integer' } },
      required: ['kind'],
    },
    {
      type: 'object',
      properties: { kind: { type: 'string', enum: ['Dog'] }, bark: { type: 'string' } },
      required: ['kind'],
    },
  ]);
});

test('case 48: boolean schemas, maps and empty schemas are kept', () => {
  const schema = {
    properties: { any: true, none: {} },
    additionalProperties: { type: 'string' },
    items: false,
  };
  assert.deepEqual(read(schema).schema, schema);
});
