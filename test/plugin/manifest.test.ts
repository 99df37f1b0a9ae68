// Reading manifests: every missing field, every extension, real ones.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readManifest } from '../../src/plugin/manifest.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

const complete = {
  schema_version: 'v1',
  name_for_model: 'todo',
  name_for_human: 'To-do list',
  description_for_model: 'Manages a to-do list.',
  description_for_human: 'Your to-do list.',
  auth: { type: 'none' },
  api: { type: 'openapi', url: 'todo.yaml' },
  logo_url: 'https://todo.example/logo.png',
  contact_email: 'a@todo.example',
  legal_info_url: 'https://todo.example/legal',
};

function read(changes: Record<string, unknown> = {}, source = 'well-known/todo.json') {
  return readManifest(JSON.stringify({ ...complete, ...changes }, null, 2), source);
}

function codes(changes: Record<string, unknown>): string[] {
  return read(changes).diagnostics.map((finding) => finding.code);
}

test('a complete manifest is read without a finding, and frozen', () => {
  const { name, manifest, diagnostics } = read();
  assert.equal(name, 'todo');
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(manifest, {
    nameForModel: 'todo',
    nameForHuman: 'To-do list',
    descriptionForModel: 'Manages a to-do list.',
    descriptionForHuman: 'Your to-do list.',
    auth: { type: 'none' },
    apiUrl: 'todo.yaml',
    logoUrl: 'https://todo.example/logo.png',
    contactEmail: 'a@todo.example',
    legalInfoUrl: 'https://todo.example/legal',
    params: {},
    headers: {},
    userIdHeader: null,
    domain: null,
  });
  assert.ok(Object.isFrozen(manifest) && Object.isFrozen(manifest?.params));
});

test('each missing required field is an error that names file, field and line', () => {
  const { name, manifest, diagnostics } = readManifest(
    '{\n  "schema_version": "v1",\n  "logo_url": "l", "contact_email": "c", "legal_info_url": "i",\n  "auth": {"type": "none"},\n  "api": {\n    "type": "openapi"\n  },\n  "name_for_human": ""\n}',
    'well-known/broken.json',
  );
  assert.equal(name, 'broken');
  assert.equal(manifest, null);
  assert.deepEqual(
    diagnostics.map(({ code, severity, pointer, line }) => [code, severity, pointer, line]),
    [
      ['field-missing', 'error', '/name_for_model', 1],
      ['field-missing', 'error', '/name_for_human', 8],
      ['field-missing', 'error', '/description_for_model', 1],
      ['field-missing', 'error', '/description_for_human', 1],
      ['field-missing', 'error', '/api/url', 5],
    ],
  );
  for (const finding of diagnostics) assert.match(finding.message, /"[a-z_.]+" of well-known\/broken\.json/);
});

test('a required field of the wrong type is an error of its own', () => {
  const { diagnostics, name } = read({ name_for_model: 5 });
  assert.equal(name, 'todo');
  assert.match(diagnostics[0]?.message ?? '', /"name_for_model" .* is no text/);
});

test('api.url may be missing when the settings have a spec', () => {
  const text = JSON.stringify({ ...complete, api: {} });
  const settings = (name: string) => (name === 'todo' ? { spec: 'todo.yaml' } : undefined);
  assert.equal(readManifest(text, 'todo.json').manifest, null);
  assert.equal(readManifest(text, 'todo.json', settings).manifest?.apiUrl, null);
});

test('M2: a syntax error has line and column; a byte order mark is accepted; more than 256 KiB is not', () => {
  const { name, manifest, diagnostics } = readManifest('{\n  "name_for_model": "x",\n}', 'a/b.json');
  assert.deepEqual([name, manifest], ['b', null]);
  assert.deepEqual(
    diagnostics.map(({ code, line }) => [code, line]),
    [['manifest-json', 3]],
  );
  assert.match(diagnostics[0]?.message ?? '', /a\/b\.json .*line 3, column 1/);
  assert.ok(readManifest(`\uFEFF${JSON.stringify(complete)}`, 'x').manifest);
  assert.equal(read({ x: 'x'.repeat(300_000) }).diagnostics[0]?.code, 'manifest-limit');
});

test('what is no manifest at all is said in one finding, with its first characters', () => {
  const texts = ['', ' \n', '<!doctype html>', '[]', '"x"', '{"name": "package", "version": "1.0.0"}'];
  for (const text of texts) {
    const { manifest, diagnostics } = readManifest(text, 'x.json');
    assert.equal(manifest, null);
    assert.deepEqual(
      diagnostics.map(({ code, line }) => [code, line]),
      [['not-a-manifest', 1]],
    );
    const beginning = text.trim() === '' ? 'x.json is empty' : `It begins with ${JSON.stringify(text)}.`;
    assert.ok(diagnostics[0]?.message.includes(beginning));
  }
});

