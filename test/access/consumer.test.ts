// From the key that a caller shows to a consumer.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createAuthentication } from '../../src/access/consumer.ts';

const key = 'alice-0123456789abcdef';
const other = 'bob-0123456789abcdefgh';
const authenticate = createAuthentication([
  { name: 'alice', key, plugins: ['todo'] },
  { name: 'bob', key: other, plugins: ['*'] },
]);

describe('with consumers', () => {
  test('the key is found in every carrier (I1)', () => {
    for (const headers of [
      { authorization: `Bearer ${key}` },
      { authorization: `bearer  ${key} ` },
      { 'api-key': key },
      { 'x-api-key': key },
    ]) {
      assert.equal(authenticate(headers)?.name, 'alice', JSON.stringify(headers));
    }
  });

  test('the consumer carries grants and partition, never the key or the Authorization (S3)', () => {
    assert.deepEqual(authenticate({ authorization: `Bearer ${key}` }), {
      name: 'alice',
      plugins: ['todo'],
      partition: 'consumer:alice',
      authorization: null,
    });
  });

  test('the whole key counts (I2): a wrong tail, prefix, case or blank is nobody', () => {
    for (const wrong of [
      key.slice(0, -1),
      `${key}x`,
      key.toUpperCase(),
      `${key.slice(0, 20)}zz`,
      `${key} x`,
      '',
    ]) {
      assert.equal(authenticate({ authorization: `Bearer ${wrong}` }), null, wrong);
      assert.equal(authenticate({ 'x-api-key': wrong }), null, wrong);
    }
  });

  test('no carrier, another scheme, two joined values: nobody', () => {
    assert.equal(authenticate({}), null);
    assert.equal(authenticate({ authorization: `Basic ${key}` }), null);
    assert.equal(authenticate({ 'api-key': [key, key] }), null);
  });

  test('the first carrier decides: a wrong Authorization is not saved by a right api-key', () => {
    assert.equal(authenticate({ authorization: 'Bearer wrong-wrong-wrong', 'api-key': key }), null);
    assert.equal(authenticate({ authorization: `Bearer ${other}`, 'api-key': key })?.name, 'bob');
  });

  test('no text that is not a key is anybody', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(text.trim() !== key && text.trim() !== other);
        assert.equal(authenticate({ 'x-api-key': text }), null);
      }),
    );
  });
});

describe('without consumers', () => {
  const open = createAuthentication([]);

  test('everyone is anonymous with all plugins, and the own Authorization is kept for the upstream', () => {
    const consumer = open({ authorization: 'Bearer sk-own' });
    assert.equal(consumer?.name, 'anonymous');
    assert.deepEqual(consumer?.plugins, ['*']);
    assert.equal(consumer?.authorization, 'Bearer sk-own');
  });

  test('the partition is a digest of the own key, the same in every carrier and process (P3)', () => {
    const partitions = [
      open({ authorization: 'Bearer sk-own' }),
      open({ 'api-key': 'sk-own' }),
      open({ 'x-api-key': 'sk-own' }),
    ].map((consumer) => consumer?.partition);
    assert.equal(new Set(partitions).size, 1);
    assert.match(partitions[0] ?? '', /^key:[0-9a-f]{64}$/);
    assert.ok(!partitions[0]?.includes('sk-own'));
    assert.notEqual(partitions[0], open({ 'api-key': 'sk-another' })?.partition);
  });

  test('without a key all share the anonymous partition, and nothing is sent on', () => {
    assert.deepEqual(open({}), {
      name: 'anonymous',
      plugins: ['*'],
      partition: 'anonymous',
      authorization: null,
    });
  });
});
