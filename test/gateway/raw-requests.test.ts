// Requests as bytes on a socket, well-formed and not: each has one outcome, and the next request is served (section 9).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
import { assertError } from './clean-answer.ts';
import { says } from './dialects.ts';
import { startGateway } from './gateway.ts';
import type { Scope } from './loopback-server.ts';

const chat = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
const json = ['content-type: application/json'];

/** A request to the chat route; `headers` besides the host, whose length fits the body. */
function post(
  body: string | Buffer = chat,
  headers: readonly string[] = json,
  host = ['host: localhost'],
): Buffer {
  const bytes = Buffer.from(body);
  const lines = [
    'POST /v1/chat/completions HTTP/1.1',
    ...host,
    ...headers,
    `content-length: ${bytes.length}`,
  ];
  return Buffer.concat([
    Buffer.from(`${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n`, 'latin1'),
    bytes,
  ]);
}

/** A request with these lines, and this text behind them. */
const lines = (head: readonly string[], rest = '') =>
  Buffer.from(`${head.join('\r\n')}\r\n\r\n${rest}`, 'latin1');

const chunked = [
  'POST /v1/chat/completions HTTP/1.1',
  'host: localhost',
  'connection: close',
  ...json,
  'transfer-encoding: chunked',
];
const size = chat.length.toString(16);

const start = (t: Scope) =>
  startGateway(t, { script: () => says({ text: 'ok' }), unchecked: true, upstreams: (one) => [one] });

/** Sends bytes and reads until the server closes; the statuses of all answers and the last body. */
async function send(
  origin: string,
  bytes: Buffer,
): Promise<{ statuses: number[]; text: string; body: string }> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.write(bytes);
  await once(socket, 'close');
  const statuses = Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status));
  return { statuses, text, body: text.split('\r\n\r\n').at(-1) ?? '' };
}

const outcomes: Readonly<Record<string, readonly [bytes: Buffer, status: number, code?: string]>> = {
  'F-C10: a length over the limit': [
    lines(['POST /v1/chat/completions HTTP/1.1', 'host: localhost', ...json, 'content-length: 70000000']),
    413,
    'request_too_large',
  ],
  'F-C11: an empty body': [post(''), 400, 'invalid_json'],
  'F-C12: bad JSON': [post('{"model":'), 400, 'invalid_json'],
  'F-C13: text behind the JSON': [post(`${chat} x`), 400, 'invalid_json'],
  'F-C14: a byte order mark': [post(`\uFEFF${chat}`), 200],
  'F-C15: bad UTF-8': [post(Buffer.concat([Buffer.from(chat), Buffer.from([0xc3])])), 400, 'invalid_json'],
  'F-C16: a lone surrogate': [post(chat.replace('hi', '\\ud800')), 200],
  'F-C17: a member twice': [post(chat.replace('{', '{"model":"x",')), 400, 'invalid_json'],
  'F-C18: depth 100,000': [post(`{"model":"m","messages":${'['.repeat(100_000)}`), 400, 'invalid_json'],
  'W3: a key __proto__': [post(chat.replace('{', '{"__proto__":{},')), 400, 'invalid_json'],
  'W3: a key constructor.prototype': [
    post(chat.replace('{', '{"constructor":{"prototype":{}},')),
    400,
    'invalid_json',
  ],
  'F-C19: text/plain': [post(chat, ['content-type: text/plain']), 415, 'unsupported_media_type'],
  'F-C20: no content type': [post(chat, []), 415, 'unsupported_media_type'],
  'F-C21: a tab in the content type': [
    post(chat, ['content-type: application/json\ta']),
    415,
    'unsupported_media_type',
  ],
  'GHSA-v2v2-hph8-q5xp: a blank before the semicolon': [
    post(chat, ['content-type: application/json ; a=b']),
    415,
  ],
  'F-C22: gzip': [post(chat, [...json, 'content-encoding: gzip']), 415, 'unsupported_media_type'],
  'F-C23: two hosts': [post(chat, json, ['host: localhost', 'host: localhost']), 400, 'invalid_header'],
  'F-C24: two keys': [post(chat, [...json, 'authorization: Bearer a', 'authorization: Bearer b']), 400],
  'F-C25: two lengths': [post(chat, [...json, 'content-length: 2']), 400, 'invalid_request'],
  'F-C25: a length and chunks': [post(chat, [...json, 'transfer-encoding: chunked']), 400, 'invalid_request'],
  'F-C26: a chunk size that is none': [lines(chunked, 'zz\r\nx\r\n0\r\n\r\n'), 400, 'invalid_request'],
  'W: an unknown transfer coding': [lines(chunked.map((line) => line.replace('chunked', 'xchunked'))), 400],
  'W: no host': [post(chat, json, []), 400, 'invalid_header'],
  'W: a bare line feed': [Buffer.from('GET /livez HTTP/1.1\nhost: localhost\n\n'), 400],
  'W: a folded header': [lines(['GET /livez HTTP/1.1', 'host: localhost', 'x: a', ' b']), 400],
  'W: a TLS hello': [Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]), 400, 'invalid_request'],
  'W: the preface of HTTP/2': [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 400],
  'F-C27: a large header': [post(chat, [...json, `x: ${'y'.repeat(20_000)}`]), 431, 'header_too_large'],
  'F-C27: 3,000 headers': [
    post(chat, [...json, ...Array.from({ length: 3_000 }, (_, at) => `x-${at}: y`)]),
    431,
  ],
  'F-C28: an unknown path': [
    lines(['GET /nope HTTP/1.1', 'host: localhost', 'connection: close']),
    404,
    'unknown_url',
  ],
  'F-C30: TRACE': [lines(['TRACE /plugins HTTP/1.1', 'host: localhost', 'connection: close']), 405],
  'F-C30: an upgrade': [post(chat, [...json, 'upgrade: websocket']), 400, 'invalid_header'],
  'W: an expectation nobody knows': [
    post(chat, [...json, 'expect: the-unexpected']),
    417,
    'expectation_failed',
  ],
  'F-C33: n beyond all measure': [post(chat.replace('{', '{"n":1e9,')), 400, 'invalid_type'],
  'F-C34: odd stream options': [post(chat.replace('{', '{"stream_options":7,')), 200],
  'I1: an escaped letter in the path': [
    lines(['GET /%76%31/models HTTP/1.1', 'host: localhost', 'connection: close']),
    400,
    'invalid_path',
  ],
  'W: chunks with trailers': [
    lines(chunked, `${size}\r\n${chat}\r\n0\r\nauthorization: Bearer x\r\n\r\n`),
    200,
  ],
};

