// The door against raw requests: always OpenAI's envelope, never an open end.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { listenAt, stopServer } from '../../src/http/listen.ts';
import { createServer } from '../../src/http/server.ts';
import { silentLog } from '../../src/telemetry/log.ts';

async function open(t: TestContext, hosts: ReadonlySet<string> | null = null) {
  const opened = createServer({ log: silentLog, instance: 'me', hosts, keys: false });
  opened.server.get('/hello', async () => ({ hello: 'world' }));
  opened.server.get('/broken', async () => {
    throw new Error('secret detail');
  });
  const { url } = await listenAt(opened, { host: '127.0.0.1', port: 0 });
  t.after(() => stopServer(opened, 0, () => undefined));
  return { ...opened, port: Number(new URL(url).port) };
}

/** Sends raw bytes, reads to the end of the connection. */
async function raw(
  port: number,
  text: string,
): Promise<{ status: number; head: string; body: Record<string, unknown> }> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.end(text);
  const chunks = await Array.fromAsync(socket as AsyncIterable<Buffer>);
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  return {
    status: Number(head.split(' ')[1]),
    head,
    body: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>),
  };
}

const get = (path: string, headers: string[] = ['host: localhost']) =>
  `GET ${path} HTTP/1.1\r\n${[...headers, 'connection: close'].join('\r\n')}\r\n\r\n`;

const codeOf = (body: Record<string, unknown>) => (body['error'] as { code?: string } | undefined)?.code;

test('W1, F-C28: an unknown path is 404 with the envelope and a request id', async (t) => {
  const { port } = await open(t);
  const { status, head, body } = await raw(port, get('/nope'));
  assert.equal(status, 404);
  assert.match(head, /x-request-id: req_[0-9a-f]{24}/);
  assert.deepEqual(Object.keys(body['error'] as object), ['message', 'type', 'param', 'code']);
  assert.equal(codeOf(body), 'unknown_url');
});

test('F-C29: a wrong method is 405 and names the right one', async (t) => {
  const { port } = await open(t);
  const { status, head, body } = await raw(port, get('/hello').replace('GET', 'DELETE'));
  assert.equal(status, 405);
  assert.match(head, /allow: GET/);
  assert.equal(codeOf(body), 'method_not_allowed');
});

test('S5: a fault of ours tells the client nothing but the request id', async (t) => {
  const { port } = await open(t);
  const { status, body } = await raw(port, get('/broken'));
  assert.equal(status, 500);
  assert.ok(!JSON.stringify(body).includes('secret detail'));
  assert.match(JSON.stringify(body), /req_[0-9a-f]{24}/);
});

test('F-C23, F-C24, H10: two Hosts, two Authorizations, an upgrade and absolute paths are refused', async (t) => {
  const { port } = await open(t);
  const refused = [
    get('/hello', ['host: localhost', 'host: evil.example']),
    get('/hello', ['host: localhost', 'authorization: Bearer a', 'authorization: Bearer b']),
    get('/hello', ['host: localhost', 'upgrade: websocket']),
    get('http://evil.example/hello'),
  ];
  for (const request of refused) assert.equal((await raw(port, request)).status, 400, request);
});

test('F-C25, F-C26, F-C27: broken HTTP gets the envelope too', async (t) => {
  const { port } = await open(t);
  const both =
    'POST /hello HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
  assert.equal(codeOf((await raw(port, both)).body), 'invalid_request');
  const large = await raw(port, get('/hello', ['host: localhost', `x: ${'y'.repeat(20_000)}`]));
  assert.deepEqual([large.status, codeOf(large.body)], [431, 'header_too_large']);
});

test('E7: a request of our own process is 508', async (t) => {
  const { port } = await open(t);
  const { status, body } = await raw(port, get('/hello', ['host: localhost', 'x-plugin-gateway: me']));
  assert.deepEqual([status, codeOf(body)], [508, 'loop_detected']);
});

test('I11: without keys, only this machine may be named as Host or Origin', async (t) => {
  const { port } = await open(t, new Set());
  for (const host of ['localhost', '127.0.0.1:8080', '[::1]', 'app.localhost']) {
    assert.equal((await raw(port, get('/hello', [`host: ${host}`]))).status, 200, host);
  }
  for (const host of ['evil.example', '127.0.0.1.evil.example', '']) {
    assert.equal((await raw(port, get('/hello', [`host: ${host}`]))).status, 403, host);
  }
  const origin = (value: string) => get('/hello', ['host: localhost', `origin: ${value}`]);
  assert.equal((await raw(port, origin('http://localhost:3000'))).status, 200);
  assert.equal((await raw(port, origin('https://evil.example'))).status, 403);
  assert.equal((await raw(port, origin('null'))).status, 403);
});

test('N14, F-G03: half-sent requests and silent sockets do not hold the stop', async () => {
  const opened = createServer({ log: silentLog, instance: 'me', hosts: null, keys: false });
  const { url } = await listenAt(opened, { host: '127.0.0.1', port: 0 });
  const port = Number(new URL(url).port);
  const silent = connect(port, '127.0.0.1');
  const half = connect(port, '127.0.0.1');
  half.write('GET /hello HTTP/1.1\r\nhost: local');
  for (const socket of [silent, half]) socket.on('error', () => undefined);
  await Promise.all(
    [silent, half].map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
  );
  let cut = false;
  await stopServer(opened, 30_000, () => (cut = true));
  assert.equal(cut, false);
  for (const socket of [silent, half]) socket.destroy();
});
