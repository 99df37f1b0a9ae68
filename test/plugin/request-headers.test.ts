// The headers and cookies of a request (`openapi.md` B5, M17 to M19, security A6, A7).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { build, makeFunction, parameter, request } from './made-function.ts';

describe('headers and cookies (B5, security A6, A7)', () => {
  test('arrays and objects are simple (case 76)', () => {
    const fn = makeFunction({ parameters: [parameter('X-List', 'header'), parameter('X-Map', 'header')] });
    const { headers } = request(fn, { 'X-List': ['a', 'b'], 'X-Map': { R: 1, G: 2 } });
    assert.equal(headers['x-list'], 'a,b');
    assert.equal(headers['x-map'], 'R,1,G,2');
  });

  for (const value of ['a\r\nx-evil: 1', 'a\nb', 'a\0', '€', '\x7f', { k: 'a\r\nb' }]) {
    test(`the header value ${JSON.stringify(value)} is refused (case 76)`, () => {
      const fn = makeFunction({ parameters: [parameter('X-A', 'header')] });
      assert.equal(build(fn, { 'X-A': value }).code, 'invalid_arguments');
    });
  }

  test('latin-1 is sent as it is', () => {
    const fn = makeFunction({ parameters: [parameter('X-A', 'header')] });
    assert.equal(request(fn, { 'X-A': 'Zoë' }).headers['x-a'], 'Zoë');
  });

  const reserved = [
    'Host',
    'Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Content-Length',
    'Content-Type',
    'Accept',
    'Expect',
    'Upgrade',
    'Keep-Alive',
    'Proxy-Authorization',
    'Authorization',
    'Cookie',
    'Forwarded',
    'X-Forwarded-For',
    'Via',
    'X-Plugin-Gateway',
    'X-User',
    'Not a token',
  ];
  test('no document makes the model set a header that is not its own (security A6, case 53)', () => {
    const fn = makeFunction({ parameters: reserved.map((name) => parameter(name, 'header')) });
    const values = Object.fromEntries(reserved.map((name) => [name, 'evil']));
    const { headers } = request(fn, values, { userId: { header: 'x-user', value: 'alice' } });
    assert.deepEqual(headers, {
      'user-agent': 'plugin-gateway/test',
      accept: 'application/json, */*;q=0.1',
      'x-user': 'alice',
    });
  });

  test('all headers of manifest and operator are sent; reserved ones but authorization are not (M17, A10)', () => {
    const headers = new Map([
      ['x-a', '1'],
      ['x-b', '2'],
      ['authorization', 'Basic eA=='],
      ['host', 'evil'],
      ['cookie', 'a=b'],
    ]);
    const sent = request(makeFunction({}), {}, { headers }).headers;
    assert.deepEqual([sent['x-a'], sent['x-b'], sent['authorization']], ['1', '2', 'Basic eA==']);
    assert.ok(!('host' in sent) && !('cookie' in sent));
  });

  test("the header of the consumer's id is set once, whatever model or manifest say (M18, A11)", () => {
    const fn = makeFunction({ parameters: [parameter('WebPilot-Friend-UID', 'header')] });
    const { headers } = request(
      fn,
      { 'WebPilot-Friend-UID': 'evil' },
      {
        headers: new Map([['webpilot-friend-uid', 'fixed']]),
        userId: { header: 'WebPilot-Friend-UID', value: 'u1' },
      },
    );
    assert.deepEqual(
      Object.entries(headers).filter(([name]) => /uid/i.test(name)),
      [['webpilot-friend-uid', 'u1']],
    );
  });

  test('an id beyond latin-1 is percent-encoded (M18)', () => {
    assert.equal(
      request(makeFunction({}), {}, { userId: { header: 'u', value: '李 x' } }).headers['u'],
      '%E6%9D%8E%20x',
    );
  });

  test('Accept names the declared types, then anything (B5)', () => {
    const fn = makeFunction({
      produces: ['text/csv', 'application/json', 'text/csv; charset=utf-8', '*/*', 'a\r\nb/c'],
    });
    assert.equal(request(fn).headers['accept'], 'text/csv, application/json, */*;q=0.1');
  });

  test('cookies (case 78)', () => {
    const fn = makeFunction({ parameters: [parameter('sid', 'cookie'), parameter('b', 'cookie')] });
    assert.equal(
      request(fn, { sid: 'abc', b: 'x; admin=1' }).headers['cookie'],
      'sid=abc; b=x%3B%20admin%3D1',
    );
    assert.equal(request(fn).headers['cookie'], undefined);
  });
});
