// Damaged documents: whatever stands wherever, the rest is read and nothing is thrown (D1).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../../src/openai/chat.ts';
import { readDocument } from '../../src/openapi/document.ts';
import { findFault } from '../../src/plugin/function-fault.ts';
import { nameFunctions } from '../../src/plugin/function-name.ts';
import { makeFunction } from '../../src/plugin/function.ts';
import { readManifest } from '../../src/plugin/manifest.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { profiles } from '../../src/plugin/profile.ts';

const modern: Json = {
  openapi: '3.1.0',
  info: { title: 't', servers: [{ url: 'https://i.example' }] },
  servers: [{ url: 'https://{r}.example', variables: { r: { default: 'a', enum: ['a'] } } }],
  security: [{ k: [] }],
  paths: {
    '/a/{x}?q={y}': {
      parameters: [
        { $ref: '#/components/parameters/P' },
        { name: 'x', in: 'path', schema: { type: 'integer' } },
      ],
      get: { operationId: 'g', tags: ['t'], responses: { 200: { content: { 'application/json': {} } } } },
      post: {
        servers: [{ url: '/v2' }],
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/S' } } } },
        additionalOperations: {},
      },
    },
  },
  components: {
    parameters: {
      P: { name: 'p', in: 'query', style: 'form', content: { 'application/json': { schema: {} } } },
    },
    schemas: {
      S: {
        type: ['object', 'null'],
        required: ['a'],
        allOf: [{ properties: { b: { type: 'string', enum: ['x', null], nullable: true } } }],
        properties: {
          a: { $ref: '#/components/schemas/S' },
          c: { anyOf: [{ type: 'array', items: {} }, { const: 1 }] },
        },
        discriminator: { propertyName: 'b', mapping: { m: '#/components/schemas/S' } },
        additionalProperties: { type: 'integer', minimum: 1, exclusiveMinimum: true },
      },
    },
    securitySchemes: { k: { type: 'apiKey', in: 'header', name: 'k' }, b: { type: 'http', scheme: 'basic' } },
  },
};

const swagger: Json = {
  swagger: '2.0',
  host: 'a.example',
  basePath: '/v1',
  schemes: ['https'],
  consumes: ['application/json'],
  parameters: { F: { name: 'f', in: 'formData', type: 'array', items: { type: 'string' } } },
  definitions: { D: { type: 'object', properties: { a: { 'x-nullable': true, type: 'string' } } } },
  responses: { R: { description: 'r', schema: { $ref: '#/definitions/D' } } },
  securityDefinitions: { k: { type: 'apiKey', in: 'query', name: 'k' } },
  paths: {
    '/a/{x}': {
      parameters: [{ name: 'x', in: 'path', type: 'string', required: true }],
      get: {
        parameters: [{ name: 'q', in: 'query', type: 'array', collectionFormat: 'tsv', items: {} }],
        responses: { 200: { $ref: '#/responses/R' } },
      },
      post: {
        parameters: [
          { $ref: '#/parameters/F' },
          { name: 'b', in: 'body', schema: { $ref: '#/definitions/D' } },
        ],
        responses: {},
      },
    },
  },
};

const manifest: Json = {
  schema_version: 'v1',
  name_for_model: 'n',
  name_for_human: 'n',
  description_for_model: 'd',
  description_for_human: 'd',
  auth: { type: 'service_http', authorization_type: 'bearer', verification_tokens: { openai: 'x' } },
  api: { type: 'openapi', url: 'https://a.example/openapi.json' },
  params: { a: 1 },
  headers: { b: 'c' },
};

/** The places of a value, root included. */
function pathsOf(value: Json, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, below]) => pathsOf(below as Json, [...path, name]))];
}

/** A copy with another value at one place. */
function replaceAt(value: Json, path: readonly string[], other: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return other;
  const copy = structuredClone(value) as Record<string, Json>;
  copy[step] = replaceAt(copy[step] ?? null, rest, other);
  return copy;
}

const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  fc.constantFrom<Json>(
    null,
    '',
    '#',
    '#/',
    { $ref: '#' },
    { $ref: '#/components' },
    { $ref: '' },
    { $ref: 5 },
    [[[]]],
    'toString',
    -1,
  ),
);

