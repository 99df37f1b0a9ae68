// Cases 57 to 95 of `openapi.md` section 9: from a document and a model's arguments to the bytes that reach the API.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import { errorOf, installPlugin, type Called, type Received } from './called.ts';
import { serve } from './installed.ts';

interface Given {
  readonly path?: string;
  readonly method?: string;
  readonly parameters?: unknown[];
  readonly body?: { readonly type: string; readonly schema?: unknown; readonly encoding?: unknown };
  /** Over the operation. */
  readonly operation?: JsonObject;
  /** Over the root of the document. */
  readonly root?: JsonObject;
  readonly settings?: JsonObject;
  readonly fetched?: boolean;
}

/** Installs a plugin with one operation, `op`, under `/base` of its API. */
function install(t: TestContext, given: Given): Promise<Called> {
  const { path = '/x', method = 'get', parameters = [], body, operation = {}, root = {} } = given;
  const content = body && {
    [body.type]: { schema: body.schema ?? {}, ...(body.encoding ? { encoding: body.encoding } : {}) },
  };
  const op = { operationId: 'op', parameters, ...(content && { requestBody: { content } }), ...operation };
  return installPlugin(t, {
    document: (host) => ({
      openapi: '3.1.0',
      info: { title: 'Edges', version: '1' },
      servers: [{ url: `http://${host}/base` }],
      ...root,
      paths: { [path]: { [method]: op } },
    }),
    settings: given.settings ?? {},
    fetched: given.fetched ?? false,
  });
}

/** The request that a call makes. */
async function sent(t: TestContext, given: Given, args: Json = {}): Promise<Received> {
  const { call, received } = await install(t, given);
  const result = await call('op', args);
  assert.equal(received.length, 1, result.content);
  return received[0] as Received;
}

/** Asserts that a call is answered with an error and that the API hears nothing. */
async function refused(t: TestContext, given: Given, args: Json, code = 'invalid_arguments'): Promise<void> {
  const { call, received } = await install(t, given);
  const result = await call('op', args);
  assert.equal(errorOf(result).code, code, result.content);
  assert.deepEqual(received, []);
}

const parameter = (place: string, name: string, more: object = {}) => ({
  name,
  in: place,
  ...(place === 'path' && { required: true }),
  schema: {},
  ...more,
});
const inPath = (name: string, more?: object) => parameter('path', name, more);
const inQuery = (name: string, more?: object) => parameter('query', name, more);
const inHeader = (name: string, more?: object) => parameter('header', name, more);

/** Case, what it shows, operation, arguments, what stands in the request line behind `/base`. */
type Row = readonly [number: number, what: string, given: Given, args: Json, url: string];

const list = ['blue', 'black'];
const object = { R: 100, G: 200 };
const item: Given = { path: '/items/{id}', parameters: [inPath('id')] };
const styled = (path: string, style: string, explode: boolean): Given => ({
  path,
  parameters: [inPath('color', { style, explode })],
});
const asked = (more: object): Given => ({ parameters: [inQuery('color', more)] });

