// Cases 1 to 56 of `openapi.md` section 9 that one room alone cannot show: a document installed, read and called.
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { member } from '../../src/openapi/value.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import { errorOf, installPlugin, type Called } from './called.ts';
import { document, serve, write } from './installed.ts';

const codes = ({ diagnostics }: Called) => diagnostics.map(({ code }) => code);
const ids = ({ functions }: Called) => [...functions.keys()];
const shown = (fn: PluginFunction | undefined) => fn?.definition.function.parameters;

/** A document with one GET per path. */
const withPaths = (paths: Record<string, unknown>, more: object = {}) => ({
  document: (host: string) => ({
    openapi: '3.1.0',
    info: { title: 'Edges', version: '1' },
    servers: [{ url: `http://${host}` }],
    paths,
    ...more,
  }),
});

const yaml = (host: string) => `
openapi: 3.0.1
info: {title: Edges, version: '1'}
servers: [{url: 'http://${host}'}]
paths:
  /x:
    get:
      operationId: first
      operationId: op
`;

test('case 1: YAML in a .json and JSON in a .yaml are read, and called', async (t) => {
  const inJson = await installPlugin(t, {
    document: (host) => yaml(host).replace('operationId: first\n', ''),
  });
  await inJson.call('op');
  assert.equal(inJson.received[0]?.url, '/x');
  const inYaml = await installPlugin(t, {
    manifest: { api: { type: 'openapi', url: 'todo.yaml' } },
    files: { 'openapi/todo.yaml': JSON.stringify(document('op')) },
  });
  assert.deepEqual([ids(inYaml), codes(inYaml)], [['todo__op', 'todo__opPost'], ['json-in-yaml']]);
});

test('case 2: of duplicate keys the last wins, with a warning and its line', async (t) => {
  const plugin = await installPlugin(t, { document: yaml });
  assert.deepEqual(ids(plugin), ['todo__op']);
  const [finding] = plugin.diagnostics;
  assert.deepEqual([finding?.code, finding?.severity, finding?.line], ['yaml-repaired', 'warning', 9]);
});

test('case 7: exactly 3.1.0, without a word', async (t) => {
  const plugin = await installPlugin(t, withPaths({ '/x': { get: { operationId: 'op' } } }));
  assert.deepEqual([ids(plugin), codes(plugin)], [['todo__op'], []]);
});

test('case 8: the methods of 3.2 are called as they are named', async (t) => {
  const paths = {
    '/x': { query: { operationId: 'find' }, additionalOperations: { COPY: { operationId: 'copy' } } },
  };
  const { call, received } = await installPlugin(t, withPaths(paths, { openapi: '3.2.0' }));
  for (const id of ['find', 'copy']) await call(id);
  assert.deepEqual(
    received.map(({ method }) => method),
    ['QUERY', 'COPY'],
  );
});

test('case 9: Swagger 2.0 gives the same functions and the same requests as its 3.x form', async (t) => {
  const form = [
    { name: 'note', in: 'formData', type: 'string', required: true, description: 'what' },
    { name: 'tags', in: 'formData', type: 'array', items: { type: 'string' }, collectionFormat: 'multi' },
  ];
  const list = (format: string) => ({
    name: format,
    in: 'query',
    type: 'array',
    items: { type: 'integer' },
    collectionFormat: format,
  });
  const old = await installPlugin(t, {
    document: (host) => ({
      swagger: '2.0',
      info: { title: 'Edges', version: '1' },
      host,
      basePath: '/v1',
      schemes: ['http'],
      paths: {
        '/f': {
          post: { operationId: 'form', consumes: ['application/x-www-form-urlencoded'], parameters: form },
        },
        '/q': { get: { operationId: 'lists', parameters: ['csv', 'ssv', 'pipes', 'multi'].map(list) } },
      },
    }),
  });
  const styles = {
    csv: ['form', false],
    ssv: ['spaceDelimited', false],
    pipes: ['pipeDelimited', false],
    multi: ['form', true],
  };
  const modern = await installPlugin(t, {
    document: (host) => ({
      openapi: '3.0.3',
      info: { title: 'Edges', version: '1' },
      servers: [{ url: `http://${host}/v1` }],
      paths: {
        '/f': {
          post: {
            operationId: 'form',
            requestBody: {
              content: {
                'application/x-www-form-urlencoded': {
                  schema: {
                    type: 'object',
                    required: ['note'],
                    properties: {
                      note: { type: 'string', description: 'what' },
                      tags: { type: 'array', items: { type: 'string' } },
                    },
                  },
                },
              },
            },
          },
        },
        '/q': {
          get: {
            operationId: 'lists',
            parameters: Object.entries(styles).map(([name, [style, explode]]) => ({
              name,
              in: 'query',
              style,
              explode,
              schema: { type: 'array', items: { type: 'integer' } },
            })),
          },
        },
      },
    }),
  });
  assert.deepEqual(
    [...old.functions.values()].map(({ text }) => text),
    [...modern.functions.values()].map(({ text }) => text),
  );
  for (const { call } of [old, modern]) {
    await call('form', { note: 'a b', tags: ['x', 'y'] });
    await call('lists', { csv: [1, 2], ssv: [1, 2], pipes: [1, 2], multi: [1, 2] });
  }
  const requests = ({ received }: Called) =>
    received.map(({ method, url, body }) => [method, url, body.toString()]);
  assert.deepEqual(requests(old), requests(modern));
  assert.deepEqual(requests(old), [
    ['POST', '/v1/f', 'note=a%20b&tags=x&tags=y'],
    ['GET', '/v1/q?csv=1,2&ssv=1%202&pipes=1%7C2&multi=1&multi=2', ''],
  ]);
});

