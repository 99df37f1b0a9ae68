// Changed remote plugins: what is adopted, what waits for approval, what serves meanwhile (D10).
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { Plugin, Registry } from '../../src/plugin/registry.ts';
import type { PluginVersions } from '../../src/store/plugin-versions.ts';
import { openStore } from '../../src/store/store.ts';
import { create, document, manifest, open, serve, write } from './installed.ts';

/** Files on a web server: their contents may change, and each is asked for by its validator. */
async function serveFiles(t: TestContext) {
  const files = new Map<string, unknown>();
  const answers: string[] = [];
  const host = await serve(t, (request, response) => {
    const value = files.get(request.url ?? '');
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const etag = `"${Buffer.from(text ?? '')
      .toString('base64')
      .slice(-400)}"`;
    const status = value === undefined ? 503 : request.headers['if-none-match'] === etag ? 304 : 200;
    answers.push(`${status} ${request.url}`);
    response.writeHead(status, value === undefined ? {} : { etag });
    response.end(status === 200 ? text : undefined);
  });
  return { host, files, answers };
}

async function openVersions(t: TestContext, url = 'memory:'): Promise<PluginVersions> {
  const { versions, close } = await openStore({ url });
  t.after(close);
  return versions;
}

type Document = ReturnType<typeof document> & {
  servers: { url: string }[];
  paths: Record<string, Record<string, Record<string, unknown>>>;
};

/** A document with one GET, changed as a test wants. */
function api(host: string, change: (written: Document) => void = () => {}): Document {
  const written = structuredClone(document('list', `http://${host}`)) as Document;
  delete written.paths['/x']?.['post'];
  change(written);
  return written;
}

/** A plugin with a remote manifest and document, loaded once. */
async function install(t: TestContext, settings: Record<string, unknown> = {}) {
  const { host, files, answers } = await serveFiles(t);
  files.set('/ai-plugin.json', manifest('todo', { api: { url: 'openapi.json' } }));
  files.set('/openapi.json', api(host));
  const setup = { install: [`http://${host}/ai-plugin.json`], allow: [host], settings };
  const versions = await openVersions(t);
  const { registry, folder } = await open(t, { ...setup, versions });
  return { host, files, answers, registry, folder, setup, versions };
}

function plugin(registry: Registry): Plugin {
  const [only] = registry.current().plugins;
  assert.ok(only);
  return only;
}

const reasons = (registry: Registry) => plugin(registry).waiting?.reasons.map(({ code }) => code);
const names = (registry: Registry) => [...registry.current().functions.keys()];
const codes = (registry: Registry) => plugin(registry).diagnostics.map(({ code }) => code);

const risky: Record<string, [reason: string, (files: Map<string, unknown>, host: string) => void]> = {
  'an added origin': [
    'origin',
    (files, host) =>
      files.set(
        '/openapi.json',
        api(host, (written) => {
          const get = {
            ...written.paths['/x']?.['get'],
            operationId: 'other',
            servers: [{ url: 'http://127.0.0.1:9' }],
          };
          written.paths['/y'] = { get };
        }),
      ),
  ],
  'an added operation that may change something': [
    'consequential',
    (files, host) => files.set('/openapi.json', document('list', `http://${host}`)),
  ],
  'an operation that may change something and denies it': [
    'consequential',
    (files, host) =>
      files.set(
        '/openapi.json',
        api(host, (written) => {
          const operation = { ...written.paths['/x']?.['get'], operationId: 'wipe' };
          written.paths['/y'] = { delete: { ...operation, 'x-openai-isConsequential': false } };
        }),
      ),
  ],
  'another authentication in the manifest': [
    'authentication',
    (files) => {
      const auth = {
        type: 'service_http',
        authorization_type: 'bearer',
        verification_tokens: { openai: 'x' },
      };
      files.set('/ai-plugin.json', manifest('todo', { api: { url: 'openapi.json' }, auth }));
    },
  ],
  'other headers in the manifest': [
    'authentication',
    (files) => {
      const headers = { librechat_user_id: 'X-User' };
      files.set('/ai-plugin.json', manifest('todo', { api: { url: 'openapi.json' }, headers }));
    },
  ],
  'another authentication in the document': [
    'authentication',
    (files, host) => {
      const securitySchemes = { key: { type: 'apiKey', in: 'query', name: 'k' } };
      const written = { ...api(host), security: [{ key: [] }], components: { securitySchemes } };
      files.set('/openapi.json', written);
    },
  ],
  'another name': [
    'name',
    (files) => files.set('/ai-plugin.json', manifest('bank', { api: { url: 'openapi.json' } })),
  ],
};

