// Asking an upstream: what reaches it, what its answers become, when it is asked again.
import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { Chunk, UpstreamAnswer } from '../../src/openai/chat.ts';
import { chunksOf } from '../../src/openai/more-text.ts';
import { parseRequest } from '../../src/openai/request.ts';
import { createUpstreams, type Upstream } from '../../src/upstream/upstream.ts';
import type { AskContext } from '../../src/upstream/ask.ts';
import { matchesModel } from '../../src/upstream/model-pattern.ts';
import { never, readText, startEgress, startPeer, startRawPeer, until, type Peer } from '../egress/peers.ts';

const patience = { connect: 3_000, askIdle: 100, forwardFirstByte: 100, forwardIdle: 100 };
const request = parseRequest('{"model":"m","seed":9223372036854775807,"messages":[]}');
const ours = 'sk-gateway-key-0123456789';

function upstreamAt(t: TestContext, url: string, key?: string): Upstream {
  const egress = startEgress(t);
  const config = { name: 'acme', url, models: ['*'], ...(key !== undefined && { key }) };
  const upstream = createUpstreams([config], egress.upstream, patience).matching('m')[0];
  assert.ok(upstream);
  return upstream;
}

interface Asked {
  readonly chunks: Chunk[];
  readonly headers: Record<string, string>;
}

async function ask(upstream: Upstream, context: Partial<AskContext> = {}, signal = never()): Promise<Asked> {
  let headers: Record<string, string> = {};
  const onAnswer = (shown: Record<string, string>): void => void (headers = shown);
  const door = upstream.ask({ headers: {}, authorization: null, onAnswer, ...context });
  const chunks: Chunk[] = [];
  const { pieces: read } = await door(request, signal);
  for await (const pieces of read) chunks.push(...pieces.flatMap(chunksOf));
  return { chunks, headers };
}

const sse = { 'content-type': 'text/event-stream' };
const json = { 'content-type': 'application/json' };
const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const word = 'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n';
const done = 'data: [DONE]\n\n';
const completion =
  '{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}';

function answering(status: number, headers: Record<string, string>, ...parts: string[]): RequestListener {
  return (_request, response) => {
    response.writeHead(status, headers);
    for (const part of parts) response.write(part);
    response.end();
  };
}

/** Answers the n-th request by the n-th listener, the last one for ever. */
function inTurn(...listeners: RequestListener[]): RequestListener & { count: () => number } {
  let n = 0;
  const turn = (incoming: IncomingMessage, response: ServerResponse & { req: IncomingMessage }): void => {
    const listener = listeners[Math.min(n, listeners.length - 1)];
    n += 1;
    listener?.(incoming, response);
  };
  return Object.assign(turn, { count: () => n });
}

async function failing(
  t: TestContext,
  listener: RequestListener,
  key?: string,
): Promise<Error & Record<string, unknown>> {
  const peer = await startPeer(t, listener);
  return failure(ask(upstreamAt(t, peer.origin, key)));
}

async function failure(asking: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const error: unknown = await asking.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error);
  return error as Error & Record<string, unknown>;
}

test('wire Q3, Q4: the request arrives at <url>/chat/completions byte for byte', async (t) => {
  let seen: unknown;
  const peer = await startPeer(t, async (incoming, response) => {
    seen = [incoming.method, incoming.url, await readText(incoming), incoming.headers['content-type']];
    response.writeHead(200, json).end(completion);
  });
  await ask(upstreamAt(t, `${peer.origin}/openai/v1/?api-version=2`));
  assert.deepEqual(seen, [
    'POST',
    '/openai/v1/chat/completions?api-version=2',
    '{"model":"m","seed":9223372036854775807,"messages":[]}',
    'application/json',
  ]);
});

const inbound = {
  'openai-beta': 'b',
  'x-client-request-id': 'r',
  'http-referer': 'f',
  'x-title': 't',
  'openai-organization': 'org',
  'openai-project': 'proj',
  'idempotency-key': 'i',
  authorization: 'Bearer of-a-consumer',
  cookie: 'c',
  'x-plugins': 'todo',
  'x-forwarded-for': '1.2.3.4',
  'x-api-key': 'k',
};

