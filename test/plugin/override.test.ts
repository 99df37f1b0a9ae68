// Overrides: sent once, wherever they are declared, whatever the model says (`openapi.md` M13 to M16, security A9).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { Json } from '../../src/openai/chat.ts';
import { body, makeFunction, parameter, request } from './made-function.ts';

describe('overrides (M13 to M16, security A9)', () => {
  const everywhere = makeFunction({
    method: 'POST',
    path: '/{sort}',
    parameters: [
      parameter('sort', 'path'),
      parameter('sort', 'query'),
      parameter('Sort', 'header'),
      parameter('sort', 'cookie'),
    ],
    body: body({ properties: { sort: { type: 'string' }, q: {} } }),
  });

  test('sent wherever the name is declared, once, whatever the model says (M13, M15)', () => {
    const sent = request(
      everywhere,
      { sort: 'evil', body_sort: 'evil', Sort: 'evil', q: 1 },
      { params: new Map([['sort', 'mine']]) },
    );
    assert.equal(sent.path, '/mine?sort=mine');
    assert.equal(sent.headers['sort'], 'mine');
    assert.equal(sent.headers['cookie'], 'sort=mine');
    assert.equal(sent.body, '{"q":1,"sort":"mine"}');
    assert.ok(!JSON.stringify(sent).includes('evil'));
  });

  test('declared nowhere: appended to the query (M14)', () => {
    const fn = makeFunction({ parameters: [parameter('q', 'query')] });
    assert.equal(
      request(
        fn,
        { q: 'x' },
        {
          params: new Map<string, Json>([
            ['key', 'a b'],
            ['n', [1, 2]],
          ]),
        },
      ).path,
      '/?q=x&key=a%20b&n=1&n=2',
    );
  });

  test('in any variant of a union body (M13)', () => {
    const schema = {
      oneOf: [{ properties: { a: {} } }, { allOf: [{ properties: { mode: { type: 'boolean' } } }] }],
    };
    const fn = makeFunction({ method: 'POST', body: body(schema) });
    const sent = request(
      fn,
      { body: { a: 1, mode: false, Mode: false, 'mode[]': 0 } },
      { params: new Map([['mode', 'true']]) },
    );
    assert.equal(sent.body, '{"a":1,"mode":true}');
  });

  test('in the declared type (M16)', () => {
    const fn = makeFunction({
      parameters: [parameter('s', 'query', { schema: { enum: ['a'] } })],
      method: 'POST',
      body: body({
        properties: {
          flag: { type: 'boolean' },
          text: { type: 'string' },
          list: { type: 'array' },
          n: { type: 'integer' },
        },
      }),
    });
    const params = new Map<string, Json>([
      ['flag', 'true'],
      ['text', 5],
      ['list', 'x'],
      ['n', '7'],
      ['s', 'outside'],
    ]);
    const sent = request(fn, {}, { params });
    assert.equal(sent.body, '{"flag":true,"text":"5","list":["x"],"n":7}');
    assert.equal(sent.path, '/?s=outside');
  });

  test('null: hidden and never sent (M16)', () => {
    const fn = makeFunction({
      method: 'POST',
      parameters: [parameter('sort', 'query'), parameter('Sort', 'header'), parameter('q', 'query')],
      body: body({ properties: { sort: {}, z: {} } }),
    });
    const values = { sort: 'evil', Sort: 'evil', body_sort: 'evil', q: 'x', z: 1 };
    const sent = request(fn, values, { params: new Map([['sort', null]]) });
    assert.deepEqual([sent.path, sent.body, sent.headers['sort']], ['/?q=x', '{"z":1}', undefined]);
  });

  test("the model's value in another spelling is dropped (A9)", () => {
    const fn = makeFunction({
      parameters: ['Sort', 'sort[]', 'sort%5B%5D', 'sort[a]'].map((name) => parameter(name, 'query')),
    });
    const values = { Sort: 'e', 'sort[]': 'e', 'sort%5B%5D': 'e', 'sort[a]': 'e' };
    assert.equal(request(fn, values, { params: new Map([['sort', 'x']]) }).path, '/?sort=x');
  });

  test('a path variable of another spelling is another variable (A9)', () => {
    const fn = makeFunction({ path: '/{id}', parameters: [parameter('id', 'path')] });
    assert.equal(request(fn, { id: 'a' }, { params: new Map([['ID', 'b']]) }).path, '/a?ID=b');
  });

  test('an override replaces a value of the fixed query (B13)', () => {
    const fn = makeFunction({
      fixedQuery: [
        ['v', '1'],
        ['w', '2'],
      ],
    });
    assert.equal(request(fn, {}, { params: new Map([['v', '3']]) }).path, '/?w=2&v=3');
    assert.equal(request(fn, {}, { params: new Map([['v', null]]) }).path, '/?w=2');
  });

  test('a body that only overrides fill is sent (M13)', () => {
    const fn = makeFunction({ method: 'POST', body: body({ properties: { a: {} } }, { required: false }) });
    assert.equal(request(fn, {}, { params: new Map([['a', 1]]) }).body, '{"a":1}');
    assert.equal(request(fn).body, undefined);
  });
});
