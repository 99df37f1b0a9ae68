// Readers that stop to read, of answers that are still written and of answers that are written whole.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { dropStalledReader } from '../../src/http/stalled-reader.ts';
import { startPeer } from '../egress/peers.ts';

const large = Buffer.alloc(64 * 1024 * 1024);

/** A client that sends a request and does not read; resolves when the server's response has been closed. */
async function stall(t: TestContext, answer: (response: ServerResponse) => void): Promise<boolean> {
  const closed = Promise.withResolvers<boolean>();
  const peer = await startPeer(t, (_request, response) => {
    dropStalledReader(response, 100);
    response.once('close', () => closed.resolve(response.writableFinished));
    answer(response);
  });
  const socket = connect(peer.port, '127.0.0.1').on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.pause().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return closed.promise;
}

test('F-C08, K10: a reader of an answer that is still written is dropped', async (t) => {
  assert.equal(await stall(t, (response) => void response.write(large)), false);
});

test('F-C08, K10: a reader of an answer that is written whole is dropped', async (t) => {
  assert.equal(await stall(t, (response) => response.end(large)), false);
});

test('F-C08: an answer that is silent, and a connection between two requests, are left alone', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    dropStalledReader(response, 20);
    setTimeout(() => response.end('late'), 100);
  });
  for (const _ of [1, 2]) {
    assert.equal(await (await fetch(peer.origin)).text(), 'late');
    await wait(60);
  }
  assert.equal(peer.connections(), 1);
});