async function headersSeen(
  t: TestContext,
  context: Partial<AskContext>,
  key?: string,
): Promise<IncomingHttpHeaders> {
  let seen: IncomingHttpHeaders = {};
  const peer = await startPeer(t, (incoming, response) => {
    seen = incoming.headers;
    response.writeHead(200, json).end(completion);
  });
  await ask(upstreamAt(t, peer.origin, key), context);
  return seen;
}

test("wire Q7: of the client's headers only the named ones go on; the upstream's own key wins", async (t) => {
  const seen = await headersSeen(t, { headers: inbound, authorization: 'Bearer callers-own' }, ours);
  assert.equal(seen.authorization, `Bearer ${ours}`);
  const names = Object.keys(seen).filter((name) => name in inbound && name !== 'authorization');
  assert.deepEqual(names.toSorted(), ['http-referer', 'openai-beta', 'x-client-request-id', 'x-title']);
});

test("wire Q7: without a key the caller's Authorization goes on, with organization and project", async (t) => {
  const seen = await headersSeen(t, { headers: inbound, authorization: 'Bearer callers-own' });
  assert.equal(seen.authorization, 'Bearer callers-own');
  assert.equal(seen['openai-organization'], 'org');
  assert.equal(seen['openai-project'], 'proj');
  const none = await headersSeen(t, { headers: inbound, authorization: null });
  assert.equal(none.authorization, undefined);
});

const answerHeaders = {
  'openai-processing-ms': '7',
  'openai-version': '1',
  'x-ratelimit-remaining-requests': '9',
  'x-should-retry': 'true',
  'openai-organization': 'org',
  'set-cookie': 'a=b',
  'x-request-id': 'upstream',
  server: 'nginx',
};

test('wire F6: only the named headers of an answer are shown', async (t) => {
  const peer = await startPeer(t, answering(200, { ...json, ...answerHeaders }, completion));
  const names = async (key?: string) =>
    Object.keys((await ask(upstreamAt(t, peer.origin, key))).headers).toSorted();
  const shown = [
    'openai-processing-ms',
    'openai-version',
    'x-ratelimit-remaining-requests',
    'x-should-retry',
  ];
  assert.deepEqual(await names(ours), shown);
  assert.deepEqual(await names(), ['openai-organization', ...shown]);
});

test('an event stream becomes its chunks; JSON is unfolded (wire D3)', async (t) => {
  const streamed = await startPeer(
    t,
    answering(200, { 'content-type': 'text/event-stream; charset=utf-8' }, word, finish, done),
  );
  assert.deepEqual(
    (await ask(upstreamAt(t, streamed.origin))).chunks.map((chunk) => chunk.choices),
    [
      [{ index: 0, delta: { content: 'hi' }, finish_reason: null }],
      [{ index: 0, delta: {}, finish_reason: 'stop' }],
    ],
  );
  const plain = await startPeer(t, answering(200, json, '\n\n  ', completion));
  const [chunk, ...rest] = (await ask(upstreamAt(t, plain.origin))).chunks;
  assert.equal(chunk?.choices[0]?.delta.content, 'hi');
  assert.deepEqual(rest, []);
});

test('wire A8, E10: chunks without choices, with null ones, and pings break nothing', async (t) => {
  const odd = [
    '{}',
    '{"usage":{"total_tokens":1}}',
    '{"choices":null}',
    '{"choices":[null,{"delta":null,"finish_reason":7}]}',
  ];
  const peer = await startPeer(
    t,
    answering(200, sse, ...odd.map((data) => `data: ${data}\n\n`), 'data:\n\n', finish),
  );
  const { chunks } = await ask(upstreamAt(t, peer.origin));
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices),
    [
      [],
      [],
      [{ index: 0, delta: {}, finish_reason: null }],
      [{ index: 0, delta: {}, finish_reason: 'stop' }],
    ],
  );
});

