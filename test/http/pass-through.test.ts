// The pass-through in front of real upstreams: what reaches them, what comes back, and what must not.
import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startPeer, startRawPeer, until } from '../egress/peers.ts';
import { ask, codeOf, echo, echoed, ours, rawRequest, startGateway } from './passed.ts';

for (const method of ['GET', 'DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS']) {
  test(`wire Q1: ${method} under /v1/ goes through with path, query and body`, async (t) => {
    const gateway = await startGateway(t, await startPeer(t, echo), { path: '/openai/v1' });
    const body = method === 'GET' ? '' : '{"a": 1.0}';
    const headers =
      body === '' ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) };
    const seen = echoed(await ask(gateway, '/v1/files/file-1?a=%2F&b=1&a=2', { method, headers, body }));
    assert.deepEqual(
      [seen.method, seen.url, seen.body],
      [method, '/openai/v1/files/file-1?a=%2F&b=1&a=2', body],
    );
  });
}

test("wire Q1: the gateway's own routes win, with their own parser, other methods of their paths go through", async (t) => {
  const peer = await startPeer(t, echo);
  const gateway = await startGateway(t, peer);
  const chat = await ask(gateway, '/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(chat.text, '{"chat":"{}"}');
  assert.equal(peer.connections(), 0);
  assert.equal(
    echoed(await ask(gateway, '/v1/chat/completions?limit=1')).url,
    '/v1/chat/completions?limit=1',
  );
  assert.equal(
    echoed(await ask(gateway, '/v1/chat/completions/chatcmpl-1', { method: 'DELETE' })).method,
    'DELETE',
  );
});

test('wire Q1: multipart bodies, odd content types and none go through byte for byte', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo));
  for (const type of [
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/octet-stream',
    undefined,
  ]) {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const seen = echoed(
      await ask(gateway, '/v1/files', { method: 'POST', headers, body: '--x\r\n\r\nbytes' }),
    );
    assert.equal(seen.body, '--x\r\n\r\nbytes');
    assert.equal(seen.headers['content-type'], type);
    assert.equal(seen.headers['content-length'], '12');
  }
});

test('a chunked body streams, without a length', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo));
  const headers = { 'transfer-encoding': 'chunked', 'content-type': 'audio/wav' };
  const seen = echoed(
    await ask(gateway, '/v1/audio', { method: 'POST', headers, body: Buffer.alloc(300_000, 'a') }),
  );
  assert.equal(seen.size, 300_000);
  assert.equal(seen.headers['content-length'], undefined);
});

const badPaths = [
  '/v1//evil.example/x',
  '/v1/a;..;/b',
  '/v1/%252e%252e/x',
  '/v1/%2e%2e/x',
  '/v1/%2E%2E%2Fx',
  '/v1/a%2fb',
  '/v1/a%5cb',
  '/v1/%2F%2Fevil.example',
  '/v1/%0d%0aHost:x',
  '/v1/../admin',
  '/v1/./x',
  '/v1/x/..',
  '/v1/x/.',
  '/v1/..a',
  '/v1/a../b',
  '/v1/a\\b',
  '/v1/a;b',
  '/v1/a@b',
  '/v1/a b',
  '/v1/a#b',
  '/v1/caf\u00e9',
  '/v1/x?a=\u00e9',
  '/v1/x?#a',
  '/%761/models',
  '/v1/http://evil.example/',
];
for (const path of badPaths) {
  test(`security H2, GHSA-2q7r-29rg-6m5h: ${JSON.stringify(path)} is refused, nothing goes upstream`, async (t) => {
    const peer = await startPeer(t, echo);
    const gateway = await startGateway(t, peer);
    const answer = await rawRequest(
      gateway,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 (400|404) /);
    assert.equal(peer.connections(), 0);
  });
}

test('security H2: an absolute-form target is refused', async (t) => {
  const peer = await startPeer(t, echo);
  const gateway = await startGateway(t, peer);
  const answer = await rawRequest(
    gateway,
    'GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 400 [^]*invalid_path/);
  assert.equal(peer.connections(), 0);
});

test('security H2: ids with dots, colons, tildes and dashes go through', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo));
  for (const path of ['/v1/models/ft:gpt-4.1-mini:acme::A_b~1', '/v1/models/a..b.c', '/v1/models/']) {
    assert.equal(echoed(await ask(gateway, path)).url, path);
  }
});

