// One plugin call, from the model's arguments to the result, against real sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { JsonObject } from '../../src/openai/chat.ts';
import { errorOf, installPlugin, type Called, type PluginSetup } from './called.ts';

function install(t: TestContext, listener: RequestListener, setup: PluginSetup = {}): Promise<Called> {
  return installPlugin(t, { ...setup, listener });
}

const json: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{ "ok": true, "n": 9223372036854775807 }');
};

describe('a call that succeeds', () => {
  test('sends the request and gives the result, the call and one audit record', async (t) => {
    const { call, received, audited } = await install(t, json);
    const result = await call('todo__list', '{"q":"a b"}');
    assert.equal(result.content, '{"ok":true,"n":9223372036854775807}');
    assert.deepEqual([received[0]?.method, received[0]?.url], ['GET', '/base/x?q=a%20b']);
    const { milliseconds, ...rest } = result.call ?? assert.fail();
    assert.ok(Number.isInteger(milliseconds));
    assert.deepEqual(rest, {
      plugin: 'todo',
      operation: 'list',
      arguments: { q: 'a b' },
      status: 200,
      result: result.content,
    });
    assert.equal(result.badArguments, undefined);
    assert.equal(audited.length, 1);
    assert.deepEqual(
      [
        audited[0]?.consumer,
        audited[0]?.function,
        audited[0]?.status,
        audited[0]?.bytes,
        audited[0]?.sideEffect,
      ],
      ['alice', 'todo__list', 200, 40, false],
    );
  });

  test('arguments that the function does not have are counted (A3)', async (t) => {
    const { call } = await install(t, json);
    const { arguments: given, dropped } = (await call('todo__list', '{"q":"a","host":"x","x":1}')).call ?? {};
    assert.deepEqual([given, dropped], [{ q: 'a' }, 2]);
  });

  test('a POST is a side effect, whatever it answers (T1)', async (t) => {
    const { call, audited } = await install(t, (_request, response) => response.writeHead(500).end());
    await call('todo__listPost', '{}');
    assert.equal(audited[0]?.sideEffect, true);
  });

  test('the operator credential is sent, and the consumer is named, once (M8, M18)', async (t) => {
    const auth = {
      type: 'service_http',
      authorization_type: 'bearer',
      verification_tokens: { openai: 'token-of-the-author' },
    };
    const headers = { librechat_user_id: 'X-User', 'X-App': 'librarian' };
    const settings = { credential: 'secret-of-the-operator' };
    const { call, received } = await install(t, json, { manifest: { auth, headers }, settings });
    await call('todo__list', '{"x-user":"mallory"}');
    const sent = received[0]?.headers ?? {};
    assert.equal(sent.authorization, 'Bearer secret-of-the-operator');
    assert.equal(sent['x-user'], 'alice');
    assert.equal(sent['x-app'], 'librarian');
    assert.equal(sent['user-agent'], 'plugin-gateway/test');
  });

  test('the verification token is sent where the operator gave nothing (M7)', async (t) => {
    const auth = {
      type: 'service_http',
      authorization_type: 'basic',
      verification_tokens: { openAI: 'user:password' },
    };
    const { call, received } = await install(t, json, { manifest: { auth } });
    await call('todo__list', '{}');
    assert.equal(received[0]?.headers.authorization, `Basic ${btoa('user:password')}`);
  });

  test('the header of the operator wins over every credential (M20)', async (t) => {
    const auth = {
      type: 'service_http',
      authorization_type: 'bearer',
      verification_tokens: { openai: 'token-of-the-author' },
    };
    const headers = { authorization: 'Basic of-the-manifest' };
    const settings = {
      credential: 'secret-of-the-operator',
      headers: { Authorization: 'Own of-the-operator' },
    };
    const { call, received } = await install(t, json, { manifest: { auth, headers }, settings });
    await call('todo__list', '{}');
    assert.equal(received[0]?.headers.authorization, 'Own of-the-operator');
    const lesser = await install(t, json, {
      manifest: { auth, headers },
      settings: { credential: 'secret-of-the-operator' },
    });
    await lesser.call('todo__list', '{}');
    assert.equal(lesser.received[0]?.headers.authorization, 'Bearer secret-of-the-operator');
    const least = await install(t, json, { manifest: { auth, headers } });
    await least.call('todo__list', '{}');
    assert.equal(least.received[0]?.headers.authorization, 'Basic of-the-manifest');
  });

  test('a credential that the plugin gives back is not shown (S5)', async (t) => {
    const auth = { type: 'service_http', authorization_type: 'bearer', verification_tokens: {} };
    const echo: RequestListener = (request, response) => {
      response.writeHead(request.url?.includes('q=') ? 200 : 422, { 'content-type': 'text/plain' });
      response.end(`you sent ${request.headers.authorization}`);
    };
    const settings = { credential: 'secret-of-the-operator' };
    const { call } = await install(t, echo, { manifest: { auth }, settings });
    for (const text of ['{"q":"1"}', '{}']) {
      const { content } = await call('todo__list', text);
      assert.match(content, /you sent/);
      assert.doesNotMatch(content, /secret-of-the-operator/);
    }
  });
});

