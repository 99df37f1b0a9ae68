// The event-stream decoder, at any split of the bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventTooLargeError, decodeEvents, encodeEvent } from '../../src/openai/event-stream.ts';

async function* cut(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const borders = [...new Set(cuts.map((at) => at % (bytes.length + 1)))].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...borders, bytes.length]) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function decode(
  text: string,
  cuts: readonly number[] = [],
  maxEventBytes = 1_000_000,
): Promise<string[]> {
  return Array.fromAsync(decodeEvents(cut(new TextEncoder().encode(text), cuts), { maxEventBytes }));
}

test('D1: LF, CRLF, CR, comments, fields and several data lines give the same events', async () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = [': hi', 'event: x', 'data: one', 'id: 4', '', 'data:two', 'data:  three', '', ''].join(end);
    assert.deepEqual(await decode(text), ['one', 'two\n three']);
  }
});

test('D1: a byte order mark does not cost the first event', async () => {
  assert.deepEqual(await decode('\uFEFFdata: one\n\n'), ['one']);
});

test('D2: the last event counts without its blank line', async () => {
  assert.deepEqual(await decode('data: one\n\ndata: two'), ['one', 'two']);
});

test('D3: an event without an end is stopped at the cap', async () => {
  await assert.rejects(decode(`data: ${'x'.repeat(5000)}`, [100, 1000, 2000], 1000), EventTooLargeError);
});

test('D3: an event over the cap is stopped wherever the bytes are cut, its end in the same piece too', async () => {
  const text = encodeEvent('x'.repeat(1000));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 3 }), async (cuts) => {
      await assert.rejects(decode(text, cuts, 1000), EventTooLargeError);
    }),
  );
});

test('D3: many events larger than the cap together pass', async () => {
  assert.equal((await decode(encodeEvent('x'.repeat(90)).repeat(100), [], 100)).length, 100);
});

test('D1: what was encoded is decoded, at any cut, inside a code point too', async () => {
  const line = fc
    .string({ unit: 'binary' })
    .map((text) => text.replaceAll(/[\r\n\uFEFF]|[\uD800-\uDFFF]/g, ''));
  const events = fc.array(line, { maxLength: 8 });
  const cuts = fc.array(fc.nat(), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(events, cuts, fc.constantFrom('\n', '\r\n', '\r'), async (sent, at, end) => {
      const text = sent.map((data) => encodeEvent(data).replaceAll('\n', end)).join('');
      assert.deepEqual(await decode(text, at), sent);
    }),
  );
});
