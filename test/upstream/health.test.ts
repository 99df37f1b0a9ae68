// When an upstream is asked last: nobody there, or three failures in a row; and how it comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EgressError } from '../../src/egress/egress.ts';
import { gatewayError } from '../../src/errors.ts';
import { createHealth } from '../../src/upstream/health.ts';

const refused = gatewayError('upstream_unreachable', ['acme', 'refused'], {
  cause: new EgressError('unreachable', 'refused'),
});
const broken = new Error('the upstream answered 500');

function start() {
  const clock = { now: 0 };
  return { clock, health: createHealth(() => clock.now) };
}

test('an upstream that nobody reaches rests at once, for 30 s', () => {
  const { clock, health } = start();
  assert.equal(health.mayTry(), true);
  assert.equal(health.failed(refused), true);
  assert.equal(health.mayTry(), false);
  clock.now = 29_999;
  assert.equal(health.mayTry(), false);
  clock.now = 30_000;
  assert.equal(health.mayTry(), true);
});

test('an upstream that answers with errors rests after three in a row', () => {
  const { health } = start();
  assert.deepEqual([health.failed(broken), health.failed(broken)], [false, false]);
  assert.equal(health.mayTry(), true);
  assert.equal(health.failed(broken), true);
  assert.equal(health.mayTry(), false);
});

test('an answer between failures makes it well', () => {
  const { health } = start();
  for (const _ of [1, 2, 3]) {
    health.failed(broken);
    health.failed(broken);
    health.answered();
  }
  assert.equal(health.mayTry(), true);
});

test('after its rest one request tries it, and its fate is that of the others', () => {
  const { clock, health } = start();
  health.failed(refused);
  clock.now = 30_000;
  assert.deepEqual([health.mayTry(), health.mayTry()], [true, false]);
  assert.equal(health.failed(broken), false, 'it rests on: no news');
  clock.now = 59_999;
  assert.equal(health.mayTry(), false);
  clock.now = 60_000;
  assert.equal(health.mayTry(), true);
  health.answered();
  assert.deepEqual([health.mayTry(), health.mayTry()], [true, true]);
});

test('a request that tries it and is never heard of again does not keep it out', () => {
  const { clock, health } = start();
  health.failed(refused);
  clock.now = 30_000;
  health.mayTry();
  clock.now = 60_000;
  assert.equal(health.mayTry(), true);
});