test('an "api" that is the address itself is told apart from a missing one', () => {
  const { diagnostics } = read({ api: 'https://todo.example/openapi.yaml' });
  assert.deepEqual([diagnostics[0]?.code, diagnostics[0]?.pointer], ['field-missing', '/api']);
  assert.match(diagnostics[0]?.message ?? '', /"api" of .* is no object/);
});

test('M3: the wrapper of the store is taken off, its domain kept', () => {
  const text = JSON.stringify(
    { id: '1', domain: 'todo.example', namespace: 'todo', manifest: { ...complete, api: {} } },
    null,
    1,
  );
  const { name, manifest, diagnostics } = readManifest(text, 'x.json');
  assert.deepEqual([name, manifest], ['todo', null]);
  assert.equal(diagnostics[0]?.pointer, '/manifest/api/url');
  const whole = readManifest(JSON.stringify({ domain: 'todo.example', manifest: complete }), 'x.json');
  assert.equal(whole.manifest?.domain, 'todo.example');
});

test('M3: unknown keys are told and ignored', () => {
  const { manifest, diagnostics } = read({ HttpAuthorizationType: 'basic', endpoints: [] });
  assert.ok(manifest);
  assert.deepEqual(
    diagnostics.map(({ code, severity }) => [code, severity]),
    [
      ['unknown-key', 'info'],
      ['unknown-key', 'info'],
    ],
  );
});

test('M4: a placeholder as address of the document is an error, unless the settings replace it', () => {
  for (const url of [
    'https://your-app-url.com/x',
    'https://<host>/x',
    'PLUGIN_HOSTNAME/x',
    'file:///etc/passwd',
    'http://a b/',
  ]) {
    const { manifest, diagnostics } = read({ api: { type: 'openapi', url } });
    assert.deepEqual(
      [manifest, diagnostics[0]?.code, diagnostics[0]?.pointer],
      [null, 'placeholder', '/api/url'],
      url,
    );
  }
  const text = JSON.stringify({ ...complete, api: { url: 'https://<host>/x' } });
  assert.ok(readManifest(text, 'x.json', () => ({ spec: 'x.yaml' })).manifest);
});

test('M23: a document outside the domain of a fetched manifest is told', () => {
  const found = (url: string, source: string): string[] =>
    read({ api: { type: 'openapi', url } }, source).diagnostics.map((finding) => finding.code);
  const source = 'https://www.plugin.example/.well-known/ai-plugin.json';
  assert.deepEqual(found('https://plugin.example/o.yaml', source), []);
  assert.deepEqual(found('https://api.plugin.example/o.yaml', source), []);
  assert.deepEqual(found('/o.yaml', source), []);
  assert.deepEqual(found('https://evilplugin.example/o.yaml', source), ['domain-rule']);
  assert.deepEqual(found('https://other.example/o.yaml', 'well-known/todo.json'), []);
});

test('M5: braces and dollars in texts are plain characters', () => {
  const description = 'Run `{ __schema { types } }` with ${HOME}, $HOME, %PATH%, {{x}}';
  const { manifest, diagnostics } = read({ description_for_model: description });
  assert.equal(manifest?.descriptionForModel, description);
  assert.deepEqual(diagnostics, []);
});

test('M7: the token is openai in any case, else the only one; a placeholder counts as absent', () => {
  const token = (tokens: unknown): unknown => {
    const auth = { type: 'service_http', authorization_type: 'bearer', verification_tokens: tokens };
    const found = read({ auth }).manifest?.auth;
    return found?.type === 'service_http' ? found.verificationToken : 'none';
  };
  assert.equal(token({ openai: 'a' }), 'a');
  assert.equal(token({ other: 'b', openAI: 'a' }), 'a');
  assert.equal(token({ other: 'b' }), 'b');
  assert.equal(token({ other: 'b', more: 'c' }), null);
  assert.equal(token({ openai: 'REPLACE_ME' }), null);
  assert.equal(token({ openai: '<token from add plugin flow>' }), null);
  assert.equal(token({ openai: '' }), null);
  assert.equal(token(undefined), null);
});

test('authentication: all four types; basic; unknown is an error, missing is none', () => {
  assert.deepEqual(read({ auth: { type: 'user_http', authorization_type: 'basic' } }).manifest?.auth, {
    type: 'user_http',
    scheme: 'basic',
  });
  assert.deepEqual(codes({ auth: { type: 'service_http' } }), ['authorization-type']);
  assert.deepEqual(codes({ auth: undefined }), ['auth-missing']);
  const { manifest, diagnostics } = read({ auth: { type: 'magic' } });
  assert.deepEqual([manifest, diagnostics[0]?.code, diagnostics[0]?.severity], [null, 'auth-type', 'error']);
});