for (const [what, [bytes, status, code]] of Object.entries(outcomes)) {
  test(`${what} is ${status}`, async (t) => {
    const gateway = await start(t);
    const { statuses, body, text } = await send(gateway.origin, bytes);
    assert.deepEqual(statuses, [status], text.slice(0, 300));
    if (status >= 400) {
      const parsed = JSON.parse(body) as Parameters<typeof assertError>[0];
      assertError(parsed);
      if (code) assert.equal((parsed['error'] as { code: string }).code, code);
      assert.equal(gateway.upstream.requests.length, 0);
    }
    assert.equal((await gateway.send('/livez')).status, 200);
  });
}

test('F-C30: CONNECT is closed', async (t) => {
  const { origin } = await start(t);
  const { text } = await send(origin, lines(['CONNECT evil.example:443 HTTP/1.1', 'host: evil.example:443']));
  assert.doesNotMatch(text, /^HTTP\/1\.1 2/);
});

test('100-continue is answered, and then the request', async (t) => {
  const { origin } = await start(t);
  const { statuses } = await send(origin, post(chat, [...json, 'expect: 100-continue']));
  assert.deepEqual(statuses, [100, 200]);
});

test('F-C09: three requests in one piece are answered in order', async (t) => {
  const { origin } = await start(t);
  const hello = (last = '') => `GET /livez HTTP/1.1\r\nhost: localhost\r\n${last}\r\n`;
  const { statuses } = await send(
    origin,
    Buffer.from(hello() + hello().replace('/livez', '/nope') + hello('connection: close\r\n')),
  );
  assert.deepEqual(statuses, [200, 404, 200]);
});

test('F-C07: headers that drip are given up after 10 s', { timeout: 15_000 }, async (t) => {
  const { origin } = await start(t);
  const before = performance.now();
  const { statuses, body } = await send(
    origin,
    Buffer.from('POST /v1/chat/completions HTTP/1.1\r\nhost: local'),
  );
  assert.deepEqual(statuses, [408]);
  assert.match(body, /request_timeout/);
  assert.ok(performance.now() - before < 12_000);
});
