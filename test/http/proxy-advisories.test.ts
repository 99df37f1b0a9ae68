// The published advisories of @fastify/http-proxy and @fastify/reply-from, each against our pass-through (security H11).
//
// advisory                                what it was                                           why it cannot happen here
// CVE-2026-33805 (GHSA-gwhp-pf74-vj37)    `Connection: NAME` took the proxy's own headers away  H3: headers are made anew
// GHSA-2q7r-29rg-6m5h                     encoded dot segments left the base path               H2
// CVE-2023-51701 (GHSA-v2v2-hph8-q5xp)    a blank before `;` had a JSON body read otherwise     W3: bodies are not read
// CVE-2026-16158 (GHSA-v574-6498-x57v)    two targets, one key of the URL cache                 H9, and H1: one target
// CVE-2026-107318                         certificates of https upstreams were not checked      H5: our dispatcher
// CVE-2026-16117                          an encoded prefix was not rewritten                   H2
// CVE-2026-85124                          backslash dot segments left the prefix                H2
// CVE-2026-120213                         decoded route parameters in the rewritten prefix      H1: constant; H2
// CVE-2026-127060 (GHSA-7mjf-mp6r-87p8)   `..;x` left the prefix at servlet upstreams           H2: no `;`
// CVE-2026-15631                          websocket upgrades left the prefix                    H1: no websockets; H10
// CVE-2026-129500 (GHSA-q659-79j2-32h5)   an error of an upgraded socket ended the process      H10
// CVE-2026-129502 (GHSA-29w6-p7r8-xmf9)   so did a fragment in the target of an upgrade         H2, H10
// CVE-2026-130647 (GHSA-6fhg-8r33-fcww)   so did a pipelined upgrade                            H10
// CVE-2026-133111 (GHSA-w3r4-6w5h-3vrc)   upgrades lost their Origin                            H10
// GHSA-vp2r-3vgv-32g9                     not published where we could read it; it is in        H2, H3, H8: neither the
//                                         reply-from, mended in 12.8.1                          path nor a header is its
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { startPeer, until } from '../egress/peers.ts';
import { ask, codeOf, echo, echoed, ours, rawRequest, startGateway, type Gateway } from './passed.ts';

async function assertServes(gateway: Gateway): Promise<void> {
  assert.equal((await ask(gateway, '/v1/models')).status, 200, 'the gateway serves on');
}

const ownHeaders = [
  'authorization',
  'content-length',
  'content-type',
  'host',
  'x-plugin-gateway',
  'Authorization',
];
for (const name of [...ownHeaders, ownHeaders.join(', ')]) {
  test(`CVE-2026-33805: "Connection: ${name}" takes nothing away`, async (t) => {
    const gateway = await startGateway(t, await startPeer(t, echo), { key: ours });
    const headers = { connection: name, 'content-type': 'application/json', 'content-length': '2' };
    const seen = echoed(await ask(gateway, '/v1/embeddings', { method: 'POST', headers, body: '{}' }));
    const { authorization, host, 'x-plugin-gateway': mark } = seen.headers;
    assert.deepEqual([authorization, mark, seen.body], [`Bearer ${ours}`, 'test', '{}']);
    assert.match(host ?? '', /^127\.0\.0\.1:/);
  });
}

for (const [id, paths] of [
  ['GHSA-2q7r-29rg-6m5h', ['/v1/ho/%2E%2E/hi', '/v1/%2e%2e/admin', '/v1/.%2E/admin']],
  ['CVE-2026-16117', ['/v%31/models', '/%76%31/admin', '/%2Fv1/admin']],
  ['CVE-2026-85124', ['/v1/a\\..\\..\\admin', '/v1\\..\\admin', '/v1/..\\admin', '/v1/%5c..%5cadmin']],
  ['CVE-2026-120213', ['/v1/x%2Fadmin%23', '/v1/x%2Fadmin%3Fa=1', '/v1/x%2f%2fadmin']],
  ['CVE-2026-127060', ['/v1/..;/admin', '/v1/a/..;x=1/b', '/v1/%2e%2e;/admin', '/v1/;/../admin']],
] as const) {
  for (const path of paths) {
    test(`${id}: ${JSON.stringify(path)} is refused, nothing goes upstream`, async (t) => {
      const peer = await startPeer(t, echo);
      const gateway = await startGateway(t, peer);
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      assert.match(await rawRequest(gateway, head), /^HTTP\/1\.1 (400|404) /);
      assert.equal(peer.connections(), 0);
      await assertServes(gateway);
    });
  }
}