test('a plugin that refuses its credential is told to the operator, not to the model (M12)', async (t) => {
  const { call, logged } = await install(t, (_request, response) =>
    response.writeHead(401).end('key k-17 expired'),
  );
  const { content } = await call('todo__list', '{}');
  assert.doesNotMatch(content, /k-17/);
  assert.match(JSON.stringify(logged), /refused.*k-17/);
});

describe('a call that cannot be sent', () => {
  test('bad arguments are a result, counted as such, and no request leaves (A1)', async (t) => {
    const { call, received, audited } = await install(t, json);
    const result = await call('todo__list', '[not json');
    assert.equal(errorOf(result).code, 'invalid_arguments');
    assert.equal(result.badArguments, true);
    assert.deepEqual(result.call?.arguments, '[not json');
    assert.deepEqual(
      [received.length, audited[0]?.origin, audited[0]?.status],
      [0, null, 'invalid_arguments'],
    );
  });

  test('a missing credential is a result, not an unauthenticated call (M8)', async (t) => {
    for (const auth of [
      { type: 'service_http', authorization_type: 'bearer', verification_tokens: { openai: 'REPLACE_ME' } },
      { type: 'user_http', authorization_type: 'bearer' },
    ]) {
      const { call, received, audited } = await install(t, json, { manifest: { auth } });
      const result = await call('todo__listPost', '{}');
      assert.deepEqual(
        [errorOf(result).code, audited[0]?.sideEffect, received.length],
        ['credential_missing', false, 0],
      );
    }
  });
});

describe('a plugin that fails', () => {
  const cases: [
    name: string,
    listener: RequestListener,
    settings: JsonObject,
    code: string,
    retryable: boolean,
  ][] = [
    ['F-P10 hangs before headers', () => {}, { timeout: '200ms' }, 'plugin_timeout', true],
    [
      'F-P13 hangs in the body',
      (_request, response) => void response.writeHead(200).write('{'),
      { timeout: '200ms' },
      'plugin_timeout',
      true,
    ],
    [
      'F-P14 resets in the body',
      (_request, response) => {
        response.writeHead(200).write('{');
        setTimeout(() => response.socket?.resetAndDestroy(), 20);
      },
      {},
      'plugin_unreachable',
      true,
    ],
    [
      'F-P15 ends its body early',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{');
        setTimeout(() => response.socket?.end(), 20);
      },
      {},
      'plugin_unreachable',
      true,
    ],
    [
      'F-P17 answers 2 MB',
      (_request, response) => void response.writeHead(200).end('x'.repeat(2e6)),
      {},
      'plugin_answer_too_large',
      false,
    ],
    [
      'F-P18 sends a gzip bomb',
      (_request, response) =>
        void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(2e7))),
      {},
      'plugin_answer_too_large',
      false,
    ],
    [
      'F-P19 uses an unknown encoding',
      (_request, response) => void response.writeHead(200, { 'content-encoding': 'lzw' }).end('x'),
      {},
      'plugin_bad_answer',
      false,
    ],
  ];
  for (const [name, listener, settings, code, retryable] of cases) {
    test(`${name}: the model reads ${code}, without an address (R8)`, async (t) => {
      const { call, audited, logged } = await install(t, listener, { settings });
      const result = await call('todo__list', '{}');
      assert.deepEqual(errorOf(result), { code, retryable });
      assert.deepEqual([result.call?.status, audited.length, audited[0]?.status], [code, 1, code]);
      assert.ok(logged.length > 0);
    });
  }

  test('F-P01 refuses the connection: plugin_unreachable', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.close();
    await once(server, 'close');
    const { call } = await install(t, json, { host });
    assert.deepEqual(errorOf(await call('todo__list', '{}')), {
      code: 'plugin_unreachable',
      retryable: true,
    });
  });

  test('F-P05 lies at a private address: not allowed, and the log says what to allow (E5)', async (t) => {
    const { call, received, logged } = await install(t, json, { allow: [] });
    const result = await call('todo__list', '{}');
    assert.deepEqual(errorOf(result), { code: 'plugin_not_allowed', retryable: false });
    assert.doesNotMatch(result.content, /127\.0\.0\.1/);
    assert.ok(
      JSON.stringify(logged.map((one) => (one as { error?: Error }).error?.message ?? one)).includes(
        '127.0.0.1',
      ),
    );
    assert.equal(received.length, 0);
  });

  test('F-P22 redirects: not followed, shown as its status', async (t) => {
    const { call, received } = await install(t, (_request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    const error = errorOf(await call('todo__list', '{}'));
    assert.equal(error.code, 'plugin_http_error');
    assert.equal(received.length, 1);
  });
});