test('wire D2, F-U16: a finish_reason without [DONE] is a normal end', async (t) => {
  const peer = await startPeer(t, answering(200, sse, word, finish));
  assert.equal((await ask(upstreamAt(t, peer.origin))).chunks.length, 2);
});

test('wire D2, F-U15: an end without finish_reason and [DONE] is truncated', async (t) => {
  const error = await failing(t, answering(200, sse, word));
  assert.equal(error['wireCode'], 'upstream_truncated');
});

test('wire D2, F-U17: what comes behind [DONE] is ignored', async (t) => {
  const peer = await startPeer(
    t,
    answering(200, sse, word, finish, done, 'data: {"error":{"message":"late"}}\n\n'),
  );
  assert.equal((await ask(upstreamAt(t, peer.origin))).chunks.length, 2);
});

test('wire D2: the socket of a stream that ended by [DONE] is used again', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    response.writeHead(200, sse).write(word + finish + done);
    setTimeout(() => response.end(), 10);
  });
  const upstream = upstreamAt(t, peer.origin);
  for (let n = 0; n < 3; n += 1) {
    await ask(upstream);
    await new Promise((go) => setTimeout(go, 40));
  }
  assert.equal(peer.connections(), 1);
});

const wrong = new Map<string, [RequestListener, string, number]>([
  [
    'F-U18: a chunk that is no JSON',
    [answering(200, sse, word, 'data: {"choi\n\n'), 'upstream_bad_answer', 502],
  ],
  ['a chunk that is no object', [answering(200, sse, 'data: [1]\n\n'), 'upstream_bad_answer', 502]],
  [
    'F-U20: an event of more than 1 MiB',
    [answering(200, sse, `data: ${'a'.repeat(1_100_000)}`), 'upstream_too_large', 502],
  ],
  [
    'F-U23: an HTML page',
    [answering(200, { 'content-type': 'text/html' }, '<p>'), 'upstream_bad_content_type', 502],
  ],
  ['no content type', [answering(200, {}, '{}'), 'upstream_bad_content_type', 502]],
  ['F-U31: 204', [answering(204, json), 'upstream_empty', 502]],
  ['F-U31: an empty body', [answering(200, { ...json, 'content-length': '0' }), 'upstream_empty', 502]],
  ['F-U31: a blank body', [answering(200, json, ' \n'), 'upstream_empty', 502]],
  ['an event stream without events', [answering(200, sse, ': hello\n\n'), 'upstream_empty', 502]],
  ['JSON that is cut', [answering(200, json, '{"choices":['), 'upstream_bad_answer', 502]],
  ['F-U30: a redirect', [answering(307, { location: 'http://127.0.0.1:1/' }), 'upstream_redirect', 502]],
  [
    'F-U32: an unknown encoding',
    [answering(200, { ...json, 'content-encoding': 'x' }, 'x'), 'upstream_bad_answer', 502],
  ],
  ['F-U08: headers over 16 KiB', [answering(200, { 'x-a': 'a'.repeat(17_000) }), 'upstream_bad_answer', 502]],
  ['F-U09: a reset', [(incoming) => void incoming.socket.resetAndDestroy(), 'upstream_unreachable', 502]],
  ['F-U12: a cut body', [cut(json, '{"choices":['), 'upstream_truncated', 502]],
  ['F-U14: a cut stream', [cut(sse, word), 'upstream_truncated', 502]],
  [
    'F-U11: a body that hangs',
    [(_request, response) => void response.writeHead(200, json).write('{'), 'upstream_timeout', 504],
  ],
  [
    'F-U13: a stream that hangs',
    [(_request, response) => void response.writeHead(200, sse).write(word), 'upstream_timeout', 504],
  ],
]);
for (const [what, [listener, code, status]] of wrong) {
  test(`security ${what} is ${code}, without an address in its message`, async (t) => {
    const error = await failing(t, listener);
    assert.equal(error['wireCode'], code);
    assert.equal(error['statusCode'], status);
    assert.match(error.message, /'acme'/);
    assert.doesNotMatch(error.message, /127\.0\.0\.1|localhost|:[0-9]{4,5}/);
  });
}

