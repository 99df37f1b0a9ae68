// Path and query of a request (`openapi.md` B1 to B4, security A3 to A5).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { body, build, makeFunction, parameter, request } from './made-function.ts';

const item = makeFunction({ path: '/items/{id}', parameters: [parameter('id', 'path')] });

function query(path: string): [string, string][] {
  return [...new URL(path, 'https://x').searchParams];
}

describe('path (B2, B3, security A3, A4)', () => {
  test('what would end a segment is encoded (case 57)', () => {
    assert.equal(request(item, { id: 'a/b c?d#e;f\\g' }).path, '/items/a%2Fb%20c%3Fd%23e%3Bf%5Cg');
  });

  const refused = [
    '',
    '.',
    '..',
    '%2e',
    '%2E%2e',
    '%252e%252e',
    '%25252e.',
    'a\\..',
    'a/../b',
    '..;x',
    'a/..;x=1/b',
    '%c0%ae%c0%ae',
    '%e0%80%ae.',
    '..%c0%afb',
    'x%2f..',
    'x%5c..',
    'a\nb',
    'a\0',
    '%00',
    '%0d%0a',
    '\x7f',
    '\ud800',
  ];
  for (const value of refused) {
    test(`the path value ${JSON.stringify(value)} is refused (case 58, security A3)`, () => {
      assert.equal(build(item, { id: value }).code, 'invalid_arguments');
    });
  }

  for (const value of ['...', 'a..b', '.hidden', 'v1.2', '%', '100%', 'a%zz', 'ü', '..a']) {
    test(`the path value ${JSON.stringify(value)} is data`, () => {
      assert.equal(decodeURIComponent(request(item, { id: value }).path), `/items/${value}`);
    });
  }

  test('each text of an array or object is judged (security A3)', () => {
    assert.equal(build(item, { id: ['a', '..'] }).code, 'invalid_arguments');
    assert.equal(build(item, { id: { '..': 'a' } }).code, 'invalid_arguments');
    assert.equal(build(item, { id: [] }).code, 'invalid_arguments');
    assert.equal(request(item, { id: ['a', 'b'] }).path, '/items/a,b');
  });

  test('values that make up a dot segment together are refused (security A4)', () => {
    const fn = makeFunction({
      path: '/x/{a}{b}/y',
      parameters: [parameter('a', 'path'), parameter('b', 'path')],
    });
    assert.equal(build(fn, { a: '%2', b: 'e' }).code, 'invalid_arguments');
    const dotted = makeFunction({ path: '/x/.{a}', parameters: [parameter('a', 'path')] });
    assert.equal(build(dotted, { a: '%2e' }).code, 'invalid_arguments');
  });

  test('dollar signs are data (case 59)', () => {
    assert.equal(
      request(item, { id: "$& $1 $$ $' $`" }).path,
      '/items/%24%26%20%241%20%24%24%20%24%27%20%24%60',
    );
  });

  test('every occurrence of a variable is filled (case 60, B3)', () => {
    const fn = makeFunction({ path: '/a/{id}/b/{id}', parameters: [parameter('id', 'path')] });
    assert.equal(request(fn, { id: 7 }).path, '/a/7/b/7');
  });

  test('label and matrix stand where they belong (cases 63, 64)', () => {
    const fn = makeFunction({
      path: '/a{l}/b{m}',
      parameters: [
        parameter('l', 'path', { style: 'label', explode: true }),
        parameter('m', 'path', { style: 'matrix', explode: true }),
      ],
    });
    assert.equal(request(fn, { l: ['x', 'y'], m: { p: 1, q: 2 } }).path, '/a.x.y/b;p=1;q=2');
  });

  test('a missing path value is asked for', () => {
    assert.match(build(item).problem, /"at":"\/id"/);
  });

  test('the text of the template is encoded, what is encoded stays', () => {
    const fn = makeFunction({ path: '/a b/ü/%20/{id}', parameters: [parameter('id', 'path')] });
    assert.equal(request(fn, { id: 1 }).path, '/a%20b/%C3%BC/%20/1');
  });
});

describe('query (B1 to B4)', () => {
  test('fixed query of the path key: merged, and wins over the model (B3, case 74)', () => {
    const fn = makeFunction({
      path: '/s',
      fixedQuery: [
        ['fixed', '1'],
        ['v', 'a b&c'],
      ],
      parameters: [parameter('q', 'query'), parameter('fixed', 'query')],
    });
    assert.equal(request(fn, { q: 'x', fixed: '2' }).path, '/s?q=x&fixed=1&v=a%20b%26c');
  });

  test('a variable in the fixed query is a query value, sent once however declared (B3)', () => {
    for (const place of ['path', 'query'] as const) {
      const fn = makeFunction({
        path: '/s',
        fixedQuery: [
          ['q', '{q}'],
          ['l', 'en-{r}'],
        ],
        parameters: [parameter('q', place), parameter('r', place)],
      });
      assert.equal(request(fn, { q: 'a&b', r: 'US' }).path, '/s?q=a%26b&l=en-US');
      assert.equal(request(fn, { r: 'US' }).path, '/s?l=en-US');
    }
  });

  test('an object may not take the name of another parameter, of the fixed query or of an override (B4)', () => {
    const fn = makeFunction({
      fixedQuery: [['fixed', '1']],
      parameters: [parameter('filter', 'query'), parameter('sort', 'query'), parameter('tags', 'query')],
    });
    for (const name of [
      'sort',
      'SORT',
      'sort[]',
      'sort%5B%5D',
      'sort[x]',
      'tags[0]',
      'fixed',
      'fixed[a][b]',
      'forced',
      'forced[x]',
    ]) {
      const built = build(fn, { filter: { [name]: 'x' } }, { params: new Map([['forced', 'y']]) });
      assert.equal(built.code, 'invalid_arguments', name);
      assert.match(built.problem, /"at":"\/filter"/);
    }
    assert.equal(
      request(fn, { filter: { own: 'x', 'filter[y]': 1 } }).path,
      '/?own=x&filter%5By%5D=1&fixed=1',
    );
  });

  test('a URL of more than 64 KiB is refused', () => {
    const fn = makeFunction({ parameters: [parameter('q', 'query')] });
    assert.equal(request(fn, { q: 'x'.repeat(60_000) }).path.length, 60_004);
    assert.equal(build(fn, { q: 'x'.repeat(66_000) }).code, 'invalid_arguments');
  });

  test('two objects may not give the same name (A5)', () => {
    const fn = makeFunction({ parameters: [parameter('a', 'query'), parameter('b', 'query')] });
    assert.equal(build(fn, { a: { x: 1 }, b: { x: 2 } }).code, 'invalid_arguments');
  });

  test('deepObject stays below its own name (case 68)', () => {
    const fn = makeFunction({
      parameters: [parameter('f', 'query', { style: 'deepObject' }), parameter('sort', 'query')],
    });
    assert.deepEqual(query(request(fn, { f: { sort: { x: 1 } }, sort: 'a' }).path), [
      ['f[sort][x]', '1'],
      ['sort', 'a'],
    ]);
  });

  test('the same name in path, query and body can be said and sent (case 52)', () => {
    const fn = makeFunction({
      method: 'POST',
      path: '/u/{id}',
      parameters: [parameter('id', 'path')],
      body: body({ properties: { id: {}, n: {} } }),
    });
    const sent = request(fn, { id: 'p', body_id: 'b', n: 1 });
    assert.equal(sent.path, '/u/p');
    assert.equal(sent.body, '{"n":1,"id":"b"}'.replace('"n":1,"id":"b"', '"id":"b","n":1'));
  });
});