const requestLines: readonly Row[] = [
  [
    57,
    'reserved characters of a path value are encoded',
    item,
    { id: 'a/b c?d#e' },
    '/items/a%2Fb%20c%3Fd%23e',
  ],
  [59, 'dollar signs are literal', item, { id: 'a$&b$1' }, '/items/a%24%26b%241'],
  [60, 'a variable that stands twice', { path: '/a/{id}/b/{id}' }, { id: 7 }, '/a/7/b/7'],
  [61, 'an undeclared path variable', { path: '/a/{what}' }, { what: 'x' }, '/a/x'],
  [62, 'a path array, simple', styled('/{color}', 'simple', false), { color: list }, '/blue,black'],
  [63, 'label', styled('/a{color}', 'label', false), { color: list }, '/a.blue,black'],
  [63, 'label, exploded', styled('/a{color}', 'label', true), { color: object }, '/a.R=100.G=200'],
  [64, 'matrix', styled('/a{color}', 'matrix', false), { color: list }, '/a;color=blue,black'],
  [64, 'matrix, exploded', styled('/a{color}', 'matrix', true), { color: list }, '/a;color=blue;color=black'],
  [65, 'a query array repeats its name', asked({}), { color: list }, '/x?color=blue&color=black'],
  [66, 'explode false joins by commas', asked({ explode: false }), { color: list }, '/x?color=blue,black'],
  [67, 'pipes', asked({ style: 'pipeDelimited', explode: false }), { color: list }, '/x?color=blue%7Cblack'],
  [
    67,
    'blanks',
    asked({ style: 'spaceDelimited', explode: false }),
    { color: list },
    '/x?color=blue%20black',
  ],
  [
    68,
    'deepObject',
    asked({ style: 'deepObject', explode: true }),
    { color: object },
    '/x?color%5BR%5D=100&color%5BG%5D=200',
  ],
  [
    68,
    'deepObject, nested',
    asked({ style: 'deepObject' }),
    { color: { b: { c: 1 } } },
    '/x?color%5Bb%5D%5Bc%5D=1',
  ],
  [69, 'a form object', asked({ explode: false }), { color: object }, '/x?color=R,100,G,200'],
  [69, 'a form object, exploded', asked({}), { color: object }, '/x?R=100&G=200'],
  [
    70,
    'a JSON content parameter',
    { parameters: [{ name: 'f', in: 'query', content: { 'application/json': { schema: {} } } }] },
    { f: { a: [1] } },
    '/x?f=%7B%22a%22%3A%5B1%5D%7D',
  ],
  [
    71,
    'false, 0 and "" are sent, null and absent ones are not',
    { parameters: ['a', 'b', 'c', 'd', 'e'].map((name) => inQuery(name, { allowEmptyValue: true })) },
    { a: false, b: 0, c: '', d: null },
    '/x?a=false&b=0&c=',
  ],
  [
    72,
    'allowReserved keeps what is reserved but & # + %',
    asked({ allowReserved: true }),
    { color: 'a/b?c:d&e#f+g%h' },
    '/x?color=a/b?c:d%26e%23f%2Bg%25h',
  ],
  [
    73,
    'odd names are encoded once',
    { parameters: [inQuery('filter[x]'), inQuery('$top')] },
    { filter_x: 'a', top: 5 },
    '/x?filter%5Bx%5D=a&%24top=5',
  ],
  [
    74,
    'the query of a path key is merged, and wins',
    { path: '/x?fixed=1', parameters: [inQuery('q'), inQuery('fixed')] },
    { q: 'a', fixed: 2 },
    '/x?q=a&fixed=1',
  ],
  [
    77,
    'arguments, headers and options that are not declared are dropped',
    asked({}),
    { color: 'blue', headers: { 'x-evil': '1' }, url: 'http://evil.example', method: 'DELETE', other: 1 },
    '/x?color=blue',
  ],
];

for (const [number, what, given, args, url] of requestLines) {
  test(`case ${number}: ${what}`, async (t) => {
    const request = await sent(t, given, args);
    assert.equal(request.url, `/base${url}`);
    assert.equal(request.headers['x-evil'], undefined);
  });
}

test('case 52: one name in path, query, header and body: each is said and sent', async (t) => {
  const given: Given = {
    path: '/u/{id}',
    method: 'post',
    parameters: [inPath('id'), inQuery('id'), inHeader('id')],
    body: { type: 'application/json', schema: { type: 'object', properties: { id: {} } } },
  };
  const request = await sent(t, given, { id: 'p', query_id: 'q', header_id: 'h', body_id: 'b' });
  assert.deepEqual(
    [request.url, request.headers['id'], request.body.toString()],
    ['/base/u/p?id=q', 'h', '{"id":"b"}'],
  );
});

for (const id of ['..', '.', '%2e%2e', 'a\\..', '']) {
  test(`case 58: the path value ${JSON.stringify(id)} is refused, nothing is sent`, (t) =>
    refused(t, item, { id }));
}

test('case 76: header arrays and objects are simple', async (t) => {
  const given = { parameters: [inHeader('X-List'), inHeader('X-Map')] };
  const { headers } = await sent(t, given, { 'X-List': ['a', 'b'], 'X-Map': object });
  assert.deepEqual([headers['x-list'], headers['x-map']], ['a,b', 'R,100,G,200']);
});

for (const value of ['€', 'a\r\nx-evil: 1', 'a\nb', 'a\0']) {
  test(`case 76: the header value ${JSON.stringify(value)} is refused, nothing is sent`, (t) =>
    refused(t, { parameters: [inHeader('X-A')] }, { 'X-A': value }));
}

test('case 78: a cookie parameter', async (t) => {
  const { headers } = await sent(t, { parameters: [parameter('cookie', 'sid')] }, { sid: 'abc' });
  assert.equal(headers.cookie, 'sid=abc');
});