function cut(headers: Record<string, string>, text: string): RequestListener {
  return (incoming, response) => {
    response
      .writeHead(200, { ...headers, 'content-length': '9999' })
      .write(text, () => setTimeout(() => incoming.socket.destroy(), 10));
  };
}

test('security F-U01: nobody listens: upstream_unreachable in less than 100 ms', async (t) => {
  const start = performance.now();
  const error = await failure(ask(upstreamAt(t, 'http://127.0.0.1:1/v1')));
  assert.equal(error['wireCode'], 'upstream_unreachable');
  assert.ok(performance.now() - start < 100);
});

test('security F-U04: plain text where TLS is spoken is upstream_tls', async (t) => {
  const peer = await startPeer(t, answering(200, json, completion));
  const error = await failure(ask(upstreamAt(t, `https://127.0.0.1:${peer.port}`)));
  assert.equal(error['wireCode'], 'upstream_tls');
});

test('security F-U21, wire A9: an error in a stream, beside choices or alone, fails the step', async (t) => {
  for (const data of [
    '{"error":{"message":"overloaded"}}',
    '{"choices":[],"error":{"message":"overloaded"}}',
  ]) {
    const error = await failing(
      t,
      answering(200, sse, word, `event: error\ndata: ${data}\n\n`, finish, done),
    );
    assert.equal(error.name, 'UpstreamError');
    assert.equal(error['statusCode'], 502);
    assert.deepEqual(error['body'], { error: { message: 'overloaded' } });
  }
});

test('wire J3: an error in JSON of status 200 fails the step with the status that it names', async (t) => {
  const error = await failing(t, answering(200, json, '{"error":{"message":"slow down","code":429}}'));
  assert.equal(error['statusCode'], 429);
  assert.deepEqual(error['body'], { error: { message: 'slow down', code: 429 } });
});

test('wire F3: a status and an envelope of the upstream pass as they came, with the headers for a retry', async (t) => {
  const body = '{"error":{"message":"no","type":"x","param":"model","code":"c"},"user_id":1}';
  const error = await failing(
    t,
    answering(429, { ...json, 'retry-after': '7', 'x-ratelimit-limit': '1', server: 's' }, body),
  );
  assert.equal(error['statusCode'], 429);
  assert.deepEqual(error['body'], JSON.parse(body));
  assert.deepEqual(error['headers'], { 'retry-after': '7', 'x-ratelimit-limit': '1' });
});

const deviants = new Map([
  ["Mistral's detail", ['{"detail":[{"msg":"bad"}]}', '[{"msg":"bad"}]']],
  ["Mistral's flat error", ['{"object":"error","message":"bad","type":"t"}', 'bad']],
  ["Ollama's text", ['{"error":"bad"}', 'bad']],
  ["Gemini's array", ['[{"error":{"message":"bad","code":422}}]', 'bad']],
  ['HTML', ['<html>bad</html>', "The upstream 'acme' answered 422 without a readable error."]],
  ['nothing', ['', "The upstream 'acme' answered 422 without a readable error."]],
  ['null', ['null', "The upstream 'acme' answered 422 without a readable error."]],
]);
for (const [what, [body = '', message]] of deviants) {
  test(`wire F3: ${what} is brought into an envelope`, async (t) => {
    const error = await failing(t, answering(422, {}, body));
    assert.equal(error['statusCode'], 422);
    assert.equal((error['body'] as { error: { message: string } }).error.message, message);
  });
}