describe('changes: safe', () => {
  test('a change of texts and harmless operations is adopted at once', async (t) => {
    const { host, files, registry } = await install(t);
    files.set(
      '/openapi.json',
      api(host, (written) => {
        written.paths['/y'] = { get: { ...written.paths['/x']?.['get'], operationId: 'more' } };
      }),
    );
    await registry.reload();
    assert.deepEqual(names(registry), ['todo__list', 'todo__more']);
    assert.equal(plugin(registry).waiting, null);
  });

  for (const [what, [reason, change]] of Object.entries(risky)) {
    test(`${what} waits, and the approved version serves`, async (t) => {
      const { host, files, registry } = await install(t);
      const before = plugin(registry);
      change(files, host);
      await registry.reload();
      assert.deepEqual(reasons(registry), [reason]);
      assert.deepEqual(codes(registry), ['change-waiting']);
      assert.deepEqual(names(registry), ['todo__list']);
      assert.equal(plugin(registry).name, 'todo');
      assert.deepEqual(plugin(registry).manifest, before.manifest);
      assert.deepEqual(plugin(registry).origins, before.origins);
    });
  }

  test('what waits has both hashes and a time that stays', async (t) => {
    const { host, files, registry } = await install(t);
    files.set('/openapi.json', document('list', `http://${host}`));
    await registry.reload();
    const { waiting } = plugin(registry);
    assert.match(waiting?.hash ?? '', /^[0-9a-f]{64}$/);
    assert.match(waiting?.approved ?? '', /^[0-9a-f]{64}$/);
    assert.notEqual(waiting?.hash, waiting?.approved);
    assert.ok(Math.abs(Date.parse(waiting?.since ?? '') - Date.now()) < 60_000);
    await registry.reload();
    assert.deepEqual(plugin(registry).waiting, waiting);
  });

  test('a change that is taken back waits no more', async (t) => {
    const { host, files, registry, versions } = await install(t);
    files.set('/openapi.json', document('list', `http://${host}`));
    await registry.reload();
    assert.equal((await versions.waiting()).length, 1);
    files.set('/openapi.json', api(host));
    await registry.reload();
    assert.equal(plugin(registry).waiting, null);
    assert.deepEqual(await versions.waiting(), []);
    assert.deepEqual(codes(registry), []);
  });

  test('a run keeps the snapshot that it started with (D17)', async (t) => {
    const { host, files, registry, versions } = await install(t);
    const snapshot = registry.current();
    files.set('/openapi.json', document('list', `http://${host}`));
    await registry.reload();
    const [waiting] = await versions.waiting();
    assert.ok(await versions.approve(waiting?.source ?? '', waiting?.hash ?? ''));
    await registry.reload('none');
    assert.deepEqual(names(registry), ['todo__list', 'todo__listPost']);
    assert.deepEqual([...snapshot.functions.keys()], ['todo__list']);
  });

  test('F-P42: an error page while a change waits alters nothing', async (t) => {
    const { host, files, registry } = await install(t);
    files.set('/openapi.json', document('list', `http://${host}`));
    await registry.reload();
    files.set('/openapi.json', '<html>gone');
    await registry.reload();
    assert.deepEqual(codes(registry), ['stale', 'change-waiting']);
    assert.deepEqual(names(registry), ['todo__list']);
  });

  test('F-P43: a document that shrinks is adopted', async (t) => {
    const { host, files, setup } = await install(t);
    files.set('/openapi.json', document('list', `http://${host}`));
    const { registry } = await open(t, { ...setup, versions: await openVersions(t) });
    assert.equal(names(registry).length, 2);
    files.set('/openapi.json', api(host));
    await registry.reload();
    assert.deepEqual(names(registry), ['todo__list']);
  });

  test('F-P44: a document of 5 MB is refused, the old one serves', async (t) => {
    const { host, files, registry } = await install(t);
    files.set('/openapi.json', JSON.stringify({ ...api(host), 'x-padding': 'x'.repeat(5_000_000) }));
    await registry.reload();
    assert.deepEqual(codes(registry), ['stale']);
    assert.match(plugin(registry).diagnostics[0]?.message ?? '', /larger than 2097152 bytes/);
  });

  test('a new name takes no other plugin its settings, approved or not', async (t) => {
    const { files, registry, versions, folder } = await install(t, {
      bank: { credential: 'secret of the bank' },
    });
    await write(folder, 'bank.json', manifest('bank'));
    await write(folder, 'openapi/bank.json', document('pay'));
    await registry.reload();
    files.set('/ai-plugin.json', manifest('bank', { api: { url: 'openapi.json' } }));
    await registry.reload();
    assert.deepEqual(names(registry), ['bank__pay', 'bank__payPost', 'todo__list']);
    const [waiting] = await versions.waiting();
    await versions.approve(waiting?.source ?? '', waiting?.hash ?? '');
    await registry.reload('none');
    assert.deepEqual(
      registry.current().plugins.map(({ name }) => name.replace(/[0-9a-f]{4}$/, '*')),
      ['bank', 'bank_*'],
    );
  });
});

