// The event-stream decoder, at any split of the bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventTooLargeError, EventDecoder, encodeEvent } from '../../src/openai/event-stream.ts';

function* cut(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  const borders = [...new Set(cuts.map((at) => at % (bytes.length + 1)))].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...borders, bytes.length]) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

function decode(text: string, cuts: readonly number[] = [], maxEventBytes = 1_000_000): string[] {
  const events: string[] = [];
  const decoder = new EventDecoder({ maxEventBytes, onEvent: (data) => events.push(data) });
  for (const part of cut(new TextEncoder().encode(text), cuts)) decoder.push(part);
  decoder.end();
  return events;
}

test('D1: LF, CRLF, CR, comments, fields and several data lines give the same events', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = [': hi', 'event: x', 'data: one', 'id: 4', '', 'data:two', 'data:  three', '', ''].join(end);
    assert.deepEqual(decode(text), ['one', 'two\n three']);
  }
});

test('D1: a byte order mark does not cost the first event', () => {
  assert.deepEqual(decode('\uFEFFdata: one\n\n'), ['one']);
});

test('D2: the last event counts without its blank line', () => {
  assert.deepEqual(decode('data: one\n\ndata: two'), ['one', 'two']);
});

test('D3: an event without an end is stopped at the cap', () => {
  assert.throws(() => decode(`data: ${'x'.repeat(5000)}`, [100, 1000, 2000], 1000), EventTooLargeError);
});

test('D3: an event over the cap is stopped wherever the bytes are cut, its end in the same piece too', () => {
  const text = encodeEvent('x'.repeat(1000));
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 3 }), (cuts) => {
      assert.throws(() => decode(text, cuts, 1000), EventTooLargeError);
    }),
  );
});

test('D3: what came before an event over the cap is given first', () => {
  const events: string[] = [];
  const decoder = new EventDecoder({ maxEventBytes: 1000, onEvent: (data) => events.push(data) });
  const bytes = Buffer.from(encodeEvent('one') + encodeEvent('x'.repeat(1000)) + encodeEvent('two'));
  assert.throws(() => decoder.push(bytes), EventTooLargeError);
  assert.deepEqual(events, ['one']);
});

test('D3: many events larger than the cap together pass', () => {
  assert.equal(decode(encodeEvent('x'.repeat(90)).repeat(100), [], 100).length, 100);
});

test('D1: what was encoded is decoded, at any cut, inside a code point too', () => {
  const line = fc
    .string({ unit: 'binary' })
    .map((text) => text.replaceAll(/[\r\n\uFEFF]|[\uD800-\uDFFF]/g, ''));
  const events = fc.array(line, { maxLength: 8 });
  const cuts = fc.array(fc.nat(), { maxLength: 30 });
  fc.assert(
    fc.property(events, cuts, fc.constantFrom('\n', '\r\n', '\r'), (sent, at, end) => {
      const text = sent.map((data) => encodeEvent(data).replaceAll('\n', end)).join('');
      assert.deepEqual(decode(text, at), sent);
    }),
  );
});

test('D1: events that the shortcut takes and all others come in their order, at any cut', () => {
  const word = fc.constantFrom('a', 'b', 'known', 'known', 'é');
  const known = encodeEvent('known');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 8 }), (sent, cuts) => {
      const events: string[] = [];
      const decoder = new EventDecoder({
        maxEventBytes: 100,
        onEvent: (data) => events.push(data),
        shortcut(text, at) {
          if (!text.startsWith(known, at)) return at;
          events.push('known');
          return at + known.length;
        },
      });
      const bytes = new TextEncoder().encode(sent.map((data) => encodeEvent(data)).join(''));
      for (const part of cut(bytes, cuts)) decoder.push(part);
      decoder.end();
      assert.deepEqual(events, sent);
    }),
  );
});

test('D3: an event with a name, of which the shortcut would take the rest, does not count for the next ones', () => {
  const events: string[] = [];
  const known = encodeEvent('known');
  const decoder = new EventDecoder({
    maxEventBytes: 100,
    onEvent: (data) => events.push(data),
    shortcut: (text, at) => (text.startsWith(known, at) ? at + known.length : at),
  });
  decoder.push(Buffer.from(`event: message\n${known}`.repeat(100)));
  decoder.end();
  assert.deepEqual(
    events,
    Array.from({ length: 100 }, () => 'known'),
  );
});