test("wire F4, F-U25: our key refused is upstream_auth, the caller's own passes", async (t) => {
  for (const status of [401, 403]) {
    const listener = answering(status, json, `{"error":{"message":"Incorrect API key: ${ours}"}}`);
    const mine = await failing(t, listener, ours);
    assert.equal(mine['wireCode'], 'upstream_auth');
    assert.doesNotMatch(mine.message, /sk-gateway/);
    assert.equal((await failing(t, listener))['statusCode'], status);
  }
});

test('security S5, F-U24: our key is taken out of an error that passes', async (t) => {
  const echo = `{"error":{"message":"you sent ${ours} and ${Buffer.from(ours).toString('base64')}"}}`;
  const error = await failing(t, answering(400, json, echo), ours);
  assert.equal(error['statusCode'], 400);
  assert.doesNotMatch(JSON.stringify(error['body']), /gateway-key|c2stZ2F0/);
});

for (const status of [529, 599, 999]) {
  test(`security F-U29: ${status} becomes 502 and keeps its words`, async (t) => {
    const error = await failing(t, answering(status, json, '{"error":{"message":"overloaded"}}'));
    assert.equal(error['statusCode'], 502);
    assert.deepEqual(error['body'], { error: { message: 'overloaded' } });
  });
}

for (const status of [500, 502, 503, 504]) {
  test(`wire T2, F-U28: ${status} is asked once more, then passed`, async (t) => {
    const bad = answering(status, { ...json, 'retry-after-ms': '5' }, '{"error":{"message":"sorry"}}');
    const mended = inTurn(bad, answering(200, json, completion));
    const peer = await startPeer(t, mended);
    assert.equal((await ask(upstreamAt(t, peer.origin))).chunks.length, 1);
    const broken = inTurn(bad);
    assert.equal((await failing(t, broken))['statusCode'], status);
    assert.equal(broken.count(), 2);
  });
}

test('wire T2: x-should-retry: false and a long retry-after are obeyed', async (t) => {
  for (const headers of [{ 'x-should-retry': 'false' }, { 'retry-after': '60' }]) {
    const broken = inTurn(answering(503, { ...json, ...headers }, '{"error":{"message":"sorry"}}'));
    await failing(t, broken);
    assert.equal(broken.count(), 1);
  }
});

test('wire T2, F-U26: 429 passes at once in step 1, later it is waited for, twice at most', async (t) => {
  const limited = answering(429, { ...json, 'retry-after-ms': '5' }, '{"error":{"message":"slow"}}');
  const first = inTurn(limited);
  assert.equal((await failing(t, first))['statusCode'], 429);
  assert.equal(first.count(), 1);
  const later = inTurn(answering(200, json, completion), limited);
  const peer = await startPeer(t, later);
  const door = upstreamAt(t, peer.origin).ask({
    headers: {},
    authorization: null,
    onAnswer: () => undefined,
  });
  await drain((await door(request, never())).pieces);
  assert.equal((await failure(door(request, never())))['statusCode'], 429);
  assert.equal(later.count(), 4);
});

test("wire F3: Groq's tool_use_failed is asked once more", async (t) => {
  const failed = answering(
    400,
    json,
    '{"error":{"message":"m","code":"tool_use_failed","failed_generation":"x"}}',
  );
  const peer = await startPeer(t, inTurn(failed, answering(200, json, completion)));
  assert.equal((await ask(upstreamAt(t, peer.origin))).chunks.length, 1);
});

test('security N13, F-U10: a socket that died while idle is replaced silently', async (t) => {
  const peer = await racingPeer(t);
  const upstream = upstreamAt(t, peer.origin);
  for (let n = 0; n < 5; n += 1) {
    assert.equal((await ask(upstream)).chunks.length, 1);
    await new Promise((go) => setTimeout(go, 5));
  }
});