describe('changes: approve and automatic', () => {
  test('approve: every change waits', async (t) => {
    const { host, files, registry } = await install(t, { todo: { changes: 'approve' } });
    files.set('/openapi.json', { ...api(host), info: { title: 'Another title', version: '2' } });
    await registry.reload();
    assert.deepEqual(reasons(registry), ['changed']);
  });

  test('automatic: every change is adopted, a new name too', async (t) => {
    const { host, files, registry } = await install(t, { todo: { changes: 'automatic' } });
    files.set('/openapi.json', document('list', `http://${host}`));
    files.set('/ai-plugin.json', manifest('bank', { api: { url: 'openapi.json' } }));
    await registry.reload();
    assert.deepEqual(names(registry), ['bank__list', 'bank__listPost']);
  });
});

describe('what the operator does is approved', () => {
  test('a local manifest that names another document', async (t) => {
    const { host, files, answers } = await serveFiles(t);
    files.set('/a.json', api(host));
    files.set('/b.json', document('list', `http://${host}`));
    const remote = (file: string) => manifest('todo', { api: { url: `http://${host}/${file}` } });
    const versions = await openVersions(t);
    const { registry, folder } = await open(t, {
      files: { 'todo.json': remote('a.json') },
      allow: [host],
      versions,
    });
    assert.equal(names(registry).length, 1);
    await write(folder, 'todo.json', remote('b.json'));
    await registry.reload('none');
    assert.equal(names(registry).length, 2);
    assert.equal(plugin(registry).waiting, null);
    assert.deepEqual(answers, ['200 /a.json', '200 /b.json']);
  });

  test('a local manifest with a remote document: changed authentication in the file holds at once', async (t) => {
    const { host, files } = await serveFiles(t);
    files.set('/a.json', api(host));
    const place = { url: `http://${host}/a.json` };
    const { registry, folder } = await open(t, {
      files: { 'todo.json': manifest('todo', { api: place }) },
      allow: [host],
      versions: await openVersions(t),
    });
    const auth = { type: 'user_http', authorization_type: 'basic' };
    await write(folder, 'todo.json', manifest('todo', { api: place, auth }));
    await registry.reload('none');
    assert.equal(plugin(registry).manifest?.auth.type, 'user_http');
    assert.equal(plugin(registry).waiting, null);
  });
});