test('case 75: a form body with arrays, nesting and an encoding', async (t) => {
  const schema = { type: 'object', properties: { a: {}, list: {}, obj: {}, deep: {} } };
  const type = 'application/x-www-form-urlencoded';
  const encoding = { deep: { style: 'deepObject', explode: true } };
  const given = { method: 'post', body: { type, schema, encoding } };
  const args = { a: 'x y&b=1', list: [1, 2], obj: { k: 1 }, deep: { k: { l: 2 } } };
  const { headers, body } = await sent(t, given, args);
  assert.equal(headers['content-type'], type, 'case 82: the declared type');
  assert.deepEqual(
    [...new URLSearchParams(body.toString())],
    [
      ['a', 'x y&b=1'],
      ['list', '1'],
      ['list', '2'],
      ['obj', '{"k":1}'],
      ['deep[k][l]', '2'],
    ],
  );
});

test('case 79: of several body types JSON is sent, wherever it is listed', async (t) => {
  const content = { 'text/plain': {}, 'multipart/form-data': {}, 'application/json': {} };
  const given = { method: 'post', operation: { requestBody: { content } } };
  assert.equal((await sent(t, given, { body: [1] })).headers['content-type'], 'application/json');
});

for (const [declared, expected] of [
  ['application/vnd.api+json', 'application/vnd.api+json'],
  ['application/json; charset=utf-8', 'application/json; charset=utf-8'],
  ['*/*', 'application/json'],
]) {
  test(`case 80: a body of the type ${declared} is JSON of that type`, async (t) => {
    const { headers, body } = await sent(
      t,
      { method: 'post', body: { type: declared ?? '' } },
      { body: { a: 1 } },
    );
    assert.deepEqual([headers['content-type'], body.toString()], [expected, '{"a":1}']);
  });
}

for (const [schema, value] of [
  [{ type: 'array', items: { type: 'integer' } }, [1, 2]],
  [{ type: 'string' }, 'text'],
  [{ type: 'number' }, 5.5],
  [{ oneOf: [{ type: 'integer' }, { type: 'object', properties: { a: {} } }] }, { a: 1 }],
] as const) {
  test(`case 81: a JSON body that is ${JSON.stringify(value)} is sent as such`, async (t) => {
    const given = { method: 'post', body: { type: 'application/json', schema } };
    assert.equal((await sent(t, given, { body: value as Json })).body.toString(), JSON.stringify(value));
  });
}

test('case 83: multipart with a file: bytes, file name, part type, boundary', async (t) => {
  const properties = { file: { type: 'string', format: 'binary' }, note: { type: 'string' } };
  const type = 'multipart/form-data';
  const encoding = { file: { contentType: 'image/png' } };
  const given = { method: 'post', body: { type, schema: { type: 'object', properties }, encoding } };
  const { headers, body } = await sent(t, given, { file: 'AP8Q', note: 'grüße' });
  const init = { headers: { 'content-type': headers['content-type'] ?? '' } };
  const form = await new Response(Uint8Array.from(body), init).formData();
  const file = form.get('file') as File;
  assert.deepEqual([file.name, file.type, form.get('note')], ['file.png', 'image/png', 'grüße']);
  assert.deepEqual(Buffer.from(await file.arrayBuffer()), Buffer.from([0, 255, 16]));
});

test('case 84: text goes raw, an octet stream as its bytes', async (t) => {
  const text = await sent(t, { method: 'post', body: { type: 'text/plain' } }, { body: 'a\n"b"' });
  assert.deepEqual([text.headers['content-type'], text.body.toString()], ['text/plain', 'a\n"b"']);
  const bytes = await sent(
    t,
    { method: 'post', body: { type: 'application/octet-stream' } },
    { body: 'AP8Q' },
  );
  assert.deepEqual(bytes.body, Buffer.from([0, 255, 16]));
});

test('case 85: an XML body is text, with a warning', async (t) => {
  const { call, received, diagnostics } = await install(t, {
    method: 'post',
    body: { type: 'application/xml' },
  });
  await call('op', { body: '<a b="1"/>' });
  assert.deepEqual(
    [received[0]?.headers['content-type'], received[0]?.body.toString()],
    ['application/xml', '<a b="1"/>'],
  );
  assert.deepEqual(
    diagnostics.map(({ code, severity }) => [code, severity]),
    [['xml-body', 'warning']],
  );
});

test('case 86: no declared body: none is sent, and no Content-Type', async (t) => {
  const { headers, body } = await sent(t, { method: 'post' }, { body: { a: 1 } });
  assert.deepEqual([headers['content-type'], body.length], [undefined, 0]);
});

for (const method of ['get', 'delete']) {
  test(`case 87: ${method.toUpperCase()} with a declared body sends it`, async (t) => {
    const schema = { type: 'object', properties: { a: {} } };
    const request = await sent(t, { method, body: { type: 'application/json', schema } }, { a: 1 });
    assert.deepEqual([request.method, request.body.toString()], [method.toUpperCase(), '{"a":1}']);
  });
}

