// The whole request: server, LibreChat's four plugins, and what holds for any value (`openapi.md` B10, B14, security A2).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import type { Json } from '../../src/openai/chat.ts';
import { isJsonObject } from '../../src/openai/exact-json.ts';
import { noCredential, type Credential } from '../../src/plugin/credential.ts';
import type { PluginRequest } from '../../src/plugin/request.ts';
import { body, build, makeFunction, parameter, request } from './made-function.ts';

describe('server (B10, B14)', () => {
  test('the base path is kept, with one slash (case 88)', () => {
    for (const server of [
      'https://h.example/base',
      'https://h.example/base/',
      'https://h.example:443/base',
    ]) {
      const sent = request(makeFunction({ server, path: '/x' }));
      assert.equal(`${sent.origin} ${sent.path}`, 'https://h.example /base/x');
    }
  });

  test('no server: a result that says so, no request (M25)', () => {
    const built = build(makeFunction({ server: null }));
    assert.equal(built.code, 'server_unknown');
    assert.match(built.problem, /"retryable":false/);
  });
});

describe('LibreChat: four plugins, their operations made by hand', () => {
  test('ScholarAI: sort is forced, whatever the model says (M13)', () => {
    const fn = makeFunction({
      server: 'https://scholar-ai.net',
      path: '/api/abstracts',
      parameters: ['keywords', 'sort', 'query'].map((name) =>
        parameter(name, 'query', { schema: { type: 'string' } }),
      ),
    });
    const params = new Map([['sort', 'cited_by_count']]);
    const sent = request(fn, { keywords: 'plants, light', sort: 'publication_date', query: 'q' }, { params });
    assert.equal(sent.origin, 'https://scholar-ai.net');
    assert.equal(sent.path, '/api/abstracts?keywords=plants%2C%20light&query=q&sort=cited_by_count');
  });

  test('WebPilot: user id header, boolean override in the JSON body (M13, M16, M18)', () => {
    const properties = { link: { type: 'string' }, ur: {}, user_has_request: { type: 'boolean' } };
    const fn = makeFunction({
      method: 'POST',
      server: 'https://webreader.webpilotai.com',
      path: '/api/visit-web',
      body: body({ properties, required: ['link', 'ur'] }),
    });
    const sent = request(
      fn,
      { link: 'https://a.example', ur: 'summary', user_has_request: false },
      {
        params: new Map([['user_has_request', true]]),
        userId: { header: 'WebPilot-Friend-UID', value: 'alice' },
      },
    );
    assert.equal(sent.body, '{"link":"https://a.example","ur":"summary","user_has_request":true}');
    assert.equal(sent.headers['webpilot-friend-uid'], 'alice');
    assert.equal(sent.path, '/api/visit-web');
  });

  test('VoxScript: bearer token of the manifest (M7)', () => {
    const fn = makeFunction({
      server: 'https://voxscript.awt.icu',
      path: '/GoogleSearch',
      parameters: [parameter('query', 'query')],
    });
    const credential: Credential = {
      ...noCredential,
      manifest: { scheme: 'bearer', value: 'token-of-the-manifest' },
      required: true,
    };
    const sent = request(fn, { query: 'x' }, { credential });
    assert.equal(sent.headers['authorization'], 'Bearer token-of-the-manifest');
    assert.equal(sent.path, '/GoogleSearch?query=x');
  });

  test('AskYourPDF: POST of a JSON body', () => {
    const fn = makeFunction({
      method: 'POST',
      server: 'https://plugin.askyourpdf.com',
      path: '/query',
      body: body({ properties: { doc_id: { type: 'string' }, query: { type: 'string' } } }),
    });
    const sent = request(fn, { doc_id: 'd', query: 'q' });
    assert.deepEqual([sent.method, sent.path, sent.body], ['POST', '/query', '{"doc_id":"d","query":"q"}']);
  });
});

