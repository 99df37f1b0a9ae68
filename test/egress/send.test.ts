// One outgoing request against peers that behave badly: limits, deadlines, encodings, sockets.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { brotliCompressSync, createGzip, gzipSync, zstdCompressSync } from 'node:zlib';
import type { EgressLimits, EgressRequest, Send } from '../../src/egress/egress.ts';
import {
  get,
  limits,
  never,
  readFirst,
  readText,
  startEgress,
  startPeer,
  startRawPeer,
  startTextPeer,
  until,
  type Peer,
} from './peers.ts';

function sendTo(t: TestContext, peer: Peer): Send {
  return startEgress(t).upstream('peer', peer.origin);
}

async function exchange(t: TestContext, peer: Peer, more: Partial<EgressRequest> = {}): Promise<string> {
  const answer = await sendTo(t, peer)(get(peer.origin, more), never());
  return readText(answer.body);
}

const within = (more: Partial<EgressLimits>): { limits: EgressLimits } => ({
  limits: { ...limits, ...more },
});

test('method, path, headers and body arrive as given, the path verbatim', async (t) => {
  let seen = '';
  const peer = await startPeer(t, async (request, response) => {
    seen = `${request.method} ${request.url} ${String(request.headers['x-a'])} ${await readText(request)}`;
    response.end();
  });
  await exchange(t, peer, {
    method: 'POST',
    path: '/a/%2e%2e/b//c;d?x=%00&y',
    headers: { 'X-A': '1' },
    body: 'text',
  });
  assert.equal(seen, 'POST /a/%2e%2e/b//c;d?x=%00&y 1 text');
});

test('bytes are sent whole with their length, and none with none', async (t) => {
  const peer = await startPeer(t, async (request, response) => {
    response.end(`${request.headers['content-length']} ${await readText(request)}`);
  });
  for (const size of [0, 1, 100_000, 1_000_000]) {
    const body = Buffer.alloc(size, 'x');
    for (const lasting of [false, true])
      assert.equal(await exchange(t, peer, { method: 'POST', body, lasting }), `${size} ${String(body)}`);
  }
});

test('bytes that have been sent are not held while the answer flows', async (t) => {
  const peer = await startPeer(t, async (request, response) => {
    await readText(request);
    response.write('begun');
  });
  let body: Buffer | null = Buffer.alloc(1_000, 'x');
  const sent = new WeakRef(body);
  const answer = await sendTo(t, peer)(get(peer.origin, { method: 'POST', body, lasting: true }), never());
  body = null;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await until(() => {
    collect();
    return sent.deref() === undefined;
  });
  await answer.body[Symbol.asyncIterator]().return?.();
});

test('security E7, E9: every request names this process and asks for no encoding', async (t) => {
  const peer = await startPeer(t, (request, response) => response.end(JSON.stringify(request.headers)));
  const headers = JSON.parse(
    await exchange(t, peer, { headers: { 'accept-encoding': 'gzip', 'x-plugin-gateway': 'forged' } }),
  );
  assert.equal(headers['x-plugin-gateway'], 'test');
  assert.equal(headers['accept-encoding'], 'identity');
});

test('security A6, N1: a foreign host, a connection header and an absolute path are not sent', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end());
  const send = sendTo(t, peer);
  for (const more of [
    { headers: { Host: 'evil.example' } },
    { headers: { connection: 'x' } },
    { path: 'http://evil.example/' },
  ]) {
    await assert.rejects(send(get(peer.origin, more), never()), TypeError);
  }
  assert.equal(peer.connections(), 0);
});

test('an answer that is no success is an answer, a redirect too (security E6)', async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  );
  const answer = await sendTo(t, peer)(get(peer.origin), never());
  assert.equal(answer.status, 302);
  assert.equal(peer.connections(), 1);
});