test('M10, M11: authorization_url is the token endpoint, unless there is a token_url', () => {
  const auth = {
    type: 'oauth',
    client_url: 'https://a.example/authorize',
    authorization_url: 'https://a.example/token',
    scope: 's',
    authorization_content_type: 'application/x-www-form-urlencoded',
  };
  assert.deepEqual(read({ auth }).manifest?.auth, {
    type: 'oauth',
    clientUrl: 'https://a.example/authorize',
    authorizationUrl: 'https://a.example/token',
    scope: 's',
    contentType: 'application/x-www-form-urlencoded',
  });
  const odd = read({
    auth: { ...auth, authorization_url: 'https://b.example/page', token_url: 'https://b.example/token' },
  });
  assert.deepEqual(
    odd.diagnostics.map((finding) => finding.code),
    ['oauth-nonstandard'],
  );
  assert.equal(
    odd.manifest?.auth.type === 'oauth' && odd.manifest.auth.authorizationUrl,
    'https://b.example/token',
  );
});

test('M13, M17, M18: params and headers; a bad header is left out alone', () => {
  const { manifest, diagnostics } = read({
    params: { sort: 'cited_by_count', deep: { a: 1 }, none: null },
    headers: {
      librechat_user_id: 'WebPilot-Friend-UID',
      'x-n': 5,
      'x-b': true,
      'x-o': {},
      'x-l': 'a\r\nb: c',
      'x y': '1',
    },
  });
  assert.deepEqual(manifest?.params, { sort: 'cited_by_count', deep: { a: 1 }, none: null });
  assert.deepEqual(manifest?.headers, { 'x-n': '5', 'x-b': 'true' });
  assert.equal(manifest?.userIdHeader, 'WebPilot-Friend-UID');
  assert.deepEqual(
    diagnostics.map(({ code, pointer }) => [code, pointer]),
    [
      ['header-invalid', '/headers/x-o'],
      ['header-invalid', '/headers/x-l'],
      ['header-invalid', '/headers/x y'],
    ],
  );
});

test('M18: WebPilot as LibreChat shipped it sends a plain header "id"', () => {
  const { manifest, diagnostics } = read({ headers: { id: 'WebPilot-Friend-UID' } });
  assert.deepEqual(manifest?.headers, { id: 'WebPilot-Friend-UID' });
  assert.deepEqual(
    diagnostics.map(({ code, severity }) => [code, severity]),
    [['user-id-header', 'info']],
  );
});

test('D8: a plugin named __proto__ and its params are data', () => {
  const text = JSON.stringify(complete)
    .replace('"todo"', '"__proto__"')
    .replace('"auth"', '"params":{"__proto__":1},"auth"');
  const { name, manifest } = readManifest(text, 'x.json');
  assert.equal(name, '__proto__');
  assert.deepEqual(Object.keys(manifest?.params ?? {}), ['__proto__']);
  assert.equal(Object.hasOwn(Object.prototype, '1'), false);
});

/** All manifests of a folder and the folders below it. */
function manifestsBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && !name.includes('openapi/'))
    .map((name) => `${folder}/${name}`);
}

test("LibreChat's manifests, those with issues and those of forks load", needsShared, () => {
  const lineage = `${sharedFolder()}/corpus/lineage`;
  const files = [...manifestsBelow(`${lineage}/librechat`), ...manifestsBelow(`${lineage}/librechat-forks`)];
  const all = files.map((file) => readManifest(readFileSync(file, 'utf8'), file));
  assert.deepEqual(
    all.filter(({ manifest }) => !manifest).map(({ name }) => name),
    [],
  );
  assert.equal(manifestsBelow(`${lineage}/librechat`).length, 18);
  const byName = new Map(all.map(({ name, manifest }) => [name, manifest]));
  assert.deepEqual(byName.get('scholarai')?.params, { sort: 'cited_by_count' });
  assert.deepEqual(byName.get('web_pilot')?.params, { user_has_request: true });
  assert.deepEqual(byName.get('VoxScript')?.auth, {
    type: 'service_http',
    scheme: 'bearer',
    verificationToken: '6db87e62c9f0a955cf81135b5bae45a5',
  });
});

test(
  "OpenAI's four examples of authentication say that their addresses are placeholders",
  needsShared,
  () => {
    const folder = `${sharedFolder()}/corpus/lineage/retrieval-plugin/examples/authentication-methods`;
    const pointers = Object.fromEntries(
      readdirSync(folder).map((name) => {
        const { manifest, diagnostics } = readManifest(
          readFileSync(`${folder}/${name}/ai-plugin.json`, 'utf8'),
          name,
        );
        assert.equal(manifest, null);
        const errors = diagnostics.filter((finding) => finding.severity === 'error');
        assert.ok(errors.every((finding) => finding.code === 'placeholder'));
        return [name, errors.map((finding) => finding.pointer)];
      }),
    );
    assert.deepEqual(pointers, {
      'no-auth': ['/api/url'],
      'service-http': ['/api/url'],
      'user-http': ['/api/url'],
      oauth: ['/api/url', '/auth/client_url', '/auth/authorization_url'],
    });
  },
);
