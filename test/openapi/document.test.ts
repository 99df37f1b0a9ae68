// From text to a document: what is refused, what is repaired, what is only told.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { localDocumentLimits, readDocument } from '../../src/openapi/document.ts';
import { member } from '../../src/openapi/value.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

const paths = { '/a': { get: { operationId: 'a', responses: {} } } };

function codes(text: string, source = 'openapi.json'): string[] {
  return readDocument(text, source).diagnostics.map((finding) => finding.code);
}

test('D2: what is no document is refused with its first characters', () => {
  const cases: [string, RegExp][] = [
    ['<!DOCTYPE html><html></html>', /HTML.*<!DOCTYPE html>/],
    ['', /empty/],
    ['{"detail":"Not Found"}', /without "paths".*Not Found/],
    ['Bad gateway', /plain text.*Bad gateway/],
    ['[1]', /plain text/],
  ];
  for (const [text, message] of cases) {
    const { document, diagnostics } = readDocument(text, 'x');
    assert.equal(document, null);
    assert.equal(diagnostics.length, 1);
    assert.equal(diagnostics[0]?.code, 'not-a-document');
    assert.match(diagnostics[0]?.message ?? '', message);
  }
});

test('D5: a syntax error names line and column', () => {
  const { document, diagnostics } = readDocument('openapi: 3.0.0\npaths:\n  a: b: c', 'x.yaml');
  assert.equal(document, null);
  assert.equal(diagnostics[0]?.code, 'document-syntax');
  assert.equal(diagnostics[0]?.line, 3);
});

test('D3: JSON in a file named .yaml is read, and told', () => {
  assert.deepEqual(codes(JSON.stringify({ openapi: '3.1.0', paths }), 'openapi.yaml'), ['json-in-yaml']);
  assert.deepEqual(codes(JSON.stringify({ openapi: '3.1.0', paths }), 'openapi.json'), []);
});

test('D3: YAML in a file named .json is read, and told, with the line of a fault that only YAML lets pass', () => {
  const loose = '{"openapi": "3.1.0",\n"paths": {"/a": {"get": {}}},\n}';
  for (const [text, line] of [
    ['openapi: 3.1.0\npaths: { /a: { get: {} } }\n', 1],
    [loose, 3],
  ] as const) {
    const { diagnostics } = readDocument(text, 'openapi.json');
    assert.deepEqual(
      diagnostics.map((finding) => [finding.code, finding.line]),
      [['yaml-in-json', line]],
    );
  }
  assert.deepEqual(codes(loose, 'openapi.yaml'), []);
});

test('case 2, D5: a repair says where, and that of equal keys the last one counts', () => {
  const { diagnostics } = readDocument('openapi: 3.1.0\npaths:\n  /a: { get: {} }\n  /a: { put: {} }\n', 'x');
  assert.deepEqual([diagnostics[0]?.code, diagnostics[0]?.line], ['yaml-repaired', 4]);
  assert.match(diagnostics[0]?.message ?? '', /line 4.*the last one counts/);
});

test('cases 6 and 7, D6: the version is read whatever its spelling, else inferred from the shape', () => {
  const versions: [unknown, string, boolean][] = [
    ['3.0.3', '3.0', false],
    ['3.1.0', '3.1', false],
    ['3.2.0', '3.2', false],
    [3.1, '3.1', true],
    [3, '3.0', true],
    ['"3.1.0"', '3.1', true],
    ['3.1.3', '3.1', true],
    ['4.0.0', '3.0', true],
    [undefined, '3.0', true],
  ];
  for (const [openapi, expected, odd] of versions) {
    const text = JSON.stringify({ openapi, paths });
    assert.equal(readDocument(text, 'x').document?.version, expected, text);
    assert.equal(codes(text).includes('version-odd'), odd, text);
  }
  assert.equal(readDocument(JSON.stringify({ paths, definitions: {} }), 'x').document?.version, '2.0');
  assert.equal(readDocument('swagger: 2.0\npaths: {}', 'x').document?.version, '2.0');
});

test('case 10, D1: a document without info and responses loads', () => {
  const { document, diagnostics } = readDocument('{"openapi":"3.0.0","paths":{"/a":{"get":{}}}}', 'x');
  assert.ok(document);
  assert.deepEqual(diagnostics, []);
});

test('case 11, D13: too large, too many values, too many operations are named limits', () => {
  const limits = { bytes: 2000, nodes: 100, operations: 2 };
  const many = Object.fromEntries(Array.from({ length: 3 }, (_, index) => [`/p${index}`, { get: {} }]));
  const texts = [
    JSON.stringify({ openapi: '3.0.0', paths: {}, x: 'x'.repeat(3000) }),
    JSON.stringify({ openapi: '3.0.0', paths: {}, x: Array.from({ length: 200 }, () => 1) }),
    JSON.stringify({ openapi: '3.0.0', paths: many }),
  ];
  for (const text of texts) {
    const { document, diagnostics } = readDocument(text, 'x', limits);
    assert.equal(document, null);
    assert.equal(diagnostics[0]?.code, 'document-limit');
  }
});