for (const type of [
  'application/json ; charset=utf-8',
  'application/json\t;charset=utf-8',
  'application/json;',
]) {
  test(`CVE-2023-51701: a body of the type ${JSON.stringify(type)} goes on as the same bytes`, async (t) => {
    const gateway = await startGateway(t, await startPeer(t, echo));
    const body = '"{\\"method\\":\\"other\\"}"';
    const headers = { 'content-type': type };
    const seen = echoed(await ask(gateway, '/v1/embeddings', { method: 'POST', headers, body }));
    assert.deepEqual([seen.body, seen.headers['content-type']], [body, type]);
  });
}

test('CVE-2026-16158: two gateways of one process never share a target', async (t) => {
  const [first, second] = [
    await startPeer(t, echo),
    await startPeer(t, (_request, response) => response.end('other')),
  ];
  const gateways = [await startGateway(t, first), await startGateway(t, second, { path: '/1/v1' })];
  for (let times = 0; times < 3; times += 1) {
    const texts = await Promise.all(gateways.map((gateway) => ask(gateway, '/v1/private')));
    assert.deepEqual([echoed(texts[0] ?? assert.fail()).url, texts[1]?.text], ['/v1/private', 'other']);
  }
});

test('CVE-2026-107318: an upstream whose certificate nobody vouches for is not asked', async (t) => {
  const read = (name: string) =>
    readFileSync(new URL(`../fixtures/tls/self-signed.${name}`, import.meta.url), 'utf8');
  let asked = 0;
  const server = createServer({ key: read('key'), cert: read('crt') }, (_request, response) => {
    asked += 1;
    response.end('forged');
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const gateway = await startGateway(t, { origin: `https://127.0.0.1:${port}` }, { key: ours });
  const answer = await ask(gateway, '/v1/models');
  assert.deepEqual([answer.status, codeOf(answer), asked], [502, 'upstream_tls', 0]);
});

const upgrade = (target: string, more = '') =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

for (const [id, bytes] of [
  ['CVE-2026-15631', upgrade('/v1/../admin')],
  ['CVE-2026-129502', upgrade('/v1/realtime#fragment')],
  ['CVE-2026-129502', upgrade('/v1/#')],
  ['CVE-2026-130647', upgrade('/v1/realtime') + upgrade('/v1/realtime') + upgrade('/v1/models')],
  ['CVE-2026-133111', upgrade('/v1/realtime', 'Origin: https://evil.example\r\n')],
] as const) {
  test(`${id}: ${JSON.stringify(bytes.slice(0, 28))} is refused, no socket is opened`, async (t) => {
    const peer = await startPeer(t, echo);
    const gateway = await startGateway(t, peer);
    const answer = await rawRequest(gateway, bytes);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    assert.doesNotMatch(answer, /101 Switching/);
    assert.equal(peer.connections(), 0);
    await assertServes(gateway);
  });
}

test('CVE-2026-129500: a socket that is reset during an upgrade harms nobody', async (t) => {
  const gateway = await startGateway(t, await startPeer(t, echo));
  for (let times = 0; times < 20; times += 1) {
    const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    await new Promise<void>((open) => socket.once('connect', () => open()));
    socket.write(upgrade('/v1/realtime') + 'bytes of a frame');
    socket.resetAndDestroy();
    await until(() => socket.closed);
  }
  await assertServes(gateway);
});