const hostile = {
  'content-type': 'application/json',
  accept: 'application/json',
  'idempotency-key': 'i',
  'openai-beta': 'assistants=v2',
  'x-stainless-lang': 'js',
  'anthropic-version': '1',
  'openai-organization': 'org',
  authorization: 'Bearer of-a-consumer',
  'api-key': 'k',
  'x-api-key': 'k',
  cookie: 'a=b',
  'proxy-authorization': 'Basic eA==',
  forwarded: 'for=1.2.3.4',
  'x-forwarded-for': '1.2.3.4',
  'x-forwarded-host': 'evil',
  via: '1.1 x',
  te: 'trailers',
  trailer: 'x',
  'keep-alive': 'timeout=5',
  'x-plugins': 'todo',
  'x-plugin-gateway': 'forged',
  'x-named': 'n',
  connection: 'x-named, x-stainless-lang, authorization',
};

test('security H3, CVE-2026-33805: headers are an allow-list, Connection cannot name our credential away', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo), { key: ours });
  const { headers } = echoed(
    await ask(gateway, '/v1/embeddings', { method: 'POST', headers: hostile, body: '{}' }),
  );
  assert.equal(headers['authorization'], `Bearer ${ours}`);
  assert.equal(headers['x-plugin-gateway'], 'test');
  assert.deepEqual(Object.keys(headers).toSorted(), [
    'accept',
    'accept-encoding',
    'anthropic-version',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'idempotency-key',
    'openai-beta',
    'x-plugin-gateway',
  ]);
});

test("security H3, S3: without a key of ours the caller's own credential goes, with its organization", async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo), { authorization: 'Bearer own' });
  const { headers } = echoed(
    await ask(gateway, '/v1/models', {
      headers: { authorization: 'Bearer of-a-consumer', 'openai-organization': 'org' },
    }),
  );
  assert.equal(headers['authorization'], 'Bearer own');
  assert.equal(headers['openai-organization'], 'org');
});

test('security H3: an Expect header does not reach the upstream', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo));
  const head =
    'POST /v1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok';
  const answer = await rawRequest(gateway, head);
  assert.match(answer, /HTTP\/1\.1 200 OK/);
  assert.doesNotMatch(answer, /"expect"/);
});

test('security H4: a 503 is not asked again', async (t) => {
  let asked = 0;
  const peer = await startPeer(t, (_request, response) => {
    asked += 1;
    response
      .writeHead(503, { 'retry-after': '1', 'content-type': 'application/json' })
      .end('{"error":{"message":"m"}}');
  });
  const answer = await ask(await startGateway(t, peer), '/v1/models');
  assert.deepEqual(
    [answer.status, answer.headers['retry-after'], answer.text],
    [503, '1', '{"error":{"message":"m"}}'],
  );
  assert.equal(asked, 1);
});

for (const when of ['before the headers', 'in the body']) {
  test(`security H5: a client that goes ${when} aborts the upstream within 200 ms`, async (t) => {
    let reached = false;
    const peer = await startPeer(t, (_request, response) => {
      reached = true;
      if (when === 'in the body') response.writeHead(200).write('some');
    });
    const gateway = await startGateway(t, peer);
    for (const method of ['GET', 'POST']) {
      reached = false;
      const asking = httpRequest({
        port: gateway.port,
        host: '127.0.0.1',
        path: '/v1/x',
        method,
        agent: false,
      });
      asking
        .on('error', () => undefined)
        .on('response', (response) => response.resume().on('error', () => undefined));
      asking.end(method === 'POST' ? 'body' : undefined);
      await until(() => reached);
      asking.destroy();
      const start = performance.now();
      await until(() => peer.open() === 0);
      assert.ok(performance.now() - start < 200);
    }
  });
}

test('security H6: a length over the limit is 413 at once', async (t) => {
  const peer = await startPeer(t, echo);
  const gateway = await startGateway(t, peer, { maxBytes: 1_000 });
  const head = 'POST /v1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10000\r\n\r\n';
  assert.match(await rawRequest(gateway, head), /^HTTP\/1\.1 413 [^]*request_too_large/);
  assert.equal(peer.connections(), 0);
});

