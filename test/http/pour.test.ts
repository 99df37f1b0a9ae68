// Bytes poured into a response: whole, cut, or an answer of the error handler; never further ahead than the reader.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import fastify from 'fastify';
import { pourBytes } from '../../src/http/pour.ts';

/** Serves the bytes; gives the origin. */
async function serve(
  t: TestContext,
  bytes: () => AsyncIterable<Uint8Array>,
  onCut = (error: unknown): void => assert.fail(String(error)),
): Promise<string> {
  const server = fastify({ forceCloseConnections: true });
  server.get('/', async (_request, reply) => {
    reply.code(203).header('x-of-upstream', 'yes');
    await pourBytes(bytes(), reply, onCut);
    return reply;
  });
  t.after(() => server.close());
  return server.listen({ port: 0, host: '127.0.0.1' });
}

test('all bytes go out, with the status and the headers', async (t) => {
  const origin = await serve(t, async function* () {
    yield Buffer.from('one ');
    await new Promise(setImmediate);
    yield Buffer.from('two');
  });
  const answer = await fetch(origin);
  assert.equal(answer.status, 203);
  assert.equal(answer.headers.get('x-of-upstream'), 'yes');
  assert.equal(await answer.text(), 'one two');
});

test('an answer without bytes is an answer', async (t) => {
  const origin = await serve(t, async function* () {});
  const answer = await fetch(origin);
  assert.deepEqual([answer.status, await answer.text()], [203, '']);
});

test('what fails before the first byte is answered by the error handler', async (t) => {
  // oxlint-disable-next-line require-yield -- it fails before
  const origin = await serve(t, async function* () {
    throw new Error('nothing came');
  });
  const answer = await fetch(origin);
  assert.equal(answer.status, 500);
  assert.match(await answer.text(), /nothing came/);
});

test('what fails later cuts the answer, and is heard of', async (t) => {
  const cuts: unknown[] = [];
  async function* bytes() {
    yield Buffer.from('one ');
    await new Promise(setImmediate);
    throw new Error('no more came');
  }
  const origin = await serve(t, bytes, (error) => cuts.push(error));
  const answer = await fetch(origin);
  assert.equal(answer.status, 203);
  await assert.rejects(answer.text());
  assert.deepEqual(cuts.map(String), ['Error: no more came']);
});

test('a reader who takes nothing is not read ahead for, and one who leaves ends the reading', async (t) => {
  const left = Promise.withResolvers<void>();
  let taken = 0;
  const origin = await serve(t, async function* () {
    try {
      for (; taken < 10_000; taken += 1) yield Buffer.alloc(64 * 1024);
    } finally {
      left.resolve();
    }
  });
  const { port, hostname } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(socket, 'readable');
  for (let before = -1; before !== taken;) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(taken < 1_000, `${taken} pieces were taken`);
  socket.destroy();
  await left.promise;
  assert.ok(taken < 1_000);
});