/** Answers the first request of each socket and resets it at the second, as a peer does that closes idle sockets. */
function racingPeer(t: TestContext): Promise<Peer> {
  return startRawPeer(t, (socket) => {
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      if (requests > 1) socket.resetAndDestroy();
      else
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${completion.length}\r\n\r\n${completion}`,
        );
    });
  });
}

test('security E10, wire K4: an abort ends a silent step within 200 ms, with its reason', async (t) => {
  for (const listener of [
    () => undefined,
    (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(200, sse).write(word),
  ]) {
    const peer = await startPeer(t, listener);
    const controller = new AbortController();
    const reason = new Error('gone');
    let aborted = 0;
    setTimeout(() => {
      aborted = performance.now();
      controller.abort(reason);
    }, 30);
    assert.equal(await failure(ask(upstreamAt(t, peer.origin), {}, controller.signal)), reason);
    assert.ok(performance.now() - aborted < 200);
    await until(() => peer.open() === 0);
  }
});

test('a reader that leaves a stream cuts the upstream', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    const timer = setInterval(() => response.write(word), 10);
    response.writeHead(200, sse).on('close', () => clearInterval(timer));
  });
  const door = upstreamAt(t, peer.origin).ask({
    headers: {},
    authorization: null,
    onAnswer: () => undefined,
  });
  const { pieces } = await door(request, never());
  for await (const _ of pieces) break;
  await until(() => peer.open() === 0);
});

test('architecture 4: the first upstream whose pattern matches serves a model', (t) => {
  const egress = startEgress(t);
  const upstreams = createUpstreams(
    [
      { name: 'a', url: 'http://a.example/v1', models: ['gpt-*', 'o3'] },
      { name: 'b', url: 'http://b.example/v1', models: ['*/llama*'] },
    ],
    egress.upstream,
  );
  assert.equal(upstreams.matching('gpt-5')[0]?.name, 'a');
  assert.equal(upstreams.matching('o3')[0]?.name, 'a');
  assert.equal(upstreams.matching('meta/llama-3')[0]?.name, 'b');
  assert.deepEqual(upstreams.matching('claude'), []);
  assert.deepEqual(
    upstreams.all.map(({ name, hasKey }) => [name, hasKey]),
    [
      ['a', false],
      ['b', false],
    ],
  );
});

test('a star stands for any text, nothing too', () => {
  for (const [pattern, model] of [
    ['*', ''],
    ['*', 'a'],
    ['a*', 'a'],
    ['a*c', 'abc'],
    ['*b*', 'abc'],
    ['a*b*a', 'abba'],
    ['a**', 'ab'],
  ] as const) {
    assert.ok(matchesModel(pattern, model), `${pattern} ${model}`);
  }
  for (const [pattern, model] of [
    ['a', 'ab'],
    ['a*', 'ba'],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['*b*b', 'ab'],
    ['.*', 'a'],
  ] as const) {
    assert.ok(!matchesModel(pattern, model), `${pattern} ${model}`);
  }
});

async function drain(answer: UpstreamAnswer['pieces']): Promise<void> {
  for await (const pieces of answer) assert.ok(pieces.length > 0);
}

test('K5, C4: an upstream that thinks in silence between the events of /v1/responses is waited for', async (t) => {
  const end = { status: 'completed', output: [], usage: null };
  const peer = await startPeer(t, (_request, response) => {
    response.writeHead(200, sse);
    response.write('data: {"type":"response.created","response":{}}\n\n');
    setTimeout(
      () => response.end(`data: ${JSON.stringify({ type: 'response.completed', response: end })}\n\n`),
      3 * patience.askIdle,
    );
  });
  const capabilities = [{ models: ['*'], tools: 'responses' as const }];
  const config = { name: 'acme', url: peer.origin, models: ['*'], capabilities };
  const [upstream] = createUpstreams([config], startEgress(t).upstream, patience).matching('m');
  const door = upstream?.ask({ headers: {}, authorization: null, onAnswer: () => undefined });
  const tools = '[{"type":"function","function":{"name":"f"}}]';
  const asked = parseRequest(`{"model":"m","messages":[],"tools":${tools}}`);
  const answer = await Array.fromAsync((await door?.(asked, never()))?.pieces ?? []);
  const chunks = answer.flat().flatMap(chunksOf);
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop');
});