test('security E8: proxies of the environment are ignored', async (t) => {
  const sink = await startPeer(t, (_request, response) => response.end('sink'));
  const peer = await startPeer(t, (_request, response) => response.end('direct'));
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY'];
  for (const name of names) process.env[name] = sink.origin;
  process.env['NODE_USE_ENV_PROXY'] = '1';
  t.after(() => [...names, 'NODE_USE_ENV_PROXY'].forEach((name) => delete process.env[name]));
  assert.equal(await exchange(t, peer), 'direct');
  assert.equal(sink.connections(), 0);
});

test('a body of more than one chunk that streams arrives whole, with its length', async (t) => {
  let seen: unknown;
  const peer = await startPeer(t, async (request, response) => {
    seen = [
      request.headers['content-length'],
      request.headers['transfer-encoding'],
      (await readText(request)).length,
    ];
    response.end();
  });
  const body = new PassThrough();
  body.write('a'.repeat(70_000));
  body.end('b');
  await exchange(t, peer, { method: 'POST', body, headers: { 'content-length': '70001' } });
  assert.deepEqual(seen, ['70001', undefined, 70_001]);
});

const encodings = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync };
for (const [name, encode] of Object.entries(encodings)) {
  test(`security E9: ${name} is decoded although it was not asked for`, async (t) => {
    const peer = await startPeer(t, (_request, response) =>
      response.writeHead(200, { 'content-encoding': name }).end(encode('words')),
    );
    const answer = await sendTo(t, peer)(get(peer.origin), never());
    assert.equal(answer.headers['content-encoding'], undefined);
    assert.equal(await readText(answer.body), 'words');
  });

  test(`security E9, F-U32, F-P18: a ${name} bomb ends at the limit`, async (t) => {
    const bomb = encode(Buffer.alloc(4 * 1024 * 1024));
    const peer = await startPeer(t, (_request, response) =>
      response.writeHead(200, { 'content-encoding': name }).end(bomb),
    );
    await assert.rejects(exchange(t, peer), { failure: 'too_large' });
  });
}

