// Streams of text: what is known by its bytes is what a parser would have read, and is written as it would have been.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createChatReader } from '../../src/openai/answer-reader.ts';
import type { Chunk, JsonObject, Piece } from '../../src/openai/chat.ts';
import { chunkOf, createPieceWriter, createTextFinder, isMoreText } from '../../src/openai/more-text.ts';

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: 'm-1' };

function event(content: unknown, { choice = {}, top = {} }: { choice?: object; top?: object } = {}): string {
  return JSON.stringify({
    ...head,
    choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null, ...choice }],
    usage: null,
    ...top,
  });
}

/** Reads events as a stream is read. */
function read(events: readonly string[]): Piece[] {
  const reader = createChatReader();
  return events.flatMap((data): readonly Piece[] => {
    const more = reader.more(data);
    return more ? [more] : reader.event(JSON.parse(data) as JsonObject, data);
  });
}

/** Reads events, each with a parser. */
function parse(events: readonly string[]): Chunk[] {
  return events.flatMap((data) => createChatReader().event(JSON.parse(data) as JsonObject, data));
}

function write(pieces: readonly Piece[]): string[] {
  return pieces.map(createPieceWriter());
}

test('the second event that differs in its text alone is not parsed', () => {
  const [first, second] = read([event('one'), event(' two')]);
  assert.ok(first && !isMoreText(first));
  assert.ok(second && isMoreText(second));
  assert.equal(second.like, first);
  assert.equal(second.text, ' two');
});

test('E10: a text of chance that hides lengths stays on its event', () => {
  const events = ['a', 'bc', 'def'].map((text) => event(text, { top: { obfuscation: `x${text}` } }));
  const pieces = read(events);
  assert.deepEqual(pieces.map(isMoreText), [false, true, true]);
  assert.deepEqual(pieces.map(chunkOf), parse(events));
  assert.deepEqual(
    write(pieces).map((text) => JSON.parse(text) as unknown),
    parse(events),
  );
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
    assert.deepEqual(read(events).map(chunkOf), parse(events));
  }
});

test('a stream whose events all differ is soon not learned from any more', () => {
  const finder = createTextFinder();
  const events = Array.from({ length: 20 }, (_, number) => event('x', { top: { number } }));
  const learned = events.map((data) => {
    const found = finder.find(data);
    const value = JSON.parse(data) as JsonObject;
    finder.learn(data, value, value as unknown as Chunk);
    return found;
  });
  assert.ok(learned.every((found) => found === null));
  assert.equal(finder.find(event('y', { top: { number: 19 } })), null);
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

test('what is read and written without a parser is what the parser reads, 100,000 events of any kind', () => {
  fc.assert(
    fc.property(fc.oneof(texts, fc.array(someEvent, { maxLength: 8 })), (events) => {
      const pieces = read(events);
      assert.deepEqual(pieces.map(chunkOf), parse(events));
      assert.deepEqual(
        write(pieces),
        pieces.map((piece) => JSON.stringify(chunkOf(piece))),
      );
    }),
    { numRuns: 25_000 },
  );
});