describe('after a restart', () => {
  async function restart(t: TestContext) {
    const { host, files, answers } = await serveFiles(t);
    const folder = await mkdtemp(join(tmpdir(), 'gateway-versions-'));
    t.after(() => rm(folder, { recursive: true }));
    files.set('/ai-plugin.json', manifest('todo', { api: { url: 'openapi.json' } }));
    files.set('/openapi.json', api(host));
    const setup = { install: [`http://${host}/ai-plugin.json`], allow: [host] };
    const start = async () => {
      const versions = await openVersions(t, `sqlite:${join(folder, 'g.db')}`);
      return { versions, registry: await create(t, join(folder, 'none'), { ...setup, versions }) };
    };
    return { host, files, answers, start };
  }

  test('the approved version serves on, and what waits still waits', async (t) => {
    const { host, files, start } = await restart(t);
    const first = await start();
    files.set('/openapi.json', document('list', `http://${host}`));
    await first.registry.reload();
    const { waiting } = plugin(first.registry);
    const { registry } = await start();
    assert.deepEqual(plugin(registry).waiting, waiting);
    assert.deepEqual(names(registry), ['todo__list']);
  });

  test('a version that changed while the gateway was down waits too', async (t) => {
    const { host, files, start } = await restart(t);
    await start();
    files.set('/openapi.json', document('list', `http://${host}`));
    const { registry } = await start();
    assert.deepEqual(reasons(registry), ['consequential']);
    assert.deepEqual(names(registry), ['todo__list']);
  });

  test('F-P42: with the plugin down the approved version serves, stale', async (t) => {
    const { files, start } = await restart(t);
    await start();
    files.clear();
    const { registry } = await start();
    assert.deepEqual(names(registry), ['todo__list']);
    assert.deepEqual(codes(registry), ['stale']);
    assert.equal(registry.failing(), true);
  });

  test('D15: what is unchanged is asked for by its validator and not sent again', async (t) => {
    const { answers, start } = await restart(t);
    await start();
    await start();
    assert.deepEqual(answers, [
      '200 /ai-plugin.json',
      '200 /openapi.json',
      '304 /ai-plugin.json',
      '304 /openapi.json',
    ]);
  });

  test('a kept version whose texts are not those of its hash is not used', async (t) => {
    const { host, files, start } = await restart(t);
    const { versions } = await start();
    const source = `http://${host}/ai-plugin.json`;
    const approved = await versions.find(source, 'approved');
    assert.ok(approved);
    await versions.keep('approved', {
      ...approved,
      texts: approved.texts.replace(/"base64":"..../, '"base64":"AAAA'),
    });
    files.set('/openapi.json', document('list', `http://${host}`));
    const { registry } = await start();
    assert.equal(plugin(registry).waiting, null);
  });
});

describe('reloading in parts', () => {
  test('D15: a reload for local files asks for nothing that is there', async (t) => {
    const { answers, registry } = await install(t);
    const before = registry.current().plugins[0];
    await registry.reload('none');
    assert.deepEqual(answers, ['200 /ai-plugin.json', '200 /openapi.json']);
    assert.equal(registry.current().plugins[0], before);
  });

  test('what failed is asked for again alone', async (t) => {
    const { files, answers, registry } = await install(t);
    const document = files.get('/openapi.json');
    files.delete('/openapi.json');
    await registry.reload();
    assert.equal(registry.failing(), true);
    files.set('/openapi.json', document);
    answers.length = 0;
    await registry.reload('none');
    assert.deepEqual(answers, []);
    assert.deepEqual(codes(registry), ['stale']);
    await registry.reload('failed');
    assert.deepEqual(answers, ['304 /openapi.json']);
    assert.deepEqual(codes(registry), []);
    assert.equal(registry.failing(), false);
  });
});

describe('while the store does not answer', () => {
  /** Versions that fail for as long as `away` says so. */
  async function unreliable(t: TestContext) {
    const versions = await openVersions(t);
    const state = { away: true };
    const find: PluginVersions['find'] = async (...asked) => {
      if (state.away) throw new Error('away');
      return versions.find(...asked);
    };
    return { state, versions: { ...versions, find } };
  }

  for (const [changes, offered] of [
    ['safe', 0],
    ['approve', 0],
    ['automatic', 1],
  ] as const) {
    test(`D10: ${changes}: what may never have been approved is ${offered ? '' : 'not '}offered`, async (t) => {
      const { host, files } = await serveFiles(t);
      files.set('/openapi.json', api(host));
      const { state, versions } = await unreliable(t);
      const { registry } = await open(t, {
        files: { 'mine.json': manifest('mine'), 'openapi/mine.json': document('own') },
        install: [`http://${host}/openapi.json`],
        allow: [host],
        settings: { API_of_list: { changes } },
        versions,
      });
      const remote = () => registry.current().plugins.find(({ name }) => name === 'API_of_list');
      const codes = remote()?.diagnostics.map(({ code }) => code) ?? [];
      assert.equal(remote()?.state === 'error', offered === 0);
      assert.equal(codes.includes('approval-unknown'), offered === 0);
      assert.ok(
        registry.current().functions.has('mine__own'),
        'the operator has approved what is in the folder',
      );
      assert.equal(registry.undecided(), true);
      state.away = false;
      await registry.reload('none');
      assert.equal(registry.undecided(), false);
      assert.ok(registry.current().functions.has('API_of_list__list'));
    });
  }

  test('D16: what was good stays', async (t) => {
    const { host, files } = await serveFiles(t);
    files.set('/openapi.json', api(host));
    const { state, versions } = await unreliable(t);
    state.away = false;
    const setup = { install: [`http://${host}/openapi.json`], allow: [host], versions };
    const { registry } = await open(t, setup);
    state.away = true;
    files.set('/openapi.json', document('other', `http://${host}`));
    await registry.reload();
    assert.deepEqual(names(registry), ['API_of_list__list']);
    assert.equal(plugin(registry).diagnostics.at(-1)?.code, 'stale');
  });
});