test('security H6: chunks over the limit are 413, and the upstream is aborted', async (t) => {
  let whole = false;
  const peer = await startPeer(t, (request) => void request.resume().on('end', () => (whole = true)));
  const gateway = await startGateway(t, peer, { maxBytes: 1_000 });
  const chunk = `3e8\r\n${'a'.repeat(1_000)}\r\n`;
  const head = 'POST /v1/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  assert.match(await rawRequest(gateway, head + chunk + chunk), /^HTTP\/1\.1 413 [^]*request_too_large/);
  await until(() => peer.open() === 0);
  assert.ok(!whole);
});

test('security H7: a failure is answered from the table of errors, without an address', async (t) => {
  const silent = await startRawPeer(t, () => undefined);
  const resetting = await startRawPeer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const nobody = { origin: 'http://127.0.0.1:1' };
  const failures = [
    [nobody, 502, 'upstream_unreachable'],
    [silent, 504, 'upstream_timeout'],
    [resetting, 502, 'upstream_unreachable'],
  ] as const;
  for (const [peer, status, code] of failures) {
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? 'body' : '';
      const answer = await ask(await startGateway(t, peer), '/v1/files', { method, body });
      assert.deepEqual([answer.status, codeOf(answer)], [status, code]);
      assert.doesNotMatch(answer.text, /127\.0\.0\.1|ECONN/);
    }
  }
});

test('security H7: an upload is answered although its upstream has gone, and does not hold the socket', async (t) => {
  const peer = await startRawPeer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const gateway = await startGateway(t, peer);
  const head = 'POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n';
  assert.match(
    await rawRequest(gateway, head + 'a'.repeat(1_000)),
    /^HTTP\/1\.1 502 [^]*upstream_unreachable/,
  );
});

test('security F-U41: an upstream that answers before it has read the upload is heard', async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}'),
  );
  const gateway = await startGateway(t, peer);
  const head = 'POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n';
  assert.match(await rawRequest(gateway, head + 'a'.repeat(1_000)), /^HTTP\/1\.1 400 [^]*"no"/);
});

const foreign = {
  'content-type': 'audio/mpeg',
  'content-disposition': 'attachment',
  'openai-processing-ms': '3',
  'x-ratelimit-limit-requests': '1',
  'set-cookie': 'a=b',
  location: 'http://evil.example/',
  'strict-transport-security': 'max-age=1',
  'alt-svc': 'h3=":443"',
  'x-request-id': 'upstream',
  'openai-organization': 'org',
  'keep-alive': 'timeout=99',
  'x-named': 'n',
  connection: 'x-named',
};

test('security H8: answer headers pass but for what belongs to connection, host, cookies and our account', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.writeHead(201, foreign).end('bytes'));
  const { status, headers, text } = await ask(await startGateway(t, peer, { key: ours }), '/v1/audio');
  assert.deepEqual([status, text], [201, 'bytes']);
  assert.deepEqual(
    Object.keys(headers)
      .filter((name) => name in foreign && name !== 'connection')
      .toSorted(),
    ['content-disposition', 'content-type', 'openai-processing-ms', 'x-ratelimit-limit-requests'],
  );
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`security H8, F-U30: ${status} becomes 502, the Location is not shown`, async (t) => {
    const peer = await startPeer(t, (_request, response) =>
      response.writeHead(status, { location: 'http://evil.example/' }).end(),
    );
    const answer = await ask(await startGateway(t, peer), '/v1/models');
    assert.deepEqual(
      [answer.status, codeOf(answer), answer.headers.location],
      [502, 'upstream_redirect', undefined],
    );
  });
}

test("wire F4: our key refused is 502 upstream_auth, the caller's own passes as it came", async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.writeHead(401).end(`{"error":{"message":"bad ${ours}"}}`),
  );
  const mine = await ask(await startGateway(t, peer, { key: ours }), '/v1/models');
  assert.deepEqual([mine.status, codeOf(mine)], [502, 'upstream_auth']);
  const own = await ask(await startGateway(t, peer, { authorization: 'Bearer own' }), '/v1/models');
  assert.equal(own.status, 401);
});

