// What is installed: loading, failing alone, reloading.
import assert from 'node:assert/strict';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Plugin, Registry } from '../../src/plugin/registry.ts';
import { silentLog, type Log } from '../../src/telemetry/log.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { create, document, manifest, open, serve, write } from './installed.ts';

function codes(plugin: Plugin | undefined): string[] {
  return (plugin?.diagnostics ?? []).map((finding) => finding.code);
}

function states(registry: Registry): Record<string, string> {
  return Object.fromEntries(registry.current().plugins.map((plugin) => [plugin.name, plugin.state]));
}

const todo = { 'todo.json': manifest('todo'), 'openapi/todo.json': document('list') };

describe('loading', () => {
  test('a folder as it stands: manifest, local document, functions', async (t) => {
    const { registry, folder } = await open(t, { files: todo });
    const snapshot = registry.current();
    const plugin = snapshot.byName.get('todo');
    assert.equal(plugin?.state, 'ok');
    assert.equal(plugin?.source, join(folder, 'todo.json'));
    assert.equal(plugin?.document, join(folder, 'openapi/todo.json'));
    assert.deepEqual(plugin?.origins, ['https://api.x.example']);
    assert.deepEqual([...snapshot.functions.keys()], ['todo__list', 'todo__listPost']);
    assert.ok(Object.isFrozen(snapshot) && Object.isFrozen(plugin) && Object.isFrozen(plugin?.functions));
  });

  test('broken plugins say why and take no other down (M2)', async (t) => {
    const { registry } = await open(t, {
      files: {
        ...todo,
        'syntax.json': '{\n  "name_for_model": "x",\n',
        'nothing.json': '',
        'lacks.json': manifest('lacks', { description_for_model: undefined }),
        'absent.json': manifest('absent'),
        'outside.json': manifest('outside', { api: { url: '../../etc/x.yaml' } }),
        'page.json': manifest('page'),
        'openapi/page.json': '<!doctype html><p>gone',
        'large.json': `"${'x'.repeat(300_000)}"`,
      },
    });
    const { byName, functions } = registry.current();
    const errors = [...byName.values()].map(({ name, state, diagnostics }) => [
      name,
      state,
      diagnostics.find(({ severity }) => severity === 'error')?.code,
    ]);
    assert.deepEqual(errors, [
      ['absent', 'error', 'document-unreachable'],
      ['lacks', 'error', 'field-missing'],
      ['large', 'error', 'manifest-limit'],
      ['nothing', 'error', 'not-a-manifest'],
      ['outside', 'error', 'document-path'],
      ['page', 'error', 'not-a-document'],
      ['syntax', 'error', 'manifest-json'],
      ['todo', 'ok', undefined],
    ]);
    assert.equal(byName.get('syntax')?.diagnostics[0]?.line, 3);
    assert.equal(functions.size, 2);
  });

  test('every finding names its file and line, whenever it is made', async (t) => {
    const text = (name: string, more: object) => JSON.stringify(manifest(name, more), null, 1);
    const wrapped = { domain: 'x.example', manifest: manifest('wrapped', { api: { url: 'absent.json' } }) };
    const long = { get: { operationId: 'list', description: 'word '.repeat(400) } };
    const { registry, folder } = await open(t, {
      files: {
        'todo.json': text('todo', { auth: { type: 'service_http', authorization_type: 'bearer' } }),
        'second.json': text('todo', { api: { url: 'todo.json' }, headers: { host: 'x' } }),
        'wrapped.json': JSON.stringify(wrapped, null, 1),
        'openapi/todo.json': `{"openapi": "3.0.0",\n"servers": [{"url": "https://x.example"}],\n"paths": {\n"/x": ${JSON.stringify(long)}}}`,
      },
    });
    const found = registry.current().plugins.flatMap(({ diagnostics }) => diagnostics);
    assert.deepEqual(
      found.map(({ code, source, pointer, line }) => [code, source.slice(folder.length + 1), pointer, line]),
      [
        ['credential-missing', 'todo.json', '/auth', 7],
        ['description-cut', 'openapi/todo.json', '/paths/~1x/get', 4],
        ['name-duplicate', 'second.json', '/name_for_model', 3],
        ['header-refused', 'second.json', '/headers', 16],
        ['description-cut', 'openapi/todo.json', '/paths/~1x/get', 4],
        ['document-unreachable', 'wrapped.json', '/manifest/api/url', 13],
      ],
    );
  });

  test('a plugin with OAuth is shown and its functions are not offered', async (t) => {
    const auth = {
      type: 'oauth',
      client_url: 'https://x.example/login',
      authorization_url: 'https://x.example/token',
      scope: '',
      authorization_content_type: 'application/json',
      verification_tokens: { openai: 'x' },
    };
    const files = { 'todo.json': manifest('todo', { auth }), 'openapi/todo.json': document('list') };
    const { registry } = await open(t, { files });
    const plugin = registry.current().byName.get('todo');
    assert.equal(plugin?.state, 'needs-oauth');
    assert.equal(plugin?.functions.length, 2);
    assert.equal(registry.current().functions.size, 0);
    assert.ok(codes(plugin).includes('needs-oauth'));
    const given = await open(t, { files, settings: { todo: { credential: 'token-of-the-operator' } } });
    assert.equal(given.registry.current().functions.size, 2);
  });

  test('a missing credential is announced at loading', async (t) => {
    const auth = {
      type: 'service_http',
      authorization_type: 'bearer',
      verification_tokens: { openai: 'REPLACE' },
    };
    const files = { 'todo.json': manifest('todo', { auth }), 'openapi/todo.json': document('list') };
    const { registry } = await open(t, { files });
    assert.ok(codes(registry.current().byName.get('todo')).includes('credential-missing'));
  });

  test('of two plugins of one name the file of that name has the settings (M6)', async (t) => {
    const files = { ...todo, 'another.json': manifest('todo') };
    const settings = { todo: { operations: { include: ['list'] } } };
    const { registry } = await open(t, { files, settings });
    const [first, second] = registry.current().plugins;
    assert.equal(first?.name, 'todo');
    assert.equal(first?.functions.length, 1);
    assert.match(second?.name ?? '', /^todo_[0-9a-f]{4}$/);
    assert.equal(second?.functions.length, 2);
    assert.ok(codes(second).includes('name-duplicate'));
  });

  test('names that are members of Object are names like others (D8)', async (t) => {
    const files = {
      'a.json': manifest('__proto__', { api: { url: 'todo.json' } }),
      'b.json': manifest('constructor', { api: { url: 'todo.json' } }),
      'openapi/todo.json': document('toString'),
    };
    const before = Object.getOwnPropertyNames(Object.prototype).length;
    const { registry } = await open(t, { files });
    assert.deepEqual(
      registry
        .current()
        .plugins.map(({ name }) => name)
        .toSorted(),
      ['__proto__', 'constructor'],
    );
    assert.equal(registry.current().functions.size, 4);
    assert.equal(Object.getOwnPropertyNames(Object.prototype).length, before);
  });

  test('the snapshot does not depend on the order of the sources', async (t) => {
    const files = { ...todo, 'books.json': manifest('books'), 'openapi/books.json': document('find') };
    const { registry } = await open(t, { files });
    assert.deepEqual(
      [...registry.current().functions.keys()],
      ['books__find', 'books__findPost', 'todo__list', 'todo__listPost'],
    );
  });
});

