// The operations of a document: what is inherited, completed, degraded, refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDocument } from '../../src/openapi/document.ts';
import { readOperations, type Operation, type OperationContext } from '../../src/plugin/operation.ts';
import { localContext } from './made-function.ts';

function read(paths: unknown, rest: Record<string, unknown> = {}, context: Partial<OperationContext> = {}) {
  const root = { openapi: '3.1.0', servers: [{ url: 'https://api.example/v1/' }], ...rest, paths };
  const { document } = readDocument(JSON.stringify(root, null, 1), 'openapi.json');
  assert.ok(document);
  const { operations, diagnostics } = readOperations(document, { ...localContext, ...context });
  return { operations, diagnostics, codes: diagnostics.map((finding) => finding.code) };
}

function one(path: string, operation: unknown, rest: Record<string, unknown> = {}): Operation {
  const { operations } = read({ [path]: { get: operation } }, rest);
  assert.equal(operations.length, 1);
  return operations[0] as Operation;
}

const query = (name: string, more: object = {}) => ({
  name,
  in: 'query',
  schema: { type: 'string' },
  ...more,
});
const places = (operation: Operation | undefined) =>
  operation?.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);

test('an operation is read with all its parts, and frozen', () => {
  const { operations, diagnostics } = read({
    '/todos/{id}': {
      put: {
        operationId: 'setTodo',
        summary: 'Sets one',
        description: 'Sets a to-do.',
        tags: ['todo'],
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'integer' }, description: 'which' },
        ],
        requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
        responses: {
          200: { content: { 'application/json': {} } },
          default: { content: { 'text/plain': {} } },
        },
      },
    },
  });
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(operations, [
    {
      id: 'setTodo',
      method: 'PUT',
      path: '/todos/{id}',
      fixedQuery: [],
      summary: 'Sets one',
      description: 'Sets a to-do.',
      tags: ['todo'],
      deprecated: false,
      consequential: true,
      parameters: [
        {
          name: 'id',
          in: 'path',
          required: true,
          description: 'which',
          deprecated: false,
          allowEmptyValue: false,
          schema: { type: 'integer' },
          style: 'simple',
          explode: false,
          allowReserved: false,
          contentType: null,
        },
      ],
      body: {
        contentType: 'application/json',
        kind: 'json',
        required: true,
        description: '',
        schema: { type: 'object' },
        encoding: new Map(),
      },
      server: 'https://api.example/v1',
      security: null,
      produces: ['application/json', 'text/plain'],
      pointer: '/paths/~1todos~1{id}/put',
      line: 10,
    },
  ]);
  assert.ok(Object.isFrozen(operations[0]) && Object.isFrozen(operations[0]?.parameters[0]));
});

test('case 8, N6: 3.2 query and additional operations are callable', () => {
  const { operations } = read({
    '/a': {
      query: { operationId: 'q' },
      additionalOperations: { COPY: { operationId: 'c' }, 'BAD METHOD': {} },
    },
  });
  assert.deepEqual(
    operations.map(({ method, consequential }) => [method, consequential]),
    [
      ['QUERY', false],
      ['COPY', true],
    ],
  );
});