test('security S5: our key is taken out of an error body that passes', async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.writeHead(400).end(`{"error":{"message":"bad ${ours}"}}`),
  );
  const answer = await ask(await startGateway(t, peer, { key: ours }), '/v1/models');
  assert.equal(answer.status, 400);
  assert.doesNotMatch(answer.text, /gateway-key/);
});

test('security H10: a request to change the protocol is refused', async (t) => {
  const peer = await startPeer(t, echo);
  const gateway = await startGateway(t, peer);
  const head =
    'GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n';
  assert.match(await rawRequest(gateway, head), /^HTTP\/1\.1 400 [^]*invalid_header/);
  assert.equal(peer.connections(), 0);
});

test('HEAD goes through with the headers of the answer', async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.writeHead(200, { 'content-length': '7', etag: 'x' }).end(),
  );
  const { status, headers, text } = await ask(await startGateway(t, peer), '/v1/files/f', { method: 'HEAD' });
  assert.deepEqual([status, headers['content-length'], headers.etag, text], [200, '7', 'x', '']);
});

test('security F-C08: a reader that takes nothing is dropped, a silent upstream is not its fault', async (t) => {
  let written = 0;
  let closed = false;
  const peer = await startPeer(t, (request, response) => {
    if (request.url === '/v1/slow') {
      setTimeout(() => response.end('late'), 120);
      return;
    }
    response.on('close', () => (closed = true));
    const more = (): void => {
      written += 1;
      if (response.write(Buffer.alloc(1024 * 1024))) more();
      else response.once('drain', more);
    };
    more();
  });
  const gateway = await startGateway(t, peer, { stall: 50 });
  assert.equal((await ask(gateway, '/v1/slow')).text, 'late');
  const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
  t.after(() => socket.destroy());
  socket.write('GET /v1/endless HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => closed);
  assert.ok(written < 64, `${written} MiB were written`);
});

test('204 and an empty answer go through', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.writeHead(204).end());
  const answer = await ask(await startGateway(t, peer), '/v1/files/f', { method: 'DELETE' });
  assert.deepEqual([answer.status, answer.text], [204, '']);
});

test('an event stream passes event by event', async (t) => {
  let more = (): void => undefined;
  const peer = await startPeer(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    more = () => response.end('data: 2\n\n');
  });
  const gateway = await startGateway(t, peer);
  const response = await new Promise<IncomingMessage>((resolve) => {
    httpRequest(
      { port: gateway.port, host: '127.0.0.1', path: '/v1/responses', method: 'POST', agent: false },
      resolve,
    ).end('{}');
  });
  const events: string[] = [];
  for await (const event of response) {
    events.push(String(event));
    more();
  }
  assert.deepEqual(events, ['data: 1\n\n', 'data: 2\n\n']);
});

test('an answer that is cut is a cut answer, never a whole one', async (t) => {
  const peer = await startPeer(t, (request, response) => {
    response
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .write('data: 1\n\n', () => setTimeout(() => request.socket.destroy(), 10));
  });
  await assert.rejects(ask(await startGateway(t, peer), '/v1/responses', { method: 'POST', body: '{}' }), {
    code: 'ECONNRESET',
  });
});

test('security N13: a GET and an empty POST survive a socket that died while idle', async (t) => {
  const peer = await startRawPeer(t, (socket) => {
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      if (requests > 1) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  const gateway = await startGateway(t, peer);
  for (const method of ['GET', 'POST', 'GET', 'DELETE']) {
    assert.equal((await ask(gateway, '/v1/x', { method })).text, 'ok');
    await new Promise((go) => setTimeout(go, 5));
  }
});

test('many requests at once keep their own answers', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo));
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) => ask(gateway, `/v1/models/${n}`, { method: 'POST', body: `${n}` })),
  );
  assert.deepEqual(
    answers.map((answer) => echoed(answer).url),
    answers.map((_, n) => `/v1/models/${n}`),
  );
  assert.deepEqual(
    answers.map((answer) => echoed(answer).body),
    answers.map((_, n) => `${n}`),
  );
});