describe('settings', () => {
  test('spec, server, operations, params and headers are applied', async (t) => {
    const files = {
      'todo.json': manifest('todo', {
        params: { q: 'a', r: 1 },
        headers: { 'X-One': '1', 'X-Two': '2', librechat_user_id: 'X-User' },
      }),
      'openapi/own.json': document('own'),
    };
    const settings = {
      todo: {
        spec: 'own.json',
        server: 'https://other.example/base',
        operations: { include: [], exclude: ['ownPost'] },
        params: { q: 'b' },
        headers: { 'x-two': 22, librechat_user_id: 'X-Other' },
      },
    };
    const { registry } = await open(t, { files, settings });
    const plugin = registry.current().byName.get('todo');
    assert.deepEqual(
      plugin?.functions.map((fn) => fn.operation.server),
      ['https://other.example/base'],
    );
    assert.deepEqual(
      [...(plugin?.params ?? [])],
      [
        ['q', 'b'],
        ['r', 1],
      ],
    );
    assert.deepEqual(
      [...(plugin?.headers ?? [])],
      [
        ['x-one', '1'],
        ['x-two', '22'],
      ],
    );
    assert.equal(plugin?.manifest?.userIdHeader, 'X-Other');
    assert.deepEqual(
      Object.keys(plugin?.functions[0]?.definition.function.parameters['properties'] ?? {}),
      [],
    );
  });

  test('a header that is not the operator to set, or holds a line break, is an error of its own (A10, M17)', async (t) => {
    const files = {
      'todo.json': manifest('todo', { headers: { Host: 'x', 'x-a': 'a\r\nb', ok: '1' } }),
      'openapi/todo.json': document('list'),
    };
    const { registry } = await open(t, { files });
    const plugin = registry.current().byName.get('todo');
    assert.deepEqual([...(plugin?.headers.keys() ?? [])], ['ok']);
    assert.equal(plugin?.state, 'warning');
    assert.deepEqual(codes(plugin).toSorted(), ['header-invalid', 'header-refused']);
  });

  test('settings of a plugin that is not installed are said to be unused', async (t) => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };
    await open(t, { files: todo, settings: { tood: {} }, log });
    assert.deepEqual(warnings, ['plugins.settings.tood is not used: no installed plugin has this name']);
  });
});

