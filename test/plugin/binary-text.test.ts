// Bytes that a model wrote as text (`openapi.md` B9).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsendableValue } from '../../src/openapi/serialize.ts';
import { readBytes } from '../../src/plugin/binary-text.ts';

const bytes = Buffer.from([0xfb, 0xff, 0xbf, 0x00]);

test('base64 of both alphabets, padded or not, in several lines', () => {
  for (const text of ['+/+/AA==', '-_-_AA==', '+/+/AA', ' +/+/\n\tAA==\r\n'])
    assert.deepEqual(Buffer.from(readBytes(text).bytes), bytes, text);
});

test('a data URL, base64 or percent-encoded, says its type', () => {
  const image = readBytes('data:image/png;base64,+/+/AA==');
  assert.deepEqual([image.type, Buffer.from(image.bytes)], ['image/png', bytes]);
  const text = readBytes('data:text/plain;charset=utf-8,a%20b');
  assert.deepEqual([text.type, Buffer.from(text.bytes).toString()], ['text/plain', 'a b']);
  assert.equal(readBytes('data:;BASE64,AAAA').type, null);
});

test('anything else cannot be sent', () => {
  for (const value of ['not base64!', 'AAAAA', 'data:text/plain,%zz', 5, null, {}])
    assert.throws(() => readBytes(value), UnsendableValue, JSON.stringify(value));
});
