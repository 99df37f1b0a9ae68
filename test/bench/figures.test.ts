// The figures of the benchmark: middle, spread, ratios, and how they are written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, quantile, ratios, shortly, spread, withSpread } from '../../bench/figures.ts';

test('the median is the middle value, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('a quantile is a value that was seen', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => at);
  assert.equal(quantile(hundred, 0.5), 50);
  assert.equal(quantile(hundred, 0.99), 99);
  assert.equal(quantile([7], 0.99), 7);
});

test('a ratio compares within each round, so that a slow round of both changes nothing', () => {
  assert.deepEqual(ratios([2, 20, 4], [1, 10, 2]), { median: 2, least: 2, greatest: 2 });
});

test('figures are written with three digits that count', () => {
  const written = [0.01234, 1.999, 12.34, 123.4, 1234.5, 0, Number.NaN].map(shortly);
  assert.deepEqual(written, ['0.0123', '2.00', '12.3', '123', '1,230', '0', '-']);
  assert.equal(withSpread(spread([3, 1, 2])), '2.00 (1.00-3.00)');
});
