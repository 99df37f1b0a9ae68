// Cases 96 to 98 of `openapi.md` section 9: what the model reads of a real answer, whatever an API on loopback sends.
import assert from 'node:assert/strict';
import type { OutgoingHttpHeaders, RequestListener } from 'node:http';
import { test, type TestContext } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { errorOf, installPlugin } from './called.ts';

/** What the model reads of an answer. */
async function read(t: TestContext, listener: RequestListener, settings = {}): Promise<string> {
  const { call } = await installPlugin(t, { listener, settings });
  return (await call('list', { q: 'x' })).content;
}

function answer(
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Uint8Array = '',
): RequestListener {
  return (_request, response) => void response.writeHead(status, headers).end(body);
}

const typed = (type: string, body: string | Uint8Array, status = 200) =>
  answer(status, { 'content-type': type }, body);
const png = Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1');

for (const [status, retryable] of [
  [400, false],
  [404, false],
  [422, false],
  [429, true],
  [500, true],
] as const) {
  test(`case 96: a ${status} is labelled, with what the plugin said`, async (t) => {
    const text = await read(t, typed('application/json', '{ "detail": "no such id" }', status));
    const error = { code: 'plugin_http_error', status, retryable, body: { detail: 'no such id' } };
    assert.deepEqual(JSON.parse(text), { error });
  });
}

test('case 96: a long error is cut, a credential in it is not shown', async (t) => {
  const credential = 'secret-of-the-operator';
  const manifest = { auth: { type: 'service_http', authorization_type: 'bearer', verification_tokens: {} } };
  const listener = typed('text/plain', `you sent ${credential}, ${'and so on '.repeat(1000)}`, 500);
  const { call } = await installPlugin(t, { listener, manifest, settings: { credential } });
  const { content } = await call('list');
  assert.match(content, /you sent \[redacted\], and so on/);
  assert.ok(content.length < 2200, `${content.length} characters`);
});

test('case 97: 204 is said to be a success without content', async (t) => {
  assert.equal(await read(t, answer(204, {})), '{"status":204,"result":"success, no content"}');
});

test('case 97: text is read as it is, in its charset', async (t) => {
  assert.equal(await read(t, typed('text/csv', 'a,b\n1,2\n')), 'a,b\n1,2\n');
  const latin = typed('text/plain; charset=iso-8859-1', Buffer.from('Zoë', 'latin1'));
  assert.equal(await read(t, latin), 'Zoë');
});

test('case 97: HTML is read as text, without scripts, styles and tags', async (t) => {
  const html =
    '<html><head><style>p{}</style><script>x()</script></head><body><h1>Hi</h1><p>A &amp; B</body></html>';
  assert.equal(await read(t, typed('text/html', html)), 'Hi\n\nA & B');
});

test('case 97: binary is described, never shown', async (t) => {
  assert.equal(
    await read(t, typed('image/png', png)),
    '{"status":200,"binary":{"type":"image/png","bytes":10}}',
  );
});

test('case 97: a stream of events and lines of JSON are read to their end', async (t) => {
  const events: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n');
    setImmediate(() => response.end('data: b\n\n'));
  };
  assert.equal(await read(t, events), '{"a":1}\nb');
  assert.equal(await read(t, typed('application/x-ndjson', '{"a":1}\n{"a":2}\n')), '{"a":1}\n{"a":2}\n');
});

test('case 97: of a stream that does not end the model reads what came in time, or until the cap (R5)', async (t) => {
  const endless =
    (type: string, line: string): RequestListener =>
    (_request, response) =>
      void response.writeHead(200, { 'content-type': type }).write(`${line}\npart of a li`);
  const notice = '\n[the stream had not ended; this is what came]';
  const timeout = '200ms';
  assert.equal(await read(t, endless('text/event-stream', 'data: first\n'), { timeout }), `first${notice}`);
  assert.equal(
    await read(t, endless('application/x-ndjson', '{"a":1}\n{}'), { timeout }),
    `{"a":1}\n{}\n${notice}`,
  );
  const huge = await read(t, typed('text/event-stream', 'data: 0123456789\n\n'.repeat(100_000)));
  assert.match(huge, /^0123456789\n0123456789\n/);
  assert.match(huge, /more characters left out\]$/);
  const text = await read(t, endless('text/plain', 'first'), { timeout });
  assert.equal(text, '{"error":{"code":"plugin_timeout","retryable":true}}', 'other text has an end');
});

test('case 97: a type that lies is found out', async (t) => {
  assert.equal(await read(t, typed('text/html', '{"a": 1}')), '{"a":1}');
  assert.equal(await read(t, typed('application/json', '<!doctype html><p>Login</p>')), 'Login');
  assert.match(await read(t, typed('application/json', png)), /"type":"image\/png"/);
  assert.equal(await read(t, answer(200, {}, '{"a": 1}')), '{"a":1}');
});

test('case 97: compressed answers are read; a bomb is stopped, with little memory', async (t) => {
  const packed = answer(200, { 'content-encoding': 'br' }, brotliCompressSync('{"a": 1}'));
  assert.equal(await read(t, packed), '{"a":1}');
  const before = process.memoryUsage().rss;
  const bomb = answer(200, { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(100_000_000)));
  const { call } = await installPlugin(t, { listener: bomb });
  assert.deepEqual(errorOf(await call('list')), { code: 'plugin_answer_too_large', retryable: false });
  assert.ok(process.memoryUsage().rss - before < 250_000_000, 'the bomb is not unpacked whole');
});

test('case 97: an API that hangs is a timeout, without an address', async (t) => {
  const text = await read(t, () => {}, { timeout: '200ms' });
  assert.equal(text, '{"error":{"code":"plugin_timeout","retryable":true}}');
});

test('case 98: large JSON is cut structurally and says how much is missing', async (t) => {
  const results = Array.from({ length: 4000 }, (_, id) => ({
    id,
    title: `Paper ${id}`,
    abstract: 'x'.repeat(80),
  }));
  const whole = JSON.stringify({ total: results.length, results });
  const text = await read(t, typed('application/json', whole));
  assert.ok(whole.length > 100_000 && text.length <= 100_000);
  const cut = JSON.parse(text) as {
    truncated: { characters: number; arrays: Record<string, { shown: number; total: number }> };
    data: { total: number; results: unknown[] };
  };
  const shown = cut.data.results.length;
  assert.deepEqual(cut.truncated, {
    characters: whole.length,
    arrays: { '/results': { shown, total: results.length } },
  });
  assert.deepEqual(cut.data, { total: results.length, results: results.slice(0, shown) });
});