describe('over the network', () => {
  test('a manifest by URL, with its document beside it, and a bare document (M1, M21)', async (t) => {
    const asked: string[] = [];
    const host = await serve(t, (request, response) => {
      asked.push(request.url ?? '');
      const body = request.url?.endsWith('/ai-plugin.json')
        ? manifest('remote', { api: { url: 'openapi.json' } })
        : document('go', `http://${request.headers.host}`);
      response.end(JSON.stringify(body));
    });
    const install = [`http://${host}/plugins/ai-plugin.json`, `http://${host}/bare/openapi.json`];
    const { registry } = await open(t, { install, allow: [host] });
    assert.deepEqual(states(registry), { API_of_go: 'ok', remote: 'ok' });
    assert.deepEqual(asked.toSorted(), [
      '/bare/openapi.json',
      '/plugins/ai-plugin.json',
      '/plugins/openapi.json',
    ]);
    assert.deepEqual(registry.current().byName.get('API_of_go')?.origins, [`http://${host}`]);
  });

  test('an address that is not allowed is refused, naming what to allow (E5)', async (t) => {
    const host = await serve(t, (_request, response) => response.end('{}'));
    const { registry } = await open(t, { install: [`http://${host}/ai-plugin.json`] });
    const [plugin] = registry.current().plugins;
    assert.equal(plugin?.state, 'error');
    assert.match(plugin?.diagnostics[0]?.message ?? '', new RegExp(`allow "${host}"`));
  });

  test(
    'one that never answers delays nobody but itself, by a fetch at most',
    { timeout: 30_000 },
    async (t) => {
      const host = await serve(t, () => {});
      t.mock.method(AbortSignal, 'timeout', () => AbortSignal.any([AbortSignal.abort(new Error('late'))]));
      const { registry } = await open(t, {
        files: todo,
        install: [`http://${host}/ai-plugin.json`],
        allow: [host],
      });
      assert.equal(states(registry)['todo'], 'ok');
      assert.deepEqual(codes(registry.current().plugins.find(({ state }) => state === 'error')), [
        'manifest-unreachable',
      ]);
    },
  );

  test('an unchanged document is asked for by its validator and not read again (D15)', async (t) => {
    const validators: unknown[] = [];
    const host = await serve(t, (request, response) => {
      validators.push(request.headers['if-none-match']);
      const unchanged = request.headers['if-none-match'] === '"1"';
      response.writeHead(unchanged ? 304 : 200, { etag: '"1"' });
      response.end(unchanged ? undefined : JSON.stringify(document('list', `http://${host}`)));
    });
    const files = { 'todo.json': manifest('todo', { api: { url: `http://${host}/o.json` } }) };
    const { registry } = await open(t, { files, allow: [host] });
    const before = registry.current().functions.get('todo__list');
    await registry.reload();
    assert.deepEqual(validators, [undefined, '"1"']);
    assert.equal(registry.current().functions.get('todo__list')?.operation, before?.operation);
    assert.deepEqual(states(registry), { todo: 'ok' });
  });
});

