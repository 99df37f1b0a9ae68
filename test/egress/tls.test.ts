// https: certificates and names are checked, versions too, and sockets are kept as without it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { get, limits, never, readText, startEgress, startRawPeer } from './peers.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../fixtures/tls/self-signed.${name}`, import.meta.url), 'utf8');

/** Serves "ok" for `localhost` and 127.0.0.1; the certificate is trusted while the test runs, if wanted. */
async function startSecurePeer(
  t: TestContext,
  { trusted, ...options }: ServerOptions & { trusted: boolean },
): Promise<{ port: number; sockets: Socket[] }> {
  const usual = getCACertificates('default');
  if (trusted) setDefaultCACertificates([...usual, read('crt')]);
  const sockets: Socket[] = [];
  const server = createServer({ key: read('key'), cert: read('crt'), ...options }, (_request, response) =>
    response.end('ok'),
  );
  server.on('secureConnection', (socket: Socket) => sockets.push(socket));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => {
    setDefaultCACertificates(usual);
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

const toLoopback = async (): Promise<{ address: string; family: number }[]> => [
  { address: '127.0.0.1', family: 4 },
];

test('security E2: https to a trusted certificate with the right name', async (t) => {
  const { port, sockets } = await startSecurePeer(t, { trusted: true });
  const send = startEgress(t, { resolve: toLoopback }).plugin('p', [`localhost:${port}`]);
  for (let n = 0; n < 3; n += 1) {
    assert.equal(await readText((await send(get(`https://localhost:${port}`), never())).body), 'ok');
    await new Promise((go) => setTimeout(go, 5));
  }
  assert.equal(sockets.length, 1);
});

test('security E2: https to a literal address is checked against the certificate too', async (t) => {
  const { port } = await startSecurePeer(t, { trusted: true });
  const send = startEgress(t).plugin('p', [`127.0.0.1:${port}`]);
  assert.equal(await readText((await send(get(`https://127.0.0.1:${port}`), never())).body), 'ok');
});

test('security F-U04, F-P09: a certificate for another name is refused', async (t) => {
  const { port } = await startSecurePeer(t, { trusted: true });
  const send = startEgress(t, { resolve: toLoopback }).plugin('p', [`other.example:${port}`]);
  await assert.rejects(send(get(`https://other.example:${port}`), never()), { failure: 'tls_failed' });
});

test('security F-U04: an unknown issuer is refused, whatever the environment says', async (t) => {
  const { port } = await startSecurePeer(t, { trusted: false });
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  const send = startEgress(t).upstream('u', `https://127.0.0.1:${port}`);
  await assert.rejects(send(get(`https://127.0.0.1:${port}`), never()), { failure: 'tls_failed' });
});

test('security E2, F-U04: TLS 1.1 is refused', async (t) => {
  const old: ServerOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  const { port } = await startSecurePeer(t, { trusted: true, ...old });
  const send = startEgress(t).upstream('u', `https://127.0.0.1:${port}`);
  await assert.rejects(send(get(`https://127.0.0.1:${port}`), never()), { failure: 'tls_failed' });
});

test('security N13: a keep-alive race is told from others over TLS as well', async (t) => {
  const { port, sockets } = await startSecurePeer(t, { trusted: true });
  const send = startEgress(t).upstream('u', `https://127.0.0.1:${port}`);
  const request = get(`https://127.0.0.1:${port}`, { method: 'POST' });
  assert.equal(await readText((await send(request, never())).body), 'ok');
  await new Promise((go) => setTimeout(go, 5));
  sockets[0]?.pause().once('data', () => undefined);
  const sent = send(request, never());
  setTimeout(() => sockets[0]?.destroy(), 20);
  await assert.rejects(sent, { failure: 'reset', reusedSocket: true });
});

test('section 8: a handshake that never ends is over after three seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
  const peer = await startRawPeer(t, (socket) => void socket.once('data', () => connect()));
  const origin = `https://127.0.0.1:${peer.port}`;
  const sent = startEgress(t).upstream('u', origin)(
    get(origin, { limits: { ...limits, firstByte: 9_000, total: 9_000 } }),
    never(),
  );
  await connected;
  t.mock.timers.tick(3_000);
  await assert.rejects(sent, { failure: 'tls_failed', message: /longer than 3000 ms/ });
});
