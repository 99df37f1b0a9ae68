// Broken JSON is mended within bounds, whatever it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mendJson } from '../../src/plugin/mend-json.ts';

test('small faults are mended', async () => {
  assert.equal(await mendJson("{'a': True,}"), '{"a": true}');
  assert.equal(await mendJson('{"a": "x y'), '{"a": "x y"}');
});

test('A1: texts of up to 256 KiB are mended, longer and deeper ones not', async () => {
  const prose = 'Don\'t say \\"so\\", it\'s said. '.repeat(9000);
  const mended = (await mendJson(`{"text": "${prose}",}`)) ?? '';
  assert.equal((JSON.parse(mended) as { text: string }).text.length, JSON.parse(`"${prose}"`).length);
  assert.equal(await mendJson(`{"text": "${prose.repeat(2)}",}`), null);
  assert.equal(await mendJson('['.repeat(101)), null);
});

test('B2: what would take seconds is given up, and stalls nobody meanwhile', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const quotes = mendJson(`{"a": [${"'b".repeat(8192)}]}`, 300);
  const lines = mendJson(`{"a": "${'b\n'.repeat(100_000)}]}`, 300);
  assert.deepEqual(await Promise.all([quotes, lines]), [null, null]);
  delay.disable();
  assert.ok(delay.max < 200e6, `${delay.max / 1e6} ms`);
});

test('what the library throws on is no JSON', async () => {
  assert.equal(await mendJson('{"a": \\}'), null);
  assert.equal(await mendJson(`{"a": \\ ${"'b' ".repeat(3000)}}`), null);
});