test('a text that is neither manifest nor document is said to be a faulty document', async (t) => {
  const texts: Record<string, string> = {
    '/broken.yaml': 'openapi: "3.0.0\npaths: {}\n',
    '/page': '<html>gone',
    '/other.json': '{"error": "not found"}',
  };
  const host = await serve(t, (request, response) => response.end(texts[request.url ?? '']));
  const install = Object.keys(texts).map((path) => `http://${host}${path}`);
  const { registry } = await open(t, { install, allow: [host] });
  const codes = registry.current().plugins.map(({ source, diagnostics }) => {
    return [new URL(source).pathname, diagnostics.find(({ severity }) => severity === 'error')?.code];
  });
  assert.deepEqual(Object.fromEntries(codes), {
    '/broken.yaml': 'document-syntax',
    '/page': 'not-a-document',
    '/other.json': 'not-a-manifest',
  });
});

describe('reloading', () => {
  test('new, changed and removed plugins; a snapshot that was taken stays (D17)', async (t) => {
    const { registry, folder } = await open(t, { files: { ...todo, 'gone.json': manifest('gone') } });
    const before = registry.current();
    await unlink(join(folder, 'gone.json'));
    await write(folder, 'openapi/todo.json', document('changed'));
    await write(folder, 'new.json', manifest('new'));
    await write(folder, 'openapi/new.json', document('fresh'));
    const after = await registry.reload();
    assert.equal(after, registry.current());
    assert.deepEqual(
      [...after.functions.keys()],
      ['new__fresh', 'new__freshPost', 'todo__changed', 'todo__changedPost'],
    );
    assert.deepEqual([...before.functions.keys()], ['todo__list', 'todo__listPost']);
  });

  for (const [what, name, text] of [
    ['manifest', 'todo.json', '{ broken'],
    ['document', 'openapi/todo.json', '<html>502'],
    ['document without operations', 'openapi/todo.json', '{"openapi":"3.0.0","info":{},"paths":{}}'],
  ] as const) {
    test(`a broken ${what} keeps the last good version, stale, until it is mended (D16)`, async (t) => {
      const { registry, folder } = await open(t, { files: todo });
      await write(folder, name, text);
      for (let times = 0; times < 2; times += 1) {
        await registry.reload();
        const plugin = registry.current().byName.get('todo');
        assert.equal(plugin?.state, 'warning');
        assert.deepEqual(codes(plugin), ['stale']);
        assert.equal(registry.current().functions.size, 2);
      }
      for (const [file, value] of Object.entries(todo)) await write(folder, file, value);
      await registry.reload();
      assert.deepEqual(codes(registry.current().byName.get('todo')), []);
    });
  }

  test('calls at the same time share one reload', async (t) => {
    const { registry } = await open(t, { files: todo });
    const [first, second] = await Promise.all([registry.reload(), registry.reload()]);
    assert.equal(first, second);
  });
});

test('a LibreChat folder loads as it stands', needsShared, async (t) => {
  const registry = await create(t, join(sharedFolder() ?? '', 'corpus/lineage/librechat'), {});
  const { plugins } = registry.current();
  assert.equal(plugins.length, 16);
  const local = plugins.filter(({ document }) => document !== null);
  assert.deepEqual(
    local.map(({ name, state }) => [name, state]),
    [
      ['askyourpdf', 'ok'],
      ['scholarai', 'ok'],
    ],
  );
});