test('case 88: base path and trailing slash; an unusable first server is passed over', async (t) => {
  const { call, received } = await installPlugin(t, {
    document: (host) => ({
      openapi: '3.1.0',
      servers: [{ url: 'https://your-app-url.com' }, { url: `http://${host}/v1/` }],
      paths: { '/x': { get: { operationId: 'op' } } },
    }),
  });
  await call('op');
  assert.equal(received[0]?.url, '/v1/x');
});

test('case 89: server variables take their default', async (t) => {
  const { call, received } = await installPlugin(t, {
    document: (host) => ({
      openapi: '3.1.0',
      servers: [
        { url: 'http://{host}/{v}', variables: { host: { default: host }, v: { enum: ['v2', 'v1'] } } },
      ],
      paths: { '/x': { get: { operationId: 'op' } } },
    }),
  });
  await call('op', { host: 'evil.example', v: 'v1' });
  assert.equal(received[0]?.url, '/v2/x');
});

test('case 90: a relative server is read against the URL of the document', async (t) => {
  const given: Given = { root: { servers: [{ url: '/v2' }] }, fetched: true };
  assert.equal((await sent(t, given)).url, '/v2/x');
});

test('case 91: without servers the site of the document is called', async (t) => {
  const given: Given = { root: { servers: [] }, fetched: true };
  assert.equal((await sent(t, given)).url, '/x');
});

test('case 92: the nearest servers win: operation, path, root', async (t) => {
  const { call, received } = await installPlugin(t, {
    document: (host) => {
      const at = (path: string) => [{ url: `http://${host}/${path}` }];
      return {
        openapi: '3.1.0',
        servers: at('document'),
        paths: {
          '/x': {
            servers: at('path'),
            get: { operationId: 'own', servers: at('own') },
            put: { operationId: 'path' },
          },
          '/y': { get: { operationId: 'root' } },
        },
      };
    },
  });
  for (const id of ['own', 'path', 'root']) await call(id);
  assert.deepEqual(
    received.map(({ url }) => url),
    ['/own/x', '/path/x', '/document/y'],
  );
});

test('case 93: a path key that leads elsewhere is refused, alone', async (t) => {
  const elsewhere: string[] = [];
  const evil = await serve(t, (request, response) => {
    elsewhere.push(request.url ?? '');
    response.end('{}');
  });
  const { functions, diagnostics, call, received } = await installPlugin(t, {
    document: (host) => ({
      openapi: '3.1.0',
      servers: [{ url: `http://${host}/base` }],
      paths: Object.fromEntries(
        [`//${evil}/x`, `http://${evil}/x`, '/../x', '/%2e%2e/x', '/a/..;/x', '/ok'].map((path, at) => [
          path,
          { get: { operationId: `op${at}` } },
        ]),
      ),
    }),
    settings: { egress: [evil] },
  });
  assert.deepEqual([...functions.keys()], ['todo__op5']);
  assert.deepEqual(
    diagnostics.map(({ code, severity }) => [code, severity]),
    Array.from({ length: 5 }, () => ['path-refused', 'error']),
  );
  await call('op5');
  assert.deepEqual([received.map(({ url }) => url), elsewhere], [['/base/ok'], []]);
});

