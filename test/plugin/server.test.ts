// Which server is called: the operator's, the document's own, never a stranger's by accident.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../src/openai/chat.ts';
import { createReport } from '../../src/openapi/diagnostic.ts';
import { chooseServer, reportServers, type ServerContext } from '../../src/plugin/server.ts';

const local: ServerContext = { documentUrl: null, manifestUrl: null, domain: null, server: null };
const remote: ServerContext = {
  ...local,
  documentUrl: 'https://api.plugin.example/docs/openapi.yaml',
  manifestUrl: 'https://www.plugin.example/.well-known/ai-plugin.json',
};

function choose(urls: (string | Json)[], context: ServerContext): string | null {
  const servers = urls.map((url) => (typeof url === 'string' ? { url } : url));
  return chooseServer([servers], undefined, context).url;
}

test('M24: the setting replaces everything', () => {
  assert.equal(
    choose(['https://a.example'], { ...remote, server: 'http://10.0.0.5:9000/base/' }),
    'http://10.0.0.5:9000/base',
  );
});

test('case 92, M24: operation, then path, then root: the nearest that lists any', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => [{ url: `https://${name}.example` }]);
  assert.equal(chooseServer([a, b, c], undefined, local).url, 'https://a.example');
  assert.equal(chooseServer([undefined, b, c], undefined, local).url, 'https://b.example');
  assert.equal(chooseServer([[], null, c], undefined, local).url, 'https://c.example');
});

test('case 88, M27: an unusable server is passed over; base path kept, trailing slash not', () => {
  const bad = [
    'ftp://a.example',
    'https://<host>',
    'https://{tenant}.example',
    'https://your-app-url.com',
    'http://u:p@a.example',
    '',
  ];
  assert.equal(choose([...bad, 'https://b.example/v1/?x=1#y'], local), 'https://b.example/v1');
});

test('M24: a local document takes the first; a fetched one the first of the plugin, else of its site', () => {
  const servers = [
    'https://staging.other.example',
    'https://eu.plugin.example',
    'https://plugin.example/api',
  ];
  assert.equal(choose(servers, local), 'https://staging.other.example');
  assert.equal(choose(servers, remote), 'https://eu.plugin.example');
  const below = { ...remote, manifestUrl: 'https://chat.plugin.example/.well-known/ai-plugin.json' };
  assert.equal(
    choose(['https://other.example', 'https://api.plugin.example'], below),
    'https://api.plugin.example',
  );
});

test('M26: a site is never made of strangers who share a host or a public suffix', () => {
  const at = (host: string): ServerContext => ({
    ...remote,
    manifestUrl: `https://${host}/x`,
    documentUrl: `https://${host}/o.yaml`,
  });
  assert.equal(choose(['https://evil.vercel.app'], at('mine.vercel.app')), 'https://mine.vercel.app');
  assert.equal(choose(['https://evil.co.uk'], at('mine.co.uk')), 'https://mine.co.uk');
  assert.equal(choose(['https://api.mine.co.uk'], at('www.mine.co.uk')), 'https://api.mine.co.uk');
  assert.equal(choose(['https://evilplugin.example'], at('plugin.example')), 'https://plugin.example');
  assert.equal(choose(['https://9.9.9.10'], at('9.9.9.9')), 'https://9.9.9.9');
});

test('M25: only foreign servers: the origin of the document, and a warning that names both', () => {
  const choice = chooseServer([[{ url: 'https://evil.example/v1' }]], undefined, remote);
  assert.equal(choice.url, 'https://api.plugin.example');
  const report = createReport('x');
  reportServers(choice, true, '/servers', report);
  assert.equal(report.diagnostics[0]?.code, 'server-foreign');
  assert.match(report.diagnostics[0]?.message ?? '', /evil\.example.*api\.plugin\.example.*"server"/);
});

test("a manifest of the operator's folder may point at a document on another host and mean its servers", () => {
  const context = { ...local, documentUrl: 'https://specs.example/openapi.yaml' };
  const choice = chooseServer([[{ url: 'https://api.plugin.example' }]], undefined, context);
  assert.deepEqual(choice, { url: 'https://api.plugin.example', foreign: ['api.plugin.example'] });
});

test('case 91, M24, D8: without servers info.servers, then the origin of the document, then of the manifest', () => {
  const info = { servers: [{ url: 'https://plugin.example/info' }] };
  assert.equal(chooseServer([undefined], info, remote).url, 'https://plugin.example/info');
  assert.equal(chooseServer([undefined], undefined, remote).url, 'https://api.plugin.example');
  assert.equal(
    chooseServer([undefined], undefined, { ...remote, documentUrl: null }).url,
    'https://www.plugin.example',
  );
  assert.equal(
    chooseServer([undefined], undefined, { ...local, domain: 'plugin.example' }).url,
    'https://plugin.example',
  );
  const none = chooseServer([undefined], undefined, local);
  assert.equal(none.url, null);
  const report = createReport('x');
  reportServers(none, false, '', report);
  assert.equal(report.diagnostics[0]?.code, 'server-unknown');
});

test('M27: localhost of a public document is a mistake, unless the operator allows it', () => {
  for (const url of [
    'http://localhost:3333',
    'http://127.0.0.1',
    'http://192.168.1.2',
    'http://[::1]:80',
    'http://10.1.1.1',
  ]) {
    assert.equal(choose([url], remote), 'https://api.plugin.example', url);
    // nor is it meant by an operator whose manifest points at the document
    assert.equal(choose([url], { ...remote, manifestUrl: null }), 'https://api.plugin.example', url);
  }
  const port = { ...local, documentUrl: 'http://127.0.0.1:9000/openapi.yaml' };
  assert.equal(choose(['http://127.0.0.1:9001/api'], port), 'http://127.0.0.1:9001/api');
  assert.equal(choose(['http://localhost:3333'], local), 'http://localhost:3333');
  const allowed = { ...remote, manifestUrl: null, allows: (url: URL) => url.host === 'localhost:3333' };
  assert.equal(choose(['http://localhost:3333'], allowed), 'http://localhost:3333');
});

test('case 90: a relative server is read against the URL of the document', () => {
  assert.equal(choose(['/v2'], remote), 'https://api.plugin.example/v2');
  assert.equal(choose(['v2/'], remote), 'https://api.plugin.example/docs/v2');
  assert.equal(choose(['/v2'], local), null);
  assert.equal(choose(['/v2'], { ...local, domain: 'plugin.example' }), 'https://plugin.example/v2');
});

test('case 89: variables take their default, else the first of their enum; without a value the server is unusable', () => {
  const server = (variables: Json): string | null =>
    choose([{ url: 'https://{r}.plugin.example:{p}', variables }], local);
  assert.equal(
    server({ r: { default: 'eu', enum: ['us'] }, p: { default: 8443 } }),
    'https://eu.plugin.example:8443',
  );
  assert.equal(server({ r: { enum: ['us', 'eu'] }, p: { default: '1' } }), 'https://us.plugin.example:1');
  assert.equal(server({ r: {} }), null);
});
