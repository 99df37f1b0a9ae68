// Bodies of every kind (`openapi.md` B6 to B9, cases 75 to 87).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { Json } from '../../src/openai/chat.ts';
import { parseExact } from '../../src/openai/exact-json.ts';
import { body, build, makeFunction, request } from './made-function.ts';

describe('bodies (B6 to B9)', () => {
  const post = (...of: Parameters<typeof body>) => makeFunction({ method: 'POST', body: body(...of) });

  test('JSON of any root (case 81)', () => {
    for (const value of [[1, 'a'], 'text', 5, false, { a: { b: [] } }] as Json[]) {
      const sent = request(post({}), { body: value });
      assert.equal(sent.body, JSON.stringify(value));
      assert.equal(sent.headers['content-type'], 'application/json');
    }
  });

  test('digits beyond 2^53 and odd names arrive as written (A8)', () => {
    const text = '{"id":12345678901234567890,"__proto__":{"x":1},"constructor":1,"toJSON":2}';
    assert.equal(request(post({}), { body: parseExact(text) }).body, text);
  });

  test('the declared type is sent, with its parameters; a range becomes a type (case 80)', () => {
    const typed = (contentType: string) =>
      request(post({}, { contentType }), { body: 1 }).headers['content-type'];
    assert.equal(typed('application/vnd.api+json; charset=utf-8'), 'application/vnd.api+json; charset=utf-8');
    assert.equal(typed('*/*'), 'application/json');
    assert.equal(typed('a/b\r\nx: y'), 'application/json');
  });

  test('none declared: no body, no Content-Type (case 86, B7)', () => {
    const sent = request(makeFunction({ method: 'POST' }));
    assert.ok(!('body' in sent) && !('content-type' in sent.headers));
  });

  test('GET and DELETE send a declared body (case 87)', () => {
    for (const method of ['GET', 'DELETE']) {
      const fn = makeFunction({ method, body: body({ properties: { a: {} } }) });
      assert.equal(request(fn, { a: 1 }).body, '{"a":1}');
    }
  });

  test('a required body without values is an empty object', () => {
    assert.equal(request(post({ properties: { a: {} } })).body, '{}');
  });

  test('form: arrays repeated, objects as JSON, encoding obeyed (cases 75, 82, B8)', () => {
    const encoding = new Map([
      ['deep', { contentType: null, style: 'deepObject', explode: true, allowReserved: false }],
      ['csv', { contentType: null, style: 'form', explode: false, allowReserved: false }],
    ] as const);
    const schema = { properties: { a: {}, list: {}, obj: {}, deep: {}, csv: {} } };
    const fn = post(schema, { kind: 'form', contentType: 'application/x-www-form-urlencoded', encoding });
    const sent = request(fn, {
      a: 'x y&b=1',
      list: [1, 2],
      obj: { k: 1 },
      deep: { k: { l: 2 } },
      csv: ['p', 'q,r'],
    });
    assert.equal(
      sent.body,
      'a=x%20y%26b%3D1&list=1&list=2&obj=%7B%22k%22%3A1%7D&deep%5Bk%5D%5Bl%5D=2&csv=p,q%2Cr',
    );
    assert.equal(sent.headers['content-type'], 'application/x-www-form-urlencoded');
  });

  test('a form object may not take the name of another field or an override (B4)', () => {
    const encoding = new Map([
      ['o', { contentType: null, style: 'form', explode: true, allowReserved: false }],
    ] as const);
    const fn = post({ properties: { o: {}, a: {}, sort: {} } }, { kind: 'form', encoding });
    assert.equal(build(fn, { o: { a: 1 }, a: 2 }).code, 'invalid_arguments');
    const built = build(fn, { o: { sort: 1 } }, { params: new Map([['sort', 'x']]) });
    assert.match(built.problem, /"at":"\/o"/);
  });

  test('text as it is, bytes from base64 or a data URL (case 84)', () => {
    assert.equal(
      request(post({}, { kind: 'text', contentType: 'text/plain' }), { body: 'a\nb' }).body,
      'a\nb',
    );
    const binary = post({}, { kind: 'binary', contentType: 'application/octet-stream' });
    const bytes = Buffer.from([0, 255, 16]);
    for (const value of ['AP8Q', 'AP8Q\n', 'data:image/png;base64,AP8Q', 'data:,%00%C3%BF']) {
      const sent = request(binary, { body: value }).body;
      if (value.startsWith('data:,')) assert.deepEqual(Buffer.from(sent as Uint8Array), Buffer.from('\0ÿ'));
      else assert.deepEqual(Buffer.from(sent as Uint8Array), bytes);
    }
    assert.equal(build(binary, { body: 'not base64!' }).code, 'invalid_arguments');
  });

  test('XML is text in `body` (case 85)', () => {
    const xml = post({}, { kind: 'xml', contentType: 'application/xml' });
    assert.equal(request(xml, { body: '<a/>' }).body, '<a/>');
    assert.equal(build(xml, { body: { a: 1 } }).code, 'invalid_arguments');
  });

  test('multipart: bytes, file name, part types, boundary (case 83, B9)', async () => {
    const schema = {
      properties: {
        file: { type: 'string', format: 'binary' },
        photos: { type: 'array', items: { type: 'string', format: 'binary' } },
        note: { type: 'string' },
        'meta"\r\n': { type: 'object' },
      },
    };
    const encoding = new Map([
      ['file', { contentType: 'image/*, image/png', style: 'form', explode: true, allowReserved: false }],
    ] as const);
    const fn = post(schema, { kind: 'multipart', contentType: 'multipart/form-data', encoding });
    const sent = request(fn, {
      file: 'AP8Q',
      photos: ['data:image/gif;base64,R0lG', 'AAAA'],
      note: 'grüße',
      'meta"\r\n': { a: 1 },
    });
    const form = await new Response(Buffer.from(sent.body as Uint8Array), {
      headers: sent.headers,
    }).formData();
    const file = form.get('file') as File;
    assert.deepEqual(
      [file.name, file.type, Buffer.from(await file.arrayBuffer())],
      ['file.png', 'image/png', Buffer.from([0, 255, 16])],
    );
    assert.deepEqual(
      (form.getAll('photos') as File[]).map(({ name, type }) => [name, type]),
      [
        ['photos.gif', 'image/gif'],
        ['photos', 'application/octet-stream'],
      ],
    );
    assert.equal(form.get('note'), 'grüße');
    assert.equal(Array.from(form.keys()).length, 5);
  });

  test('a boundary that occurs in a part is not used (security A8)', () => {
    const fn = post({ properties: { a: {} } }, { kind: 'multipart', contentType: 'multipart/form-data' });
    const marks = ['first', 'second'];
    const sent = request(fn, { a: 'x\r\n--first\r\n' }, { boundary: () => marks.shift() ?? 'none' });
    assert.equal(sent.headers['content-type'], 'multipart/form-data; boundary=second');
    assert.equal(build(fn, { a: '--same' }, { boundary: () => 'same' }).code, 'invalid_arguments');
  });

  test('a body over 1 MiB is refused (A8)', () => {
    assert.equal(build(post({}), { body: 'ü'.repeat(600_000) }).code, 'invalid_arguments');
  });
});
