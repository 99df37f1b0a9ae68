// Streams of text: what is known by its bytes is what a parser would have read, and is written as it would have been.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { ChatReader } from '../../src/openai/answer-reader.ts';
import { EventDecoder, encodeEvent } from '../../src/openai/event-stream.ts';
import type { Chunk, JsonObject, Piece } from '../../src/openai/chat.ts';
import { createEventWriter, keepTogether, partsOf } from '../../src/openai/event-writer.ts';
import { chunksOf, GatheredPieces, isMoreText, TextFinder } from '../../src/openai/more-text.ts';

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: 'm-1' };

function event(content: unknown, { choice = {}, top = {} }: { choice?: object; top?: object } = {}): string {
  return JSON.stringify({
    ...head,
    choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null, ...choice }],
    usage: null,
    ...top,
  });
}

/** Reads events as a stream is read, in reads of so many bytes. */
function read(events: readonly string[], bytesAtOnce = Infinity): Piece[] {
  const reader = new ChatReader(10_000);
  const pieces: Piece[] = [];
  const decoder = new EventDecoder({
    maxEventBytes: 10_000,
    onEvent: (data) => pieces.push(...reader.event(JSON.parse(data) as JsonObject, data)),
    shortcut(text, at) {
      const found = reader.more(text, at);
      if (found) pieces.push(found.piece);
      return found?.next ?? at;
    },
  });
  const bytes = Buffer.from(events.map((data) => encodeEvent(data)).join(''));
  for (let at = 0; at < bytes.length; at += bytesAtOnce) decoder.push(bytes.subarray(at, at + bytesAtOnce));
  decoder.end();
  return pieces;
}

/** Reads events, each with a parser. */
function parse(events: readonly string[]): Chunk[] {
  return events.flatMap((data) => new ChatReader().event(JSON.parse(data) as JsonObject, data));
}

/** Writes pieces; what is kept of them must be the same. */
function write(pieces: readonly Piece[]): string {
  const writer = createEventWriter();
  const written = pieces.map((piece) => writer([piece]));
  const text = written.map((piece) => piece.text).join('');
  assert.equal(written.map(({ kept }) => kept).join(''), text);
  assert.equal(keepTogether(written.map(({ kept }) => kept)).toString(), text);
  const atOnce = createEventWriter()(pieces);
  assert.deepEqual([atOnce.text, atOnce.kept.toString()], [text, text]);
  return text;
}

/** Pieces as they are gathered for later. */
function gather(pieces: readonly Piece[]): readonly Piece[] {
  const gathered = new GatheredPieces();
  for (const piece of pieces) gathered.add(piece);
  return gathered.pieces;
}

/** What a writer that knows no shortcut makes of chunks. */
function writePlainly(chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => encodeEvent(JSON.stringify(chunk))).join('');
}

test('events that differ from the first one in their text alone are not parsed, and are one piece', () => {
  const [first, second, further] = read([event('one'), event(' two'), event(' three')]);
  assert.ok(first && !isMoreText(first));
  assert.ok(second && isMoreText(second));
  assert.equal(second.like, first);
  assert.deepEqual(second.texts, [' two', ' three']);
  assert.equal(further, undefined);
});

test('E10: a text of chance that hides lengths stays on its event', () => {
  const events = ['a', 'bc', 'def'].map((text) => event(text, { top: { obfuscation: `x${text}` } }));
  const pieces = read(events);
  assert.deepEqual(pieces.map(isMoreText), [false, true]);
  assert.deepEqual(pieces.flatMap(chunksOf), parse(events));
  assert.equal(write(pieces), writePlainly(parse(events)));
});

const notMore: [string, string][] = [
  ['an escape', event('a "quoted" word')],
  ['a line end', event('a\nb')],
  ['no text', event('')],
  ['another finish reason', event('x', { choice: { finish_reason: 'stop' } })],
  ['log probabilities', event('x', { choice: { logprobs: { content: [] } } })],
  ['usage', event('x', { top: { usage: { total_tokens: 3 } } })],
  ['another id', event('x').replace('chatcmpl-1', 'chatcmpl-2')],
  ['a further member', event('x', { top: { further: 1 } })],
  ['a tool call', event('x').replace('"content":"x"', '"tool_calls":[{"index":0}]')],
  ['a second content', event('x').replace('"content":"x"', '"content":"x","content":"y"')],
  ['white space', event('x').replace('"model":', '"model": ')],
  ['an error', event('x', { top: { error: { message: 'no' } } })],
];
for (const [what, data] of notMore) {
  test(`an event with ${what} is parsed`, () => {
    const [, piece] = read([event('one'), data]);
    assert.ok(piece && !isMoreText(piece));
  });
}