test('case 10: a document full of faults loads; each costs its own operation at most, and is named', async (t) => {
  const plugin = await installPlugin(t, {
    document: (host) => ({
      openapi: '3.0.0',
      info: null,
      tags: 'none',
      servers: [{ url: `http://${host}` }],
      paths: {
        '/good': { get: { operationId: 'good', responses: {} } },
        '/bare': { get: {} },
        '/nowhere': {
          get: { operationId: 'nowhere', parameters: [{ name: 'm', in: 'matrix', required: true }] },
        },
        '/body': { post: { operationId: 'body', requestBody: { $ref: '#/none' } } },
        '/odd': {
          get: { operationId: 'odd', parameters: [{ name: 'q', in: 'query', schema: { type: 'int' } }] },
        },
        '/list': { get: { operationId: 5, summary: ['a'], parameters: 'none', responses: [] } },
      },
    }),
  });
  assert.deepEqual(ids(plugin), ['todo__get_bare', 'todo__get_list', 'todo__good', 'todo__odd']);
  const found = plugin.diagnostics.map(({ code, severity, pointer }) => [code, severity, pointer]);
  for (const [pointer, code] of [
    ['/paths/~1nowhere/get', 'operation-failed'],
    ['/paths/~1body/post', 'operation-failed'],
  ]) {
    assert.ok(
      found.some((one) => one.join() === [code, 'error', pointer].join()),
      JSON.stringify(found),
    );
  }
  assert.ok(found.every(([, severity, pointer]) => severity !== 'error' || pointer !== ''));
  assert.ok(plugin.diagnostics.every(({ line, pointer }) => line !== null || pointer === ''));
  await plugin.call('good');
  assert.equal(plugin.received.length, 1);
});

for (const [what, text, code, words] of [
  ['an HTML page', '<!doctype html><title>Not found</title>', 'not-a-document', /HTML.*Not found/],
  [
    '65 MiB',
    `{"openapi":"3.1.0","x":"${'x'.repeat(65 * 1024 * 1024)}"}`,
    'document-limit',
    /64 MiB|67108864|67,108,864/,
  ],
  ['5,000 levels', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, 'document-limit', /100/],
] as const) {
  test(`case 11: ${what} is an error that names the limit or the first characters`, async (t) => {
    const plugin = await installPlugin(t, { document: () => text });
    const [finding] = plugin.diagnostics;
    assert.deepEqual([finding?.code, finding?.severity], [code, 'error']);
    assert.match(finding?.message ?? '', words);
  });
}