test('D7: a form of Swagger 2.0 is urlencoded unless it says otherwise or holds a file', () => {
  const field = (type: string) => [{ name: 'x', in: 'formData', type }];
  const post = (more: object) => ({ post: { responses: {}, ...more } });
  const { document } = readDocument(
    JSON.stringify({
      swagger: '2.0',
      consumes: ['application/json'],
      paths: {
        '/plain': post({ parameters: field('string') }),
        '/parts': post({ parameters: field('string'), consumes: ['multipart/form-data'] }),
        '/file': post({ parameters: field('file'), consumes: ['application/x-www-form-urlencoded'] }),
      },
    }),
    'x',
  );
  const typesOf = (path: string) => {
    const operation = member(member(member(document?.root, 'paths'), path), 'post');
    return Object.keys(member(member(operation, 'requestBody'), 'content') ?? {});
  };
  assert.deepEqual(typesOf('/plain'), ['application/x-www-form-urlencoded']);
  assert.deepEqual(typesOf('/parts'), ['multipart/form-data']);
  assert.deepEqual(typesOf('/file'), ['multipart/form-data']);
});

test('D7: Swagger 2.0 is upgraded; tsv, form csv and shared body parameters are not lost', () => {
  const { document, diagnostics } = readDocument(
    JSON.stringify({
      swagger: '2.0',
      host: 'api.example.com',
      basePath: '/v1',
      schemes: ['https'],
      consumes: ['application/x-www-form-urlencoded'],
      parameters: {
        shared: { name: 'note', in: 'formData', type: 'string', description: 'a note' },
      },
      paths: {
        '/a': {
          post: {
            parameters: [
              { $ref: '#/parameters/shared' },
              { name: 'tags', in: 'formData', type: 'array', items: { type: 'string' } },
              { name: 'ids', in: 'query', type: 'array', items: { type: 'string' }, collectionFormat: 'tsv' },
            ],
          },
        },
      },
    }),
    'x',
  );
  assert.deepEqual(
    diagnostics.map((finding) => finding.code),
    ['upgraded'],
  );
  const operation = member(member(member(document?.root, 'paths'), '/a'), 'post');
  assert.deepEqual(member(operation, 'parameters'), [
    {
      schema: { type: 'array', items: { type: 'string' } },
      name: 'ids',
      in: 'query',
      style: 'tabDelimited',
      explode: false,
    },
  ]);
  const content = member(member(operation, 'requestBody'), 'content');
  assert.deepEqual(member(content, 'application/x-www-form-urlencoded'), {
    schema: {
      type: 'object',
      properties: {
        note: { type: 'string', description: 'a note' },
        tags: { type: 'array', items: { type: 'string' } },
      },
      required: [],
    },
    encoding: { tags: { style: 'form', explode: false } },
  });
  assert.deepEqual(member(document?.root, 'servers'), [{ url: 'https://api.example.com/v1' }]);
});

test('D1, D7: one path that cannot be upgraded does not take the others with it', () => {
  const text = JSON.stringify({
    swagger: '2.0',
    paths: { '/good': { get: {} }, '/bad': { get: { responses: { 200: null } } } },
  });
  const { document, diagnostics } = readDocument(text, 'x');
  assert.deepEqual(Object.keys(member(document?.root, 'paths') as object), ['/good']);
  assert.deepEqual(
    diagnostics.filter((finding) => finding.severity === 'error').map((finding) => finding.pointer),
    ['/paths/~1bad'],
  );
});

test('case 56: the document is frozen and its text stays as it was', () => {
  const { document } = readDocument(JSON.stringify({ openapi: '3.0.0', paths }), 'x');
  assert.ok(Object.isFrozen(document?.root));
  assert.ok(Object.isFrozen(member(document?.root, 'paths')));
});

test('the 136 general documents load within the limits of local ones', needsShared, () => {
  const folder = `${sharedFolder()}/openapi`;
  // the largest takes seconds to unpack and read; a test of its own would prove nothing more
  const files = readdirSync(folder).filter((name) => name !== 'index.json' && !name.includes('graph-beta'));
  assert.ok(files.length >= 130);
  for (const name of files) {
    const bytes = readFileSync(`${folder}/${name}`);
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    const { document, diagnostics } = readDocument(text, name, localDocumentLimits);
    assert.ok(document, `${name}: ${diagnostics[0]?.message}`);
  }
});