describe('a plugin that asks for patience', () => {
  /** Answers with the statuses in turn, the last one again and again. */
  const inTurn = (statuses: number[], retryAfter?: () => string): RequestListener => {
    let at = 0;
    return (_request, response) => {
      const status = statuses[Math.min(at, statuses.length - 1)] ?? 200;
      at += 1;
      response.writeHead(status, status !== 200 && retryAfter ? { 'retry-after': retryAfter() } : {});
      response.end('{}');
    };
  };
  const soon = () => new Date(Date.now() + 500).toUTCString();
  const cases: [name: string, operation: string, listener: RequestListener, status: number, asked: number][] =
    [
      ['F-P30 a 429 that says when is tried again then', 'list', inTurn([429, 200], () => '0'), 200, 2],
      [
        'F-P30 so is one of a POST: it was not carried out',
        'listPost',
        inTurn([429, 200], () => '0'),
        200,
        2,
      ],
      ['F-P30 a date says when, too', 'list', inTurn([429, 200], soon), 200, 2],
      ['F-P30 a 429 that asks for an hour is told', 'list', inTurn([429, 200], () => '3600'), 429, 1],
      ['F-P30 a 429 that does not say when is told', 'list', inTurn([429, 200]), 429, 1],
      ['F-P30 a second 429 is told', 'list', inTurn([429], () => '0'), 429, 2],
      ['F-P31 a GET is tried again after a 500', 'list', inTurn([500, 200]), 200, 2],
      ['F-P31 and after a 503, once', 'list', inTurn([503], () => '0'), 503, 2],
      ['F-P31 a POST is not', 'listPost', inTurn([503, 200], () => '0'), 503, 1],
      ['a GET that was refused otherwise is not', 'list', inTurn([404, 200]), 404, 1],
    ];
  for (const [name, operation, listener, status, asked] of cases) {
    test(name, async (t) => {
      const { call, received, audited } = await install(t, listener);
      assert.equal((await call(operation, '{}')).call?.status, status);
      assert.deepEqual([received.length, audited.length], [asked, 1]);
    });
  }

  test('F-P30 what would be too late is not waited for', async (t) => {
    const settings = { timeout: '900ms' };
    const { call, received } = await install(
      t,
      inTurn([429, 200], () => '1'),
      { settings },
    );
    assert.equal((await call('list', '{}')).call?.status, 429);
    assert.equal(received.length, 1);
  });

  test('F-P30 a run that ends meanwhile is not waited for either', async (t) => {
    const controller = new AbortController();
    const { call, received } = await install(t, (request, response) => {
      inTurn([429], () => '5')(request, response);
      setTimeout(() => controller.abort(new Error('gone')), 50);
    });
    await assert.rejects(call('list', '{}', controller.signal), { message: 'gone' });
    assert.equal(received.length, 1);
  });

  test('F-P41 after five calls without an answer the sixth does not leave; an answer is no failure', async (t) => {
    let isDown = false;
    const { call, received, audited } = await install(t, (_request, response) => {
      if (isDown) response.socket?.resetAndDestroy();
      else response.writeHead(404).end();
    });
    for (let times = 0; times < 6; times += 1) await call('listPost', '{}');
    isDown = true;
    for (let times = 0; times < 5; times += 1)
      assert.equal((await call('listPost', '{}')).call?.status, 'outcome_unknown');
    const error = errorOf(await call('listPost', '{}'));
    assert.deepEqual([error.code, error.retryable], ['plugin_unavailable', true]);
    assert.equal(received.length, 11);
    assert.deepEqual([audited.at(-1)?.status, audited.at(-1)?.sideEffect], ['plugin_unavailable', false]);
  });
});

describe('a run that is over', () => {
  test('a signal that was aborted before sends nothing', async (t) => {
    const { call, received } = await install(t, json);
    await assert.rejects(call('todo__list', '{}', AbortSignal.abort(new Error('gone'))), { message: 'gone' });
    assert.equal(received.length, 0);
  });

  test('a GET is cut off at once (W6)', async (t) => {
    const controller = new AbortController();
    let closed: Promise<unknown> = Promise.resolve();
    const { call } = await install(t, (request) => {
      closed = once(request.socket, 'close');
      controller.abort(new Error('gone'));
    });
    await assert.rejects(call('todo__list', '{}', controller.signal), { message: 'gone' });
    await closed;
  });

  test('a POST is answered to nobody, but ends, and its outcome is audited (W6)', async (t) => {
    const controller = new AbortController();
    const answered = Promise.withResolvers<void>();
    const { call, audited } = await install(t, (_request, response) => {
      controller.abort(new Error('gone'));
      setTimeout(() => {
        response.end('done');
        answered.resolve();
      }, 50);
    });
    await assert.rejects(call('todo__listPost', '{}', controller.signal), { message: 'gone' });
    assert.equal(audited.length, 0);
    await answered.promise;
    for (let times = 0; audited.length === 0 && times < 100; times += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual([audited[0]?.status, audited[0]?.sideEffect], [200, true]);
  });
});

test('a socket that the plugin closed while idle is replaced, once, without a word', async (t) => {
  const { call, received } = await install(t, (request, response) => {
    response.end('ok');
    setImmediate(() => request.socket.destroy());
  });
  for (let times = 0; times < 20; times += 1)
    assert.equal((await call('todo__list', '{}')).call?.status, 200);
  assert.ok(received.length >= 20);
});