describe('properties: no value reaches beyond its place', () => {
  const fn = makeFunction({
    method: 'POST',
    server: 'https://api.example.com/v1',
    path: '/a/{p}/b{l}/c',
    fixedQuery: [['fixed', '1']],
    parameters: [
      parameter('p', 'path'),
      parameter('l', 'path', { style: 'label', explode: true }),
      parameter('q', 'query', { allowReserved: true }),
      parameter('o', 'query'),
      parameter('d', 'query', { style: 'deepObject' }),
      parameter('sort', 'query'),
      parameter('X-H', 'header'),
      parameter('ck', 'cookie'),
    ],
    body: body({ properties: { sort: {}, z: {} } }),
  });
  const harmless = {
    p: 'p',
    l: 'l',
    q: 'q',
    o: 'o',
    d: 'd',
    sort: 's',
    'X-H': 'h',
    ck: 'c',
    body_sort: 's',
    z: 'z',
  };
  const pieces =
    '. .. %2e%2e % / \\ ? # &sort=x = \r\n \0 @evil //evil ; + , [ ] \' " é € $& ! * ( ) | ~ ^ { } ` < >'.split(
      ' ',
    );
  const nasty = fc.constantFrom(...pieces, ' ', '\ud800');
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(nasty, fc.string({ maxLength: 2 })), { maxLength: 6 }).map((parts) => parts.join('')),
  );
  const name = fc.oneof(word, fc.constantFrom('sort', 'Sort', 'sort[]', 'q', 'fixed', '__proto__', 'own'));
  const value: fc.Arbitrary<Json> = fc.oneof(
    word,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(word, { maxLength: 3 }),
    fc.dictionary(name, word, { maxKeys: 3 }),
  );
  /** Two arguments hold anything, so that not every request is refused for one of the others. */
  const given = fc
    .tuple(fc.constantFrom(...Object.keys(harmless)), value, fc.constantFrom(...Object.keys(harmless)), value)
    .map(([one, first, other, second]): Record<string, Json> => ({
      ...harmless,
      [one]: first,
      [other]: second,
    }));

  function assertWithinBounds(sent: PluginRequest, values: Record<string, Json>): void {
    assert.equal(sent.origin, 'https://api.example.com');
    assert.match(sent.path, /^\/v1\/a\/[!-.0->@-~]+\/b[!-.0->@-~]+\/c\?[!-"$-~]*$/);
    const url = new URL(sent.path, sent.origin);
    assert.equal(url.host, 'api.example.com');
    assert.equal(url.pathname, sent.path.split('?')[0], 'a URL parser folds nothing');
    assert.deepEqual(url.searchParams.getAll('sort'), ['mine']);
    assert.deepEqual(url.searchParams.getAll('fixed'), ['1']);
    for (const key of url.searchParams.keys()) {
      const isOwn = ['q', 'o', 'd', 'sort', 'fixed'].includes(key) || key.startsWith('d[');
      const isKey = [values['q'], values['o']].some((one) => isJsonObject(one) && Object.hasOwn(one, key));
      assert.ok(isOwn || isKey, `foreign parameter ${key}`);
    }
    for (const [header, text] of Object.entries(sent.headers)) {
      assert.ok(['x-h', 'user-agent', 'accept', 'content-type', 'cookie'].includes(header), header);
      assert.match(text, /^[\t\x20-\x7e\x80-\xff]*$/);
    }
    assert.equal((JSON.parse(sent.body as string) as { sort: string }).sort, 'mine');
  }

  test('origin, path, segments, other parameters and header names stay (B2, B4, B14, A3 to A9)', () => {
    let sentCount = 0;
    fc.assert(
      fc.property(given, (values) => {
        const { request: sent } = build(fn, values, { params: new Map([['sort', 'mine']]) });
        if (sent === null) return;
        sentCount += 1;
        assertWithinBounds(sent, values);
      }),
      { numRuns: 2000 },
    );
    assert.ok(sentCount > 800, `only ${sentCount} of 2,000 requests were built`);
  });

  test('a plain value arrives as the model wrote it', () => {
    const plain = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !/[%./\\\p{Cc}]/u.test(text));
    fc.assert(
      fc.property(plain, plain, (p, q) => {
        const url = new URL(request(fn, { ...harmless, p, q }).path, 'https://x');
        assert.equal(decodeURIComponent(url.pathname.split('/')[3] ?? ''), p);
        assert.equal(url.searchParams.get('q'), q);
      }),
    );
  });
});