function damaged(base: Json): fc.Arbitrary<Json> {
  const places = pathsOf(base);
  return fc
    .array(fc.tuple(fc.constantFrom(...places), strange), { minLength: 1, maxLength: 3 })
    .map((changes) =>
      changes.reduce((value, [path, other]) => {
        // an earlier change may have taken the place away
        const exists = pathsOf(value).some((one) => one.join('/') === path.join('/'));
        return exists ? replaceAt(value, path, other) : value;
      }, base),
    );
}

for (const [name, base] of Object.entries({ modern, swagger })) {
  test(`D1: a damaged document (${name}) throws nothing and offers only legal functions`, () => {
    fc.assert(
      fc.property(damaged(base), (value) => {
        const { document, diagnostics } = readDocument(JSON.stringify(value), 'x');
        if (!document) {
          assert.ok(diagnostics.some((finding) => finding.severity === 'error'));
          return;
        }
        const { operations } = readOperations(document, {
          documentUrl: 'https://a.example/openapi.json',
          manifestUrl: null,
          domain: null,
          server: null,
          operations: { include: [], exclude: [] },
        });
        const names = nameFunctions(operations.map((operation) => ({ plugin: 'p', operation })));
        for (const [index, operation] of operations.entries()) {
          const options = { params: new Map<string, Json>([['a', 1]]), hiddenHeaders: new Set<string>() };
          const made = makeFunction(names[index] ?? '', 'p', operation, options).function;
          assert.ok(made);
          assert.equal(findFault(made.definition.function, profiles.common), null);
          assert.equal(made.text, JSON.stringify(JSON.parse(made.text)));
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('a damaged manifest throws nothing: it is read, or has an error', () => {
  fc.assert(
    fc.property(damaged(manifest), (value) => {
      const { manifest: read, diagnostics, name } = readManifest(JSON.stringify(value), 'a/b.json');
      assert.ok(name !== '');
      assert.ok(read !== null || diagnostics.some((finding) => finding.severity === 'error'));
    }),
    { numRuns: 500 },
  );
});

const thousands = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const level = (index: number): Json => {
  const next = { $ref: `#/components/schemas/S${index + 1}` };
  return { allOf: [next, next], properties: { a: {} } };
};

const hostile: Record<string, Json> = {
  'an allOf of thousands that all describe one property': {
    allOf: thousands(5000, (index) => ({
      properties: { x: { properties: { y: { description: `d${index}` } } } },
    })),
  },
  'a union of thousands': { anyOf: thousands(19_000, (index) => ({ type: 'string', maxLength: index })) },
  'an enum of 100,000': { properties: { x: { enum: thousands(100_000, (index) => `v${index}`) } } },
  'a body of thousands of properties': {
    properties: Object.fromEntries(thousands(19_000, (index) => [`p${index}`, { type: 'string' }])),
  },
  'names that all become one': {
    properties: Object.fromEntries(thousands(1500, (index) => [`p${'!'.repeat(index)}`, { type: 'string' }])),
  },
  'doubling members of an allOf': { $ref: '#/components/schemas/S0' },
  'a text of brackets, ampersands and blanks': {
    properties: {
      x: {
        description: `${'<'.repeat(200_000)}${'&'.repeat(200_000)}${'['.repeat(200_000)}${' \n'.repeat(100_000)}`,
      },
    },
  },
};

for (const [name, schema] of Object.entries(hostile)) {
  test(`F7, S6: ${name}: bounded in time and size`, () => {
    const schemas = Object.fromEntries(thousands(30, (index) => [`S${index}`, level(index)]));
    const body = { content: { 'application/json': { schema } } };
    const root = {
      openapi: '3.1.0',
      paths: { '/a': { post: { requestBody: body } } },
      components: { schemas },
    };
    const started = performance.now();
    const { document } = readDocument(JSON.stringify(root), 'x');
    assert.ok(document);
    const [operation] = readOperations(document, {
      documentUrl: null,
      manifestUrl: null,
      domain: null,
      server: null,
      operations: { include: [], exclude: [] },
    }).operations;
    assert.ok(operation);
    const made = makeFunction('f', 'p', operation, { params: new Map(), hiddenHeaders: new Set() }).function;
    assert.ok(made);
    assert.ok(made.tokens <= 5000);
    // a loose bound: what this guards against took minutes, or never ended
    assert.ok(performance.now() - started < 5000);
  });
}