for (const encoding of ['gzip, gzip', 'br, gzip', 'deflate', 'compress', 'x']) {
  test(`security E9, F-P19: the encoding "${encoding}" is refused`, async (t) => {
    const peer = await startPeer(t, (_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end('x'),
    );
    await assert.rejects(exchange(t, peer), { failure: 'bad_encoding' });
  });
}

test('security E9: two encodings in two headers are refused', async (t) => {
  const peer = await startTextPeer(
    t,
    'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n',
  );
  await assert.rejects(exchange(t, peer), { failure: 'bad_encoding' });
});

test('security E9: bytes that are not the encoding named are an error, and so is a cut encoding', async (t) => {
  const plain = await startPeer(t, (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain'),
  );
  await assert.rejects(exchange(t, plain), { failure: 'bad_encoding' });
  const half = gzipSync('words and words').subarray(0, 20);
  const cut = await startPeer(t, (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(half),
  );
  await assert.rejects(exchange(t, cut), { failure: 'truncated' });
});

test('an answer without a body needs no decoder', async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.writeHead(204, { 'content-encoding': 'gzip' }).end(),
  );
  assert.equal(await exchange(t, peer), '');
  const head = await startPeer(t, (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(),
  );
  assert.equal(await exchange(t, head, { method: 'HEAD' }), '');
});

test('security F-P17: 200 MB are stopped at the limit, the socket is destroyed', async (t) => {
  let sent = 0;
  const peer = await startPeer(t, (_request, response) => {
    const block = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (sent < 200 * 1024 * 1024) {
        sent += block.length;
        if (!response.write(block)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  await assert.rejects(exchange(t, peer), { failure: 'too_large' });
  await until(() => peer.open() === 0);
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were written`);
});

test('a length over the limit is refused before the body', async (t) => {
  const peer = await startTextPeer(t, 'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n');
  await assert.rejects(sendTo(t, peer)(get(peer.origin), never()), { failure: 'too_large' });
});

test('security E10, F-U05, F-P10: no answer at all ends at the first-byte deadline', async (t) => {
  const peer = await startRawPeer(t, () => undefined);
  const start = performance.now();
  await assert.rejects(exchange(t, peer, within({ firstByte: 100 })), { failure: 'timeout' });
  assert.ok(performance.now() - start < 400);
  await until(() => peer.open() === 0);
});

test('security E10, F-U06, F-P11: a header drip ends at the first-byte deadline', async (t) => {
  const peer = await startRawPeer(t, (socket) => drip(t, socket, 'HTTP/1.1 200 OK\r\n', 'x-a: 1\r\n'));
  await assert.rejects(exchange(t, peer, within({ firstByte: 150 })), { failure: 'timeout' });
});

test('security E10, F-U07, F-P12: endless 103s end at the first-byte deadline', async (t) => {
  const peer = await startRawPeer(t, (socket) =>
    drip(t, socket, '', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
  );
  await assert.rejects(exchange(t, peer, within({ firstByte: 150 })), { failure: 'timeout' });
});

test('a 103 before the answer is not the answer', async (t) => {
  const peer = await startTextPeer(
    t,
    'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  );
  assert.equal(await exchange(t, peer), 'ok');
});

test('security E10, F-U11, F-P13: silence in the body ends at the idle deadline', async (t) => {
  const peer = await startPeer(t, (_request, response) => void response.write('some'));
  await assert.rejects(exchange(t, peer, within({ idle: 100 })), { failure: 'timeout' });
});

test('security E10, F-P16: a body drip ends at the total deadline', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n';
  const peer = await startRawPeer(t, (socket) => drip(t, socket, head, '.'));
  await assert.rejects(exchange(t, peer, within({ total: 200, idle: 100 })), { failure: 'timeout' });
});

test('security E10: a slow reader is not a silent peer', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end(Buffer.alloc(1024 * 1024 - 1)));
  const answer = await sendTo(t, peer)(get(peer.origin, within({ idle: 50 })), never());
  let size = 0;
  for await (const chunk of answer.body) {
    if (size === 0) await new Promise((go) => setTimeout(go, 120));
    size += chunk.length;
  }
  assert.equal(size, 1024 * 1024 - 1);
});

test('security E10: an abort rejects with its reason and destroys the socket, at any moment', async (t) => {
  const silent = await startRawPeer(t, () => undefined);
  const flowing = await startPeer(t, (_request, response) => void response.write('some'));
  const reason = new Error('the client left');
  const early = new AbortController();
  setTimeout(() => early.abort(reason), 20);
  await assert.rejects(sendTo(t, silent)(get(silent.origin), early.signal), reason);
  const late = new AbortController();
  const answer = await sendTo(t, flowing)(get(flowing.origin), late.signal);
  setTimeout(() => late.abort(reason), 20);
  await assert.rejects(readText(answer.body), reason);
  await until(() => silent.open() === 0 && flowing.open() === 0);
  await assert.rejects(sendTo(t, silent)(get(silent.origin), AbortSignal.abort(reason)), reason);
});

test('security E10: nothing listens to the signal after the answer', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    response.write('o');
    setTimeout(() => response.end('k'), 20);
  });
  const { signal } = new AbortController();
  const answer = await sendTo(t, peer)(get(peer.origin), signal);
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  await readText(answer.body);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('security F-U01, F-P01: a refused connection is unreachable', async (t) => {
  const peer = { origin: 'http://127.0.0.1:1' } as Peer;
  await assert.rejects(exchange(t, peer), { failure: 'unreachable' });
});

test('security F-P03: a name that does not resolve has its own failure', async (t) => {
  const resolve = async () =>
    Promise.reject(Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' }));
  const send = startEgress(t, { resolve }).plugin('p', []);
  await assert.rejects(send(get('https://nowhere.example'), never()), { failure: 'dns_failed' });
});

test('security E4: a resolver that hangs ends after three seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const send = startEgress(t, { resolve: () => new Promise(() => undefined) }).plugin('p', []);
  const sent = send(get('https://slow.example', within({ firstByte: 9_000, total: 9_000 })), never());
  await new Promise((go) => setImmediate(go));
  t.mock.timers.tick(3_000);
  await assert.rejects(sent, { failure: 'dns_failed' });
});

test('security F-U09: a reset before the answer on a fresh socket is no keep-alive race', async (t) => {
  const peer = await startRawPeer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  await assert.rejects(exchange(t, peer), { failure: 'reset', reusedSocket: false });
});

test('security N13, F-U10: a reset on a reused socket is told from others', async (t) => {
  const peer = await startRawPeer(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      socket.once('data', () => socket.destroy());
    });
  });
  const send = sendTo(t, peer);
  for (const method of ['GET', 'POST']) {
    assert.equal(await readText((await send(get(peer.origin, { method }), never())).body), 'ok');
    await new Promise((go) => setTimeout(go, 10)); // undici lends a socket again one turn of the loop later
    await assert.rejects(send(get(peer.origin, { method }), never()), {
      failure: 'reset',
      reusedSocket: true,
    });
  }
  assert.equal(peer.connections(), 2);
});

test('security N13: a reused socket that fails after the first byte is no keep-alive race', async (t) => {
  const peer = await startRawPeer(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      socket.once('data', () => socket.end('HTTP/1.1 20'));
    });
  });
  const send = sendTo(t, peer);
  await readText((await send(get(peer.origin), never())).body);
  await new Promise((go) => setTimeout(go, 10));
  await assert.rejects(send(get(peer.origin), never()), { reusedSocket: false });
});

test('security F-U12, F-P14, F-P15: a body that is cut is truncated, however it was framed', async (t) => {
  const starts = ['Content-Length: 100\r\n\r\nshort', 'Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n'];
  for (const start of starts) {
    for (const cut of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const peer = await startRawPeer(t, (socket) =>
        socket.once('data', () =>
          socket.write(`HTTP/1.1 200 OK\r\n${start}`, () => setTimeout(cut, 5, socket)),
        ),
      );
      await assert.rejects(exchange(t, peer), { failure: 'truncated' });
    }
  }
});

test('security F-U08, F-P20: headers over 16 KiB are a bad answer', async (t) => {
  const peer = await startTextPeer(
    t,
    `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(17_000)}\r\nContent-Length: 0\r\n\r\n`,
  );
  await assert.rejects(exchange(t, peer), { failure: 'bad_answer' });
});

const malformed = new Map([
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  ],
  ['a chunk beyond 2^64', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab'],
  ['a bad status line', 'HTTP/1.1 abc\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
  ['a header name with a blank', 'HTTP/1.1 200 OK\r\nx a: 1\r\nContent-Length: 0\r\n\r\n'],
]);
for (const [what, answer] of malformed) {
  test(`security F-U33: ${what} is an error, and the socket is destroyed`, async (t) => {
    const peer = await startTextPeer(t, answer);
    await assert.rejects(exchange(t, peer), { failure: 'bad_answer' });
    await until(() => peer.open() === 0);
  });
}

test('security F-U29: 100 alone and an upgrade that was not asked for are errors', async (t) => {
  for (const answer of [
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  ]) {
    const peer = await startTextPeer(t, answer);
    await assert.rejects(exchange(t, peer), { name: 'EgressError' });
    await until(() => peer.open() === 0);
  }
});

test('security E11, F-U42: bytes after an answer do not reach the next request', async (t) => {
  const peer = await startTextPeer(
    t,
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
  );
  const send = sendTo(t, peer);
  for (let n = 0; n < 3; n += 1) {
    assert.equal(await readText((await send(get(peer.origin), never())).body), 'ok');
    await new Promise((go) => setTimeout(go, 10));
  }
  assert.equal(peer.connections(), 3);
});

test('security E11: an answer before any request destroys the socket', async (t) => {
  const peer = await startRawPeer(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'), 20);
    });
  });
  const send = sendTo(t, peer);
  assert.equal(await readText((await send(get(peer.origin), never())).body), 'ok');
  await until(() => peer.open() === 0);
  assert.equal(await readText((await send(get(peer.origin), never())).body), 'ok');
});

test('wire D2: a reader that stops at the end leaves a socket that lives', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    response.write('last');
    setTimeout(() => response.end(), 10);
  });
  const send = sendTo(t, peer);
  for (let n = 0; n < 3; n += 1) {
    const answer = await send(get(peer.origin), never());
    await readFirst(answer.body);
    await new Promise((go) => setTimeout(go, 30));
  }
  assert.equal(peer.connections(), 1);
});

test('wire D2: a reader that stops early cuts the socket', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    response.write('first');
    const timer = setInterval(() => response.write('more'), 10);
    response.on('close', () => clearInterval(timer));
  });
  const answer = await sendTo(t, peer)(get(peer.origin), never());
  await readFirst(answer.body);
  await until(() => peer.open() === 0);
});

test('wire D2: a reader that stops leaves no silent socket for long', async (t) => {
  const peer = await startPeer(t, (_request, response) => void response.write('first'));
  const answer = await sendTo(t, peer)(get(peer.origin), never());
  await readFirst(answer.body);
  const start = performance.now();
  await until(() => peer.open() === 0);
  assert.ok(performance.now() - start < 400);
});

test('an answer that nobody reads fails alone, not the process', async (t) => {
  const peer = await startPeer(t, (_request, response) => void response.write('first'));
  await sendTo(t, peer)(get(peer.origin, within({ idle: 30 })), never());
  await until(() => peer.open() === 0);
});

test('security F-P39: a peer that closes its half after the answer is let go', async (t) => {
  const peer = await startRawPeer(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  assert.equal(await exchange(t, peer), 'ok');
  await until(() => peer.open() === 0);
});

test('security F-U04: a certificate that cannot be verified, and plain text, end in tls_failed', async (t) => {
  const folder = new URL('../fixtures/tls/', import.meta.url);
  const read = (name: string) => readFileSync(new URL(name, folder));
  const server = createServer(
    { key: read('self-signed.key'), cert: read('self-signed.crt') },
    (_request, response) => response.end(),
  );
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close());
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signed = startEgress(t).upstream('u', origin);
  await assert.rejects(signed(get(origin), never()), { failure: 'tls_failed' });
  const plain = await startPeer(t, (_request, response) => response.end());
  const secure = `https://127.0.0.1:${plain.port}`;
  await assert.rejects(startEgress(t).upstream('u', secure)(get(secure), never()), { failure: 'tls_failed' });
});

test('a gzip stream is decoded as it comes', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    const gzip = createGzip();
    gzip.pipe(response);
    gzip.write('first');
    gzip.flush();
  });
  const answer = await sendTo(t, peer)(get(peer.origin), never());
  assert.equal(await readFirst(answer.body), 'first');
  await until(() => peer.open() === 0);
});

test('security E11: a plugin has at most 64 sockets to an origin, an upstream as many as it needs', async (t) => {
  for (const [kind, most] of [
    ['plugin', 64],
    ['upstream', 100],
  ] as const) {
    let open = 0;
    const peer = await startPeer(t, (_request, response) => {
      open = Math.max(open, peer.open());
      setTimeout(() => response.end('ok'), 30);
    });
    const egress = startEgress(t);
    const send =
      kind === 'plugin' ? egress.plugin('p', [`127.0.0.1:${peer.port}`]) : egress.upstream('u', peer.origin);
    const sent = Array.from({ length: 100 }, async () =>
      readText((await send(get(peer.origin), never())).body),
    );
    assert.deepEqual(new Set(await Promise.all(sent)), new Set(['ok']));
    assert.equal(open, most, kind);
  }
});

test('closing egress cuts what is under way', async (t) => {
  const peer = await startRawPeer(t, () => undefined);
  const egress = startEgress(t);
  const sent = egress.upstream('u', peer.origin)(get(peer.origin), never());
  setTimeout(() => void egress.close(), 20);
  await assert.rejects(sent, { failure: 'unreachable' });
});

function drip(t: TestContext, socket: Socket, head: string, drop: string): void {
  socket.write(head);
  const timer = setInterval(() => socket.write(drop), 10);
  socket.on('close', () => clearInterval(timer));
  t.after(() => clearInterval(timer));
}