test('case 93: no argument moves a request off its origin and base path', async (t) => {
  const elsewhere: string[] = [];
  const evil = await serve(t, (request) => void elsewhere.push(request.url ?? ''));
  const { call, received } = await installPlugin(t, {
    document: (host) => ({
      openapi: '3.1.0',
      servers: [{ url: `http://${host}/base` }],
      paths: {
        '/a/{p}{q}': {
          get: {
            operationId: 'op',
            parameters: [inPath('p'), inPath('q', { style: 'matrix' }), inQuery('s'), inHeader('X-H')],
          },
        },
      },
    }),
    settings: { egress: [evil] },
  });
  const values = [
    `//${evil}/`,
    `@${evil}/x`,
    `http://${evil}/`,
    '/../..',
    '..%2f..',
    '\\\\evil\\x',
    '?x',
    '#',
    ' HTTP/1.1',
  ];
  for (const value of values) {
    for (const name of ['p', 'q', 's', 'X-H'])
      await call('op', { p: 'p', q: 'q', s: 's', 'X-H': 'h', [name]: value });
  }
  assert.deepEqual(elsewhere, []);
  assert.ok(received.length > 10);
  for (const { url, headers } of received) {
    assert.match(url, /^\/base\/a\/[^/?#\\ ]+\?s=[^#& ]*$/);
    assert.notEqual(headers.host, evil);
  }
});

const schemes = {
  head: { type: 'apiKey', in: 'header', name: 'X-Key' },
  ask: { type: 'apiKey', in: 'query', name: 'key' },
  cook: { type: 'apiKey', in: 'cookie', name: 'sid' },
  basic: { type: 'http', scheme: 'basic' },
  bearer: { type: 'http', scheme: 'bearer' },
  oauth: { type: 'oauth2', flows: {} },
};
const secured = (security: JsonObject[], credential: Json): Given => ({
  operation: { security },
  root: { components: { securitySchemes: schemes } },
  settings: { credential },
});

for (const [scheme, secret, where, expected] of [
  ['head', 'k1', 'x-key', 'k1'],
  ['cook', 'k3', 'cookie', 'sid=k3'],
  ['basic', 'u:p', 'authorization', 'Basic dTpw'],
  ['bearer', 'k5', 'authorization', 'Bearer k5'],
  ['oauth', 'k6', 'authorization', 'Bearer k6'],
] as const) {
  test(`case 94: a credential for the scheme ${scheme} goes into ${where}`, async (t) => {
    const { headers } = await sent(t, secured([{ [scheme]: [] }], { [scheme]: secret }));
    assert.equal(headers[where], expected);
  });
}

test('case 94: an apiKey in the query; of several alternatives the first that can be met; [] sends none', async (t) => {
  const both = secured([{ head: [], ask: [] }, { bearer: [] }], { ask: 'k2', head: 'k1', bearer: 'b' });
  const first = await sent(t, both);
  assert.deepEqual(
    [first.url, first.headers['x-key'], first.headers.authorization],
    ['/base/x?key=k2', 'k1', undefined],
  );
  const second = await sent(t, secured([{ head: [], ask: [] }, { bearer: [] }], { ask: 'k2', bearer: 'b' }));
  assert.deepEqual([second.url, second.headers.authorization], ['/base/x', 'Bearer b']);
  const none = await sent(t, secured([], { bearer: 'b' }));
  assert.deepEqual([none.url, none.headers.authorization], ['/base/x', undefined]);
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`case 95: ${status} is not followed, to no host; the model is told`, async (t) => {
    const elsewhere: string[] = [];
    const other = await serve(t, (request) => void elsewhere.push(request.url ?? ''));
    const { call, received } = await installPlugin(t, {
      listener: (request, response) => {
        const to = request.url?.includes('q=own') ? '/base/y' : `http://${other}/latest/meta-data`;
        response.writeHead(status, { location: to }).end();
      },
      settings: { egress: [other] },
    });
    for (const q of ['own', 'foreign']) {
      for (const id of ['list', 'listPost']) {
        const result = await call(id, { q });
        const error = errorOf(result);
        assert.deepEqual([error.code, error.retryable], ['plugin_http_error', false]);
        assert.doesNotMatch(result.content, /meta-data|127\.0\.0\.1/);
      }
    }
    assert.deepEqual([received.length, elsewhere], [4, []]);
  });

  test(`case 95: ${status} of a GET is followed where the operator allows it, to the same server alone`, async (t) => {
    const elsewhere: string[] = [];
    const other = await serve(t, (request) => void elsewhere.push(request.url ?? ''));
    const targets: Record<string, string> = {
      own: '/base/y?page=2',
      relative: 'y',
      foreign: `http://${other}/base/y`,
      above: '/latest',
      climbing: '/base/%2e%2e/latest',
      loop: '/base/x?q=loop',
    };
    const { call, received } = await installPlugin(t, {
      listener: (request, response) => {
        const to = targets[/q=(\w+)/.exec(request.url ?? '')?.[1] ?? ''];
        if (to === undefined) response.end('"there"');
        else response.writeHead(status, { location: to }).end();
      },
      settings: { egress: [other], redirects: true },
    });
    for (const [q, urls] of [
      ['own', ['/base/x?q=own', '/base/y?page=2']],
      ['relative', ['/base/x?q=relative', '/base/y']],
      ['foreign', ['/base/x?q=foreign']],
      ['above', ['/base/x?q=above']],
      ['climbing', ['/base/x?q=climbing']],
      ['loop', Array(4).fill('/base/x?q=loop')],
    ] as const) {
      received.length = 0;
      const { content } = await call('list', { q });
      assert.deepEqual(
        received.map(({ url }) => url),
        urls,
      );
      assert.equal(content === '"there"', q === 'own' || q === 'relative');
    }
    received.length = 0;
    await call('listPost', { q: 'own' });
    assert.equal(received.length, 1);
    assert.deepEqual(elsewhere, []);
  });
}
