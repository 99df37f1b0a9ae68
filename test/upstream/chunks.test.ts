// A stream's pieces, whoever gets them: the reader that asks for them, or the listener that hears them at once.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { AnswerBody } from '../../src/egress/answer-body.ts';
import { ChatReader } from '../../src/openai/answer-reader.ts';
import type { Chunk, PieceSource } from '../../src/openai/chat.ts';
import { doneEvent, encodeEvent } from '../../src/openai/event-stream.ts';
import { chunksOf } from '../../src/openai/more-text.ts';
import { openAnswer } from '../../src/upstream/chunks.ts';

const speaker = {
  name: 'acme',
  credential: { key: undefined, authorization: null },
  scrub: (text: string) => text,
};

function event(content: string, finish: string | null = null): string {
  return encodeEvent(
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: { content }, finish_reason: finish }],
    }),
  );
}

/** Opens a stream whose bytes the test pushes; `first` has come already. */
async function open(first: string) {
  const body = new AnswerBody({ onDrained: () => {}, onLeft: () => {} });
  body.push(Buffer.from(first));
  const headers = { 'content-type': 'text/event-stream' };
  const reader = new ChatReader(10_000);
  const { pieces } = await openAnswer({ status: 200, headers, body }, speaker, reader, (error) => error);
  return { body, pieces: pieces as PieceSource };
}

const textOf = ({ choices }: Chunk) => String(choices[0]?.delta.content);

test('E1: each text comes once and in order, heard at once or asked for, however the bytes are cut', async () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'é', 'a "quoted" word'), { minLength: 1, maxLength: 20 });
  const cuts = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 300 }), ready: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(words, cuts, async (texts, plan) => {
      const { body, pieces } = await open(event('first'));
      const got: string[] = [];
      let ready = true;
      pieces.listen?.({
        ready: () => ready,
        hear: (some) => void got.push(...some.flatMap(chunksOf).map(textOf)),
      });
      const read = (async () => {
        for await (const some of pieces) got.push(...some.flatMap(chunksOf).map(textOf));
      })();
      const rest = Buffer.from(
        [...texts.map((text) => event(text)), event('last', 'stop')].join('') + doneEvent,
      );
      for (let at = 0, part = 0; at < rest.length; part += 1) {
        const { bytes, ready: now } = plan[part % plan.length] ?? { bytes: 1, ready: true };
        ready = now;
        body.push(rest.subarray(at, at + bytes));
        at += bytes;
        if (part % 3 > 0) await turn();
      }
      body.end();
      await read;
      assert.deepEqual(got, ['first', ...texts, 'last']);
    }),
    { numRuns: 200 },
  );
});

test('A9: an error behind texts that were heard at once is thrown to the reader', async () => {
  const { body, pieces } = await open(event('first'));
  const heard: string[] = [];
  pieces.listen?.({
    ready: () => true,
    hear: (some) => void heard.push(...some.flatMap(chunksOf).map(textOf)),
  });
  const read = Array.fromAsync(pieces);
  await turn();
  body.push(Buffer.from(event('heard')));
  body.push(Buffer.from(encodeEvent('{"error":{"message":"no more"}}')));
  await assert.rejects(read, { name: 'UpstreamError', statusCode: 502 });
  assert.deepEqual(heard, ['heard']);
});

test('D2: a stream whose texts were heard at once and that is cut is truncated', async () => {
  const { body, pieces } = await open(event('first'));
  pieces.listen?.({ ready: () => true, hear: () => {} });
  const read = Array.fromAsync(pieces);
  await turn();
  body.push(Buffer.from(event('heard')));
  body.end();
  await assert.rejects(read, { wireCode: 'upstream_truncated' });
});

test('a stream that does not end is cut at 256 MiB, after all before it was heard', async () => {
  const words = `${event('word').repeat(3)}:${' '.repeat(1_000_000)}\n\n`;
  const bytes = Buffer.from(words);
  let sent = 0;
  async function* endless() {
    for (; sent < 300; sent += 1) yield bytes;
  }
  const answer = { status: 200, headers: { 'content-type': 'text/event-stream' }, body: endless() };
  const { pieces } = await openAnswer(answer, speaker, new ChatReader(2_000_000), (error) => error);
  let heard = 0;
  const read = async () => {
    for await (const some of pieces) heard += some.flatMap(chunksOf).length;
  };
  await assert.rejects(read(), { wireCode: 'upstream_too_large' });
  assert.equal(sent, Math.floor((256 * 1024 * 1024) / bytes.length));
  assert.equal(heard, sent * 3);
});
