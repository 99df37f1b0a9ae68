// Which credentials a request carries, and where (`openapi.md` 1.1, B11, B12).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { noCredential, type Credential } from '../../src/plugin/credential.ts';
import { build, makeFunction, parameter, request } from './made-function.ts';

describe('credentials (1.1, B11, B12, M8, M20)', () => {
  const bearer: Credential = {
    ...noCredential,
    manifest: { scheme: 'bearer', value: 'tok-123' },
    required: true,
  };
  const key = { name: 'k', type: 'apiKey', in: 'header', parameter: 'X-Key' } as const;
  const inQuery = { name: 'q', type: 'apiKey', in: 'query', parameter: 'api_key' } as const;
  const inCookie = { name: 'c', type: 'apiKey', in: 'cookie', parameter: 'sid' } as const;
  const basic = { name: 'b', type: 'basic' } as const;

  function authorization(credential: Credential): string | undefined {
    return request(makeFunction({}), {}, { credential }).headers['authorization'];
  }

  test('bearer is not doubled; basic is encoded when it has a colon (M8)', () => {
    assert.equal(authorization(bearer), 'Bearer tok-123');
    assert.equal(
      authorization({ ...bearer, manifest: { scheme: 'bearer', value: 'Bearer tok' } }),
      'Bearer tok',
    );
    assert.equal(authorization({ ...bearer, manifest: { scheme: 'basic', value: 'ü:p' } }), 'Basic w7w6cA==');
    assert.equal(authorization({ ...bearer, manifest: { scheme: 'basic', value: 'dTpw' } }), 'Basic dTpw');
    assert.equal(
      authorization({ ...bearer, manifest: { scheme: 'basic', value: 'user:' } }),
      'Basic dXNlcjo=',
    );
  });

  test('a credential that is demanded and missing: no request (M8)', () => {
    const built = build(makeFunction({}), {}, { credential: { ...noCredential, required: true } });
    assert.equal(built.code, 'credential_missing');
  });

  test('one that no header can carry counts as missing', () => {
    const credential: Credential = { ...bearer, manifest: { scheme: 'bearer', value: 'a\nb' } };
    assert.equal(build(makeFunction({}), {}, { credential }).code, 'credential_missing');
  });

  test("security: [] sends none, not even the manifest's (B11)", () => {
    assert.equal(
      request(makeFunction({ security: [] }), {}, { credential: bearer }).headers['authorization'],
      undefined,
    );
  });

  test('the first alternative whose credentials all exist (B11, case 94)', () => {
    const fn = makeFunction({ security: [[key, inQuery], [inCookie], []] });
    const schemes = (...names: string[]): Credential => ({
      ...noCredential,
      schemes: new Map(names.map((name) => [name, `s-${name}`])),
    });
    const both = request(fn, {}, { credential: schemes('k', 'q', 'c') });
    assert.deepEqual(
      [both.headers['x-key'], both.path, both.headers['cookie']],
      ['s-k', '/?api_key=s-q', undefined],
    );
    const cookie = request(fn, {}, { credential: schemes('k', 'c') });
    assert.deepEqual(
      [cookie.headers['x-key'], cookie.path, cookie.headers['cookie']],
      [undefined, '/', 'sid=s-c'],
    );
    const none = request(fn, {}, { credential: schemes('k') });
    assert.deepEqual([none.headers['x-key'], none.path], [undefined, '/']);
  });

  test("the operator's one credential goes where the document says, else as Bearer (1.1)", () => {
    const credential: Credential = { ...noCredential, shared: 'secret:x' };
    assert.equal(
      request(makeFunction({ security: [[key]] }), {}, { credential }).headers['x-key'],
      'secret:x',
    );
    assert.equal(
      request(makeFunction({ security: [[inQuery]] }), {}, { credential }).path,
      '/?api_key=secret%3Ax',
    );
    assert.equal(
      request(makeFunction({ security: [[basic]] }), {}, { credential }).headers['authorization'],
      'Basic c2VjcmV0Ong=',
    );
    assert.equal(request(makeFunction({}), {}, { credential }).headers['authorization'], 'Bearer secret:x');
  });

  test("the manifest's own auth decides Authorization (B12)", () => {
    const credential: Credential = {
      ...bearer,
      schemes: new Map([
        ['b', 'u:p'],
        ['k', 'kk'],
      ]),
    };
    const { headers } = request(makeFunction({ security: [[basic, key]] }), {}, { credential });
    assert.deepEqual([headers['authorization'], headers['x-key']], ['Bearer tok-123', 'kk']);
  });

  test('a credential wins over headers, except over those that are stronger (M20)', () => {
    const headers = new Map([['authorization', 'Basic hard']]);
    const sent = (...stronger: string[]) => {
      const credential = { ...bearer, strongerHeaders: new Set(stronger) };
      return request(makeFunction({}), {}, { headers, credential }).headers['authorization'];
    };
    assert.equal(sent('authorization'), 'Basic hard');
    assert.equal(sent(), 'Bearer tok-123');
    assert.equal(sent('x-other'), 'Bearer tok-123');
  });

  test('a hard-coded authorization header is a credential (A10)', () => {
    const headers = new Map([['authorization', 'Basic hard']]);
    const sent = request(makeFunction({}), {}, { headers, credential: { ...noCredential, required: true } });
    assert.equal(sent.headers['authorization'], 'Basic hard');
  });

  test('no document makes a secret the Host header (A6)', () => {
    const fn = makeFunction({ security: [[{ name: 'k', type: 'apiKey', in: 'header', parameter: 'Host' }]] });
    const sent = request(fn, {}, { credential: { ...noCredential, schemes: new Map([['k', 'secret']]) } });
    assert.ok(!JSON.stringify(sent).includes('secret'));
  });

  test('the model sets neither a key in the query nor one in a cookie', () => {
    const fn = makeFunction({
      security: [[inQuery, inCookie]],
      parameters: [parameter('api_key', 'query'), parameter('sid', 'cookie'), parameter('o', 'query')],
    });
    const credential: Credential = {
      ...noCredential,
      schemes: new Map([
        ['q', 'real'],
        ['c', 'real'],
      ]),
    };
    const sent = request(fn, { api_key: 'evil', sid: 'evil' }, { credential });
    assert.deepEqual([sent.path, sent.headers['cookie']], ['/?api_key=real', 'sid=real']);
    assert.equal(build(fn, { o: { api_key: 'evil' } }, { credential }).code, 'invalid_arguments');
  });
});