test('case 12: a bad version changes nothing: the old one serves on until a good one comes', async (t) => {
  const { registry, folder, host, call, received } = await installPlugin(t);
  const during = registry.current();
  for (const bad of ['<html>502 Bad Gateway</html>', '{"openapi":', '{"openapi":"3.1.0","paths":{}}', '']) {
    await write(folder, 'openapi/todo.json', bad);
    await registry.reload();
    assert.deepEqual([...registry.current().functions.keys()], ['todo__list', 'todo__listPost']);
    assert.ok(
      registry
        .current()
        .byName.get('todo')
        ?.diagnostics.some(({ code }) => code === 'stale'),
    );
    await call('list', { q: 'x' });
  }
  assert.equal(received.length, 4);
  await write(folder, 'openapi/todo.json', document('fresh', `http://${host}/new`));
  await registry.reload();
  assert.deepEqual([...registry.current().functions.keys()], ['todo__fresh', 'todo__freshPost']);
  assert.deepEqual([...during.functions.keys()], ['todo__list', 'todo__listPost'], 'a run keeps its own');
  await call('fresh');
  assert.equal(received[4]?.url, '/new/x');
});

test('case 13: a broken reference costs the operation that needs it, no other', async (t) => {
  const paths = {
    '/a': {
      get: {
        operationId: 'needs',
        parameters: [
          { $ref: '#/components/parameters/none' },
          {
            name: 'q',
            in: 'query',
            required: true,
            content: { 'application/json': { schema: { $ref: '#/none' } } },
          },
        ],
      },
    },
    '/b': { post: { operationId: 'body', requestBody: { $ref: '#/components/requestBodies/none' } } },
    '/c': { get: { operationId: 'whole' } },
  };
  const plugin = await installPlugin(t, withPaths(paths));
  assert.deepEqual(ids(plugin), ['todo__needs', 'todo__whole']);
  assert.ok(plugin.diagnostics.every(({ pointer }) => !pointer.startsWith('/paths/~1c')));
  await plugin.call('needs', { q: { any: 'thing' } });
  await plugin.call('whole');
  assert.deepEqual(
    plugin.received.map(({ url }) => url),
    ['/a?q=%7B%22any%22%3A%22thing%22%7D', '/c'],
  );
});

test('case 14: a reference to a file or an address opens neither', async (t) => {
  const heard: string[] = [];
  const other = await serve(t, (request, response) => {
    heard.push(request.url ?? '');
    response.end('{"type":"string","description":"from the other host"}');
  });
  const secret = '{"type":"string","description":"from the file"}';
  const refs = (folder: string) => [
    `http://${other}/x.json`,
    './secret.json',
    'secret.json#/a',
    `file://${join(folder, 'openapi/secret.json')}`,
    `//${other}/x`,
  ];
  const properties = Object.fromEntries(refs('/tmp').map(($ref, at) => [`p${at}`, { $ref }]));
  const body = { content: { 'application/json': { schema: { type: 'object', properties } } } };
  const plugin = await installPlugin(t, {
    ...withPaths({ '/x': { post: { operationId: 'op', requestBody: body } } }),
    files: { 'openapi/secret.json': secret },
    settings: { egress: [other] },
  });
  const [fn] = plugin.functions.values();
  assert.deepEqual(member(shown(fn), 'properties'), { p0: {}, p1: {}, p2: {}, p3: {}, p4: {} });
  assert.deepEqual([heard, [...new Set(codes(plugin))]], [[], ['ref-external']]);
});

test('case 23: properties with the names of keywords are offered, checked and sent as properties', async (t) => {
  const properties = JSON.parse(
    '{"$ref":{"type":"string"},"type":{"type":"string"},"items":{"type":"array","items":{"type":"integer"}},"properties":{"type":"object"},"__proto__":{"type":"integer"}}',
  ) as object;
  const schema = { type: 'object', properties: { inner: { type: 'object', properties } } };
  const paths = {
    '/x': { post: { operationId: 'op', requestBody: { content: { 'application/json': { schema } } } } },
  };
  const { call, received, functions, diagnostics } = await installPlugin(t, withPaths(paths));
  assert.deepEqual(diagnostics, []);
  assert.equal(
    JSON.stringify(member(member(shown(functions.get('todo__op')), 'properties'), 'inner')),
    JSON.stringify({ type: 'object', properties }),
  );
  const text = '{"inner":{"$ref":"#/x","type":"t","items":[1],"properties":{"a":1},"__proto__":5}}';
  await call('op', text);
  assert.equal(received[0]?.body.toString(), text);
  assert.equal(errorOf(await call('op', '{"inner":{"items":"x"}}')).code, 'invalid_arguments');
});

