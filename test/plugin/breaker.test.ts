// The breaker: five failures in a row, a pause, one probe (`security.md` F-P41).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBreaker } from '../../src/plugin/breaker.ts';

function failing(times: number) {
  let time = 1000;
  const breaker = createBreaker(() => time);
  for (let at = 0; at < times; at += 1) breaker.note('todo', true);
  return { breaker, wait: (milliseconds: number) => void (time += milliseconds) };
}

test('F-P41: after five failures in a row nothing is admitted for 30 s; other plugins are', () => {
  assert.equal(failing(4).breaker.admits('todo'), true);
  const { breaker, wait } = failing(5);
  assert.deepEqual([breaker.admits('todo'), breaker.admits('other')], [false, true]);
  wait(29_999);
  assert.equal(breaker.admits('todo'), false);
});

test('F-P41: then one probe: its success opens the way, its failure begins a new pause', () => {
  const { breaker, wait } = failing(5);
  wait(30_000);
  assert.deepEqual([breaker.admits('todo'), breaker.admits('todo')], [true, false]);
  breaker.note('todo', true);
  wait(29_999);
  assert.equal(breaker.admits('todo'), false);
  wait(1);
  assert.equal(breaker.admits('todo'), true);
  breaker.note('todo', false);
  assert.deepEqual([breaker.admits('todo'), breaker.admits('todo')], [true, true]);
});

test('F-P41: a probe of which nothing is heard is followed by another after the pause', () => {
  const { breaker, wait } = failing(5);
  wait(30_000);
  assert.equal(breaker.admits('todo'), true);
  wait(30_000);
  assert.equal(breaker.admits('todo'), true);
});

test('an answer between failures begins the count anew', () => {
  const { breaker } = failing(4);
  breaker.note('todo', false);
  breaker.note('todo', true);
  assert.equal(breaker.admits('todo'), true);
});