test('case 20: references to path items, parameters and bodies are resolved', () => {
  const { operations, diagnostics } = read(
    { '/a': { $ref: '#/components/pathItems/A' } },
    {
      components: {
        pathItems: {
          A: {
            post: {
              parameters: [{ $ref: '#/components/parameters/P' }],
              requestBody: { $ref: '#/components/requestBodies/B' },
              responses: { 200: { $ref: '#/components/responses/R' } },
            },
          },
        },
        parameters: { P: query('p') },
        requestBodies: { B: { content: { 'application/json': { schema: { type: 'array', items: {} } } } } },
        responses: { R: { content: { 'text/csv': {} } } },
      },
    },
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(places(operations[0]), ['query p']);
  assert.deepEqual(operations[0]?.body?.schema, { type: 'array', items: {} });
  assert.deepEqual(operations[0]?.produces, ['text/csv']);
});

test('case 20: what stands beside the reference of a path item overrides it', () => {
  const A = { summary: 'shared', parameters: [query('p')], get: {}, post: { operationId: 'theirs' } };
  const item = { $ref: '#/components/pathItems/A', summary: 'own', post: { operationId: 'own' } };
  const { operations } = read({ '/a': item }, { components: { pathItems: { A } } });
  assert.deepEqual(
    operations.map(({ id, summary }) => [id, summary]),
    [
      ['get_a', 'own'],
      ['own', 'own'],
    ],
  );
  assert.deepEqual(places(operations[0]), ['query p']);
});

test('case 24: what else stands in a path item makes no operations', () => {
  const item = {
    summary: 's',
    description: 'd',
    servers: [{ url: 'https://b.example' }],
    parameters: [],
    'x-get': {},
    get: {},
  };
  const { operations } = read({ '/a': item, 'x-paths': { get: {} } });
  assert.deepEqual(
    operations.map(({ method, summary, server }) => [method, summary, server]),
    [['GET', 's', 'https://b.example']],
  );
});

test('case 25, N9: path-level parameters are inherited; the operation overrides by name and place', () => {
  const { operations } = read({
    '/a': {
      parameters: [query('x', { description: 'old' }), query('y'), { name: 'x', in: 'header', schema: {} }],
      get: { parameters: [query('x', { description: 'new' }), query('z')] },
    },
  });
  assert.deepEqual(places(operations[0]), ['query x', 'query y', 'header x', 'query z']);
  assert.equal(operations[0]?.parameters[0]?.description, 'new');
});

test('case 26, D12: null path items, operations and parameters are tolerated', () => {
  const { operations, diagnostics } = read({
    '/a': null,
    '/b': { get: null },
    '/c': { parameters: null, get: { parameters: [null] } },
  });
  assert.deepEqual(
    operations.map(({ path }) => path),
    ['/c'],
  );
  assert.deepEqual(diagnostics, []);
});

test('D10, D12: what is of the wrong kind costs itself alone, and nothing is left out in silence', () => {
  const { operations, diagnostics } = read({
    '/a': 'see /b',
    '/b': {
      parameters: {},
      get: {
        operationId: 5,
        summary: ['x'],
        description: {},
        parameters: ['q', { ...query('r'), description: 1 }],
      },
      put: 'x',
      GET: { operationId: 'second' },
      additionalOperations: { 'BAD METHOD': {} },
    },
  });
  assert.deepEqual(
    operations.map(({ id }) => id),
    ['get_b'],
  );
  assert.deepEqual(places(operations[0]), ['query r']);
  assert.deepEqual(
    diagnostics.map(({ code, pointer }) => `${code} ${pointer}`).toSorted(),
    [
      '/a',
      '/b/GET',
      '/b/additionalOperations/BAD METHOD',
      '/b/get/description',
      '/b/get/operationId',
      '/b/get/parameters/0',
      '/b/get/parameters/1/description',
      '/b/get/summary',
      '/b/parameters',
      '/b/put',
    ].map((pointer) => `misplaced /paths/${pointer.replace('/', '~1')}`),
  );
});

test('case 61, N9: path variables that nobody declared are required strings', () => {
  const { parameters } = one('/a/{x}/{y}/{x}', {
    parameters: [{ name: 'y', in: 'path', schema: { type: 'integer' } }],
  });
  assert.deepEqual(
    parameters.map(({ name, required, schema }) => [name, required, schema]),
    [
      ['x', true, { type: 'string' }],
      ['y', true, { type: 'integer' }],
    ],
  );
});

test('cases 13 and 14, F6: a broken reference degrades its operation alone', () => {
  const { operations, diagnostics } = read({
    '/a': { get: { parameters: [{ $ref: '#/none' }, query('q', { schema: { $ref: '#/none' } })] } },
    '/b': { post: { requestBody: { $ref: 'other.yaml#/x' } } },
    '/c': { get: {} },
  });
  assert.deepEqual(
    operations.map(({ path }) => path),
    ['/a', '/c'],
  );
  assert.deepEqual(
    operations[0]?.parameters.map(({ name, schema }) => [name, schema]),
    [['q', {}]],
  );
  assert.deepEqual(
    diagnostics.map(({ code, severity, pointer }) => [code, severity, pointer]),
    [
      ['ref-broken', 'warning', '/paths/~1a/get/parameters/0'],
      ['ref-broken', 'warning', '/paths/~1a/get/parameters/1/schema'],
      ['operation-failed', 'error', '/paths/~1b/post'],
    ],
  );
  assert.ok(diagnostics.every((finding) => finding.line !== null));
});

test('case 31, N1: without an operationId, method and path name the operation', () => {
  assert.equal(one('/todos/{id}', {}).id, 'get_todos_id');
  assert.equal(one('/', {}).id, 'get');
});

test('case 35, N7, N8: deprecated and switched-off operations are hidden unless included by name', () => {
  const paths = {
    '/a': { get: { operationId: 'a', deprecated: true }, post: { operationId: 'b', 'x-mcp': false } },
    '/b': {
      get: { operationId: 'c', 'x-speakeasy-mcp': { disabled: true } },
      post: { operationId: 'd', 'x-openai-isConsequential': false },
    },
  };
  const ids = (context: Partial<OperationContext>) =>
    read(paths, { webhooks: { w: { post: {} } } }, context).operations.map(({ id }) => id);
  assert.deepEqual(ids({}), ['d']);
  assert.deepEqual(ids({ operations: { include: ['a', 'POST /a', 'c'], exclude: [] } }), ['a', 'b', 'c']);
  assert.deepEqual(ids({ operations: { include: ['*'], exclude: [] } }), ['d']);
  assert.deepEqual(read(paths).codes, ['operation-hidden', 'operation-hidden', 'operation-hidden']);
  assert.equal(read(paths).operations[0]?.consequential, false);
});

test('N7: operations are chosen by id, tag or method and path, with *; exclude wins; what matches nothing is told', () => {
  const paths = {
    '/todos': { get: { operationId: 'list', tags: ['todo'] }, post: { operationId: 'add', tags: ['todo'] } },
    '/other/x': { get: { operationId: 'other' } },
  };
  const ids = (include: string[], exclude: string[] = []) => {
    const result = read(paths, {}, { operations: { include, exclude } });
    return [...result.operations.map(({ id }) => id), ...result.codes];
  };
  assert.deepEqual(ids(['list']), ['list']);
  assert.deepEqual(ids(['todo'], ['add']), ['list']);
  assert.deepEqual(ids(['GET /*']), ['list', 'other']);
  assert.deepEqual(ids(['*/todos']), ['list', 'add']);
  assert.deepEqual(ids(['o*er', 'nothing']), ['other', 'filter-unmatched']);
});

test('case 37, N6: HEAD is offered, OPTIONS and TRACE only by name', () => {
  const paths = { '/a': { head: {}, options: { operationId: 'o' }, trace: {} } };
  assert.deepEqual(
    read(paths).operations.map(({ method }) => method),
    ['HEAD'],
  );
  const chosen = read(paths, {}, { operations: { include: ['o', 'TRACE /a'], exclude: [] } });
  assert.deepEqual(
    chosen.operations.map(({ method }) => method),
    ['OPTIONS', 'TRACE'],
  );
});

test('case 41: a parameter with content keeps its schema and media type', () => {
  const { parameters } = one('/a', {
    parameters: [{ name: 'f', in: 'query', content: { 'application/json': { schema: { type: 'object' } } } }],
  });
  assert.deepEqual(
    [parameters[0]?.contentType, parameters[0]?.schema],
    ['application/json', { type: 'object' }],
  );
});

test('D10: the schema of a parameter may stand beside it, its place may be missing', () => {
  const { operations, codes } = read({
    '/a/{b}': {
      get: {
        parameters: [{ name: 'q', in: 'query', type: 'integer', enum: [1, 2] }, { name: 'b' }, { name: 'c' }],
      },
    },
  });
  assert.deepEqual(places(operations[0]), ['path b', 'query q', 'query c']);
  assert.deepEqual(operations[0]?.parameters[1]?.schema, { type: 'integer', enum: [1, 2] });
  assert.deepEqual([...new Set(codes)], ['misplaced']);
});

test('D10: in: body in 3.x is the request body', () => {
  const { operations } = read({
    '/a': {
      post: { parameters: [{ name: 'b', in: 'body', schema: { type: 'object', properties: { x: {} } } }] },
    },
  });
  assert.deepEqual(
    [operations[0]?.parameters, operations[0]?.body?.schema],
    [[], { type: 'object', properties: { x: {} } }],
  );
});

test('a required parameter in an unknown place fails its operation, an optional one is left out', () => {
  const paths = (required: boolean) => ({
    '/a': { get: { parameters: [{ name: 'm', in: 'matrix', required }] } },
  });
  assert.deepEqual(read(paths(true)).codes, ['operation-failed']);
  assert.deepEqual(
    [read(paths(false)).operations.length, read(paths(false)).codes],
    [1, ['parameter-ignored']],
  );
});

test('D12, A4: paths without a slash are mended; those that leave the server are refused', () => {
  const { operations, codes } = read({ 'a/b': { get: {} } });
  assert.deepEqual([operations[0]?.path, codes], ['/a/b', ['path-repaired']]);
  for (const path of [
    '//evil.example/x',
    'https://evil.example/x',
    '/a/../../x',
    '/%2e%2e/x',
    '/a\\b',
    '/..;/x',
    '/a/%2E.%2fx',
  ]) {
    const result = read({ [path]: { get: {} }, '/ok': { get: {} } });
    assert.deepEqual(
      [result.operations.map((operation) => operation.path), result.codes],
      [['/ok'], ['path-refused']],
      path,
    );
  }
});

test('case 74, B3: the query part of a path key is fixed, its variables are query parameters', () => {
  const operation = one('/search?kind=a%20b&q={term}&{x}#frag', {
    parameters: [{ name: 'term', in: 'path', required: true, schema: { type: 'string', maxLength: 9 } }],
  });
  assert.equal(operation.path, '/search');
  assert.deepEqual(operation.fixedQuery, [
    ['kind', 'a b'],
    ['{x}', ''],
  ]);
  assert.deepEqual(
    operation.parameters.map(({ name, in: place, style, schema }) => [name, place, style, schema]),
    [['q', 'query', 'form', { type: 'string', maxLength: 9 }]],
  );
});

test('cases 79 and 80, B6: of several body types the preferred one is sent, as declared', () => {
  const bodies: [string[], string, string][] = [
    [['text/plain', 'application/xml', 'application/json'], 'application/json', 'json'],
    [
      ['multipart/form-data', 'application/x-www-form-urlencoded'],
      'application/x-www-form-urlencoded',
      'form',
    ],
    [
      ['application/vnd.api+json; charset=utf-8', 'text/plain'],
      'application/vnd.api+json; charset=utf-8',
      'json',
    ],
    [['application/json; charset=utf-8'], 'application/json; charset=utf-8', 'json'],
    [['text/xml', '*/*'], 'application/json', 'json'],
    [['application/xml', 'application/octet-stream'], 'application/octet-stream', 'binary'],
    [['text/xml'], 'text/xml', 'xml'],
    [['image/png'], 'image/png', 'binary'],
    [['text/csv', 'multipart/form-data'], 'multipart/form-data', 'multipart'],
  ];
  for (const [types, contentType, kind] of bodies) {
    const content = Object.fromEntries(types.map((type) => [type, {}]));
    const { body } = one('/a', { requestBody: { content } });
    assert.deepEqual([body?.contentType, body?.kind], [contentType, kind], types.join());
  }
});

test('N12: a body is optional only when the document says so', () => {
  const required = (value: unknown) =>
    one('/a', { requestBody: { content: { 'application/json': {} }, required: value } }).body?.required;
  assert.deepEqual([required(undefined), required(true), required(false)], [true, true, false]);
  assert.equal(one('/a', {}).body, null);
});

test('B8: encodings of form properties are kept as stated', () => {
  const { body } = one('/a', {
    requestBody: {
      content: {
        'multipart/form-data': {
          schema: { type: 'object' },
          encoding: { a: { contentType: 'image/png' }, b: { style: 'deepObject', explode: true } },
        },
      },
    },
  });
  assert.deepEqual(
    [...(body?.encoding ?? [])],
    [
      ['a', { contentType: 'image/png', style: 'form', explode: true, allowReserved: false }],
      ['b', { contentType: null, style: 'deepObject', explode: true, allowReserved: false }],
    ],
  );
});

test('styles have the defaults of their place; one that does not exist there is told', () => {
  const { operations, codes } = read({
    '/a': {
      get: {
        parameters: [
          query('a'),
          query('b', { explode: false }),
          query('c', { style: 'deepObject', explode: true }),
          query('d', { style: 'label' }),
          { name: 'e', in: 'header', schema: {} },
          { name: 'f', in: 'cookie', schema: {} },
        ],
      },
    },
  });
  assert.deepEqual(
    operations[0]?.parameters.map(({ style, explode }) => [style, explode]),
    [
      ['form', true],
      ['form', false],
      ['deepObject', true],
      ['form', true],
      ['simple', false],
      ['form', true],
    ],
  );
  assert.deepEqual(codes, ['misplaced']);
});

test('case 94, B11, B12: security is OR of ANDs; the operation overrides; [] asks for none', () => {
  const securitySchemes = {
    key: { type: 'apiKey', in: 'header', name: 'X-Key' },
    query: { type: 'apiKey', in: 'query', name: 'k' },
    cookie: { type: 'apiKey', in: 'cookie', name: 'sid' },
    basic: { type: 'http', scheme: 'Basic' },
    bearer: { type: 'http', scheme: 'bearer' },
    oauth: { type: 'oauth2', flows: {} },
    openid: { type: 'openIdConnect', openIdConnectUrl: 'x' },
    digest: { type: 'http', scheme: 'digest' },
  };
  const security = (own: unknown, root?: unknown) =>
    one('/a', own === undefined ? {} : { security: own }, {
      components: { securitySchemes },
      ...(root !== undefined && { security: root }),
    }).security;
  assert.equal(security(undefined), null);
  assert.deepEqual(security([]), []);
  assert.deepEqual(security([{}]), [[]]);
  assert.deepEqual(security(undefined, [{ bearer: [] }]), [[{ name: 'bearer', type: 'bearer' }]]);
  assert.deepEqual(security([], [{ bearer: [] }]), []);
  assert.deepEqual(security([{ openid: [] }]), [[{ name: 'openid', type: 'bearer' }]]);
  assert.deepEqual(security([{ key: [], basic: [] }, { oauth: ['x'] }, { digest: [] }, { none: [] }, {}]), [
    [
      { name: 'key', type: 'apiKey', in: 'header', parameter: 'X-Key' },
      { name: 'basic', type: 'basic' },
    ],
    [{ name: 'oauth', type: 'bearer' }],
    [],
  ]);
  assert.deepEqual(security([{ none: [] }]), null);
});

test('case 9: Swagger 2.0 gives the same operations as its 3.x form', () => {
  const swagger = {
    swagger: '2.0',
    host: 'api.example',
    basePath: '/v1',
    schemes: ['https'],
    consumes: ['application/json'],
    definitions: {
      Pet: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, tag: { 'x-nullable': true, type: 'string' } },
      },
    },
    paths: {
      '/pets/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, type: 'integer' }],
        put: {
          operationId: 'setPet',
          parameters: [
            {
              name: 'tags',
              in: 'query',
              type: 'array',
              items: { type: 'string' },
              collectionFormat: 'pipes',
            },
            { name: 'ids', in: 'query', type: 'array', items: { type: 'string' } },
            { name: 'body', in: 'body', required: true, schema: { $ref: '#/definitions/Pet' } },
          ],
          responses: { 200: { description: 'ok', schema: { type: 'string' } } },
          produces: ['text/plain'],
        },
      },
    },
    securityDefinitions: { k: { type: 'apiKey', in: 'query', name: 'key' }, b: { type: 'basic' } },
    security: [{ k: [] }, { b: [] }],
  };
  const modern = {
    openapi: '3.0.3',
    servers: [{ url: 'https://api.example/v1' }],
    components: {
      schemas: {
        Pet: {
          type: 'object',
          required: ['name'],
          properties: { name: { type: 'string' }, tag: { nullable: true, type: 'string' } },
        },
      },
      securitySchemes: {
        k: { type: 'apiKey', in: 'query', name: 'key' },
        b: { type: 'http', scheme: 'basic' },
      },
    },
    security: [{ k: [] }, { b: [] }],
    paths: {
      '/pets/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
        put: {
          operationId: 'setPet',
          parameters: [
            {
              name: 'tags',
              in: 'query',
              style: 'pipeDelimited',
              explode: false,
              schema: { type: 'array', items: { type: 'string' } },
            },
            {
              name: 'ids',
              in: 'query',
              explode: false,
              schema: { type: 'array', items: { type: 'string' } },
            },
          ],
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
          },
          responses: { 200: { content: { 'text/plain': { schema: { type: 'string' } } } } },
        },
      },
    },
  };
  const [before, after] = [swagger, modern].map((root) => {
    const { document } = readDocument(JSON.stringify(root), 'x');
    assert.ok(document);
    return readOperations(document, localContext).operations;
  });
  assert.deepEqual(before, after);
  assert.equal(before?.[0]?.server, 'https://api.example/v1');
});

test('N10: parameters that a security scheme fills are marked', () => {
  const securitySchemes = { k: { type: 'apiKey', in: 'header', name: 'X-Key' } };
  const { parameters } = one(
    '/a',
    { parameters: [{ name: 'x-key', in: 'header', required: true, schema: {} }, query('X-Key')] },
    { components: { securitySchemes } },
  );
  assert.deepEqual(
    parameters.map(({ in: place, credential }) => [place, credential]),
    [
      ['header', true],
      ['query', undefined],
    ],
  );
});

test('case 56: reading twice gives equal operations and leaves the document as it was', () => {
  const text = JSON.stringify({
    openapi: '3.0.0',
    paths: { '/a': { get: { parameters: [query('q', { schema: { type: 'string', nullable: true } })] } } },
  });
  const { document } = readDocument(text, 'x');
  assert.ok(document);
  assert.deepEqual(readOperations(document, localContext), readOperations(document, localContext));
  assert.equal(JSON.stringify(document.root), text);
});