test('case 30: names stay when operations change their order or others join', async (t) => {
  const get = (operationId: string) => ({ get: { operationId } });
  const paths = { '/a': get('x.y'), '/b': get('x_y'), '/c': get('o'.repeat(80)) };
  const plugin = await installPlugin(t, withPaths(paths));
  const before = ids(plugin);
  assert.equal(new Set(before.map((name) => name.toLowerCase())).size, 3);
  const turned = Object.fromEntries([...Object.entries(paths).toReversed(), ['/d', get('other')]]);
  await write(plugin.folder, 'openapi/todo.json', withPaths(turned).document(plugin.host));
  await plugin.registry.reload();
  assert.deepEqual(
    [...plugin.registry.current().functions.keys()].toSorted(),
    [...before, 'todo__other'].toSorted(),
  );
});

test('case 35: webhooks and callbacks are no functions', async (t) => {
  const callbacks = { onEvent: { '{$request.body#/url}': { post: { operationId: 'callback' } } } };
  const plugin = await installPlugin(
    t,
    withPaths(
      { '/x': { get: { operationId: 'op', callbacks } } },
      { webhooks: { w: { post: { operationId: 'hook' } } } },
    ),
  );
  assert.deepEqual(ids(plugin), ['todo__op']);
});

test('case 37: HEAD is called, OPTIONS and TRACE are not offered', async (t) => {
  const item = { head: { operationId: 'head' }, options: { operationId: 'o' }, trace: { operationId: 't' } };
  const listener: RequestListener = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 5 }).end();
  const plugin = await installPlugin(t, { ...withPaths({ '/x': item }), listener });
  assert.deepEqual(ids(plugin), ['todo__head']);
  const { content } = await plugin.call('head');
  assert.equal(content, '{"status":200,"headers":{"content-type":"text/plain","content-length":"5"}}');
  assert.equal(plugin.received[0]?.method, 'HEAD');
});

test('case 47: a variant of a discriminated union is chosen by its tag, and sent with it', async (t) => {
  const schemas = {
    Cat: {
      type: 'object',
      required: ['lives'],
      properties: { kind: { type: 'string' }, lives: { type: 'integer' } },
    },
    Dog: {
      type: 'object',
      required: ['bark'],
      properties: { kind: { type: 'string' }, bark: { type: 'string' } },
    },
  };
  const oneOf = Object.keys(schemas).map((name) => ({ $ref: `#/components/schemas/${name}` }));
  const schema = { oneOf, discriminator: { propertyName: 'kind' } };
  const paths = {
    '/x': { post: { operationId: 'op', requestBody: { content: { 'application/json': { schema } } } } },
  };
  const { call, received } = await installPlugin(t, withPaths(paths, { components: { schemas } }));
  await call('op', { body: { kind: 'Dog', bark: 'wuff' } });
  assert.equal(received[0]?.body.toString(), '{"kind":"Dog","bark":"wuff"}');
  assert.equal(errorOf(await call('op', { body: { kind: 'Cat', bark: 'wuff' } })).code, 'invalid_arguments');
});

test('case 55: hostile and foreign patterns cost neither loading nor calling any time', async (t) => {
  const patterns = ['^(a+)+$', '^(?:a|a)*$', '(?i)^[a-z]+$', '[', String.raw`\p{Alpha}++`, '(?<=x)'];
  const parameters = patterns.map((pattern, at) => ({
    name: `p${at}`,
    in: 'query',
    schema: { type: 'string', pattern },
  }));
  const { call, received } = await installPlugin(
    t,
    withPaths({ '/x': { get: { operationId: 'op', parameters } } }),
  );
  const value = `${'a'.repeat(40)}!`;
  const started = performance.now();
  await call('op', Object.fromEntries(parameters.map(({ name }) => [name, value])));
  assert.ok(performance.now() - started < 500);
  assert.equal([...new URL(received[0]?.url ?? '', 'http://x').searchParams].length, patterns.length);
});

test('case 56: two gateways make the same bytes of one document', async (t) => {
  const texts = await Promise.all(
    [1, 2].map(async () => {
      const { functions } = await installPlugin(
        t,
        withPaths({ '/x/{a}': { get: { operationId: 'op', description: 'd' } } }),
      );
      return [...functions.values()].map(({ text }) => text);
    }),
  );
  assert.deepEqual(texts[0], texts[1]);
});