test('the member of the text is found where it is, not where it seems to be', () => {
  const decoys = [
    { top: { note: '"content":"' } },
    { choice: { content: 'decoy', delta: { content: 'x' } } },
    { top: { content: 'decoy' } },
  ];
  for (const decoy of decoys) {
    const events = ['one', ' two', ' three'].map((text) => {
      const made = JSON.parse(event(text, decoy)) as { choices: [{ delta: unknown }] };
      made.choices[0].delta = { content: text };
      return JSON.stringify({ ...decoy.top, ...made });
    });
    assert.deepEqual(read(events).flatMap(chunksOf), parse(events));
  }
});

test('a stream whose events all differ is soon not learned from any more', () => {
  const finder = new TextFinder(10_000);
  const events = Array.from({ length: 20 }, (_, number) => event('x', { top: { number } }));
  const learned = events.map((data) => {
    const found = finder.find(encodeEvent(data), 0);
    const value = JSON.parse(data) as JsonObject;
    finder.learn(data, value, value as unknown as Chunk);
    return found;
  });
  assert.ok(learned.every((found) => found === null));
  assert.equal(finder.find(encodeEvent(event('y', { top: { number: 19 } })), 0), null);
});

const words = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '"content":"',
    '\\',
    '"',
    '\u2028',
    '\u0000',
    '{}',
    '\uFFFC1',
    '\uFFFC2',
    'é',
    '😀',
    '\uD800',
  ),
);
const member = fc.constantFrom('obfuscation', 'system_fingerprint', 'content', 'delta', 'x');
const someEvent = fc
  .record({
    content: words,
    top: fc.dictionary(member, fc.oneof(words, fc.constant(null), fc.integer()), { maxKeys: 2 }),
    choice: fc.dictionary(
      fc.constantFrom('logprobs', 'finish_reason', 'native'),
      fc.oneof(words, fc.constant(null)),
      {
        maxKeys: 1,
      },
    ),
  })
  .map(({ content, ...more }) => event(content, more));
const texts = fc
  .tuple(
    words,
    fc.dictionary(member, words, { maxKeys: 1 }),
    fc.array(fc.tuple(words, words), { maxLength: 6 }),
  )
  .map(([content, top, rest]) => [
    event(content, { top }),
    ...rest.map(([text, other]) =>
      event(text, { top: 'obfuscation' in top ? { ...top, obfuscation: other } : top }),
    ),
  ]);

test('texts that came one by one do not hold the stream that they were cut from', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const obfuscation = 'a8Xk2pQ9s7LmN3oP';
  const events = Array.from({ length: 4_000 }, (_, at) =>
    event(`word ${1_000 + at}`, { top: { obfuscation, padding: 'p'.repeat(1_000) } }),
  );
  const bytesOfEvent = encodeEvent(events[0] ?? '').length;
  collect();
  const before = process.memoryUsage().heapUsed;
  const pieces = read(events, bytesOfEvent);
  collect();
  const kept = (process.memoryUsage().heapUsed - before) / pieces.length;
  assert.equal(pieces.filter(isMoreText).length, events.length - 1);
  assert.ok(kept < 600, `${kept} bytes are kept of an event of ${bytesOfEvent}`);
});

test('T6: what is kept of a long stream is given again in parts', () => {
  const events = Array.from({ length: 5_000 }, (_, at) => event(`word ${1_000 + at}`));
  const pieces = read(events, encodeEvent(events[0] ?? '').length);
  const writer = createEventWriter();
  const parts = partsOf(keepTogether(pieces.map((piece) => writer([piece]).kept)));
  assert.equal(parts.join(''), writePlainly(parse(events)));
  const longest = Math.max(...parts.map((part) => part.toString().length));
  assert.ok(longest < 200_000, `a part makes ${longest} characters`);
  assert.ok(parts.length < 50, `${parts.length} parts`);
});

test('texts that came one by one are gathered as one piece', () => {
  const events = ['one', 'two', 'six', 'ten'].map((text) => event(text));
  const pieces = read(events, encodeEvent(events[0] ?? '').length);
  assert.equal(pieces.length, 4);
  assert.deepEqual(gather(pieces).map(isMoreText), [false, true]);
});

test('D3: an event over the cap is left to the decoder, which refuses it', () => {
  const [small, large] = [event('x'), event('y'.repeat(10_000))];
  assert.throws(() => read([small, small, large, small]), RangeError);
});

test('what is read and written without a parser is what the parser reads, 100,000 events of any kind', () => {
  const bytesAtOnce = fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 600 }));
  fc.assert(
    fc.property(fc.oneof(texts, fc.array(someEvent, { maxLength: 8 })), bytesAtOnce, (events, bytes) => {
      const pieces = read(events, bytes);
      assert.deepEqual(pieces.flatMap(chunksOf), parse(events));
      assert.deepEqual(gather(pieces).flatMap(chunksOf), parse(events));
      assert.equal(write(pieces), writePlainly(parse(events)));
    }),
    { numRuns: 25_000 },
  );
});
