// Redirects of manifests and documents.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followRedirects } from '../../src/egress/document.ts';
import type { EgressAnswer, Send } from '../../src/egress/egress.ts';
import { get, limits, never, readText, spyOnSockets, startEgress, startPeer } from './peers.ts';

/** A `Send` that answers from a map of URLs: a location, or the text of a page. */
function scripted(pages: Record<string, string>): { send: Send; asked: string[] } {
  const asked: string[] = [];
  const send: Send = async ({ origin, path }) => {
    const url = origin + path;
    asked.push(url);
    const page = pages[url] ?? '';
    const location = /^(https?:|\/)/.test(page) ? page : undefined;
    const answer: EgressAnswer = {
      status: location === undefined ? 200 : 301,
      headers: location === undefined ? {} : { location },
      body: (async function* () {
        yield Buffer.from(page);
      })(),
    };
    return answer;
  };
  return { send, asked };
}

const allowed = new Map([
  ['the same host', { 'https://a.example/x': '/y', 'https://a.example/y': 'page' }],
  ['a host below', { 'https://a.example/x': 'https://www.a.example/y', 'https://www.a.example/y': 'page' }],
  [
    'three times',
    {
      'https://a.example/x': '/1',
      'https://a.example/1': '/2',
      'https://a.example/2': '/3',
      'https://a.example/3': 'page',
    },
  ],
]);
for (const [what, pages] of allowed) {
  test(`security E6: a redirect to ${what} is followed`, async () => {
    const { send } = scripted(pages);
    const answer = await followRedirects(send)(get('https://a.example', { path: '/x' }), never());
    assert.equal(await readText(answer.body), 'page');
    assert.equal(answer.url, Object.keys(pages).at(-1));
  });
}

const refused = new Map([
  ['another host', 'https://b.example/'],
  ['a host that only ends alike', 'https://evila.example/'],
  ['the host above', 'https://example/'],
  ['plain http', 'http://a.example/y'],
  ['another port', 'https://a.example:8443/y'],
  ['a URL with a password', 'https://u:p@a.example/y'],
  ['itself', '/x'],
  ['an inner address', 'https://127.0.0.1/'],
]);
for (const [what, location] of refused) {
  test(`security E6, F-P22 to F-P26: a redirect to ${what} is refused, no other host is asked`, async () => {
    const { send, asked } = scripted({ 'https://a.example/x': location });
    const fetching = followRedirects(send)(get('https://a.example', { path: '/x' }), never());
    await assert.rejects(fetching, { failure: 'redirect_refused' });
    assert.ok(asked.length <= 4);
    assert.deepEqual([...new Set(asked)], ['https://a.example/x']);
  });
}

test('security E6: each target of a redirect is judged anew', async (t) => {
  const peer = await startPeer(t, (_request, response) => {
    response.writeHead(302, { location: `http://inner.localhost:${peer.port}/y` }).end();
  });
  const dialled = spyOnSockets(t);
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  const fetchDocument = startEgress(t, { resolve }).document([`localhost:${peer.port}`]);
  await assert.rejects(fetchDocument(get(`http://localhost:${peer.port}`), never()), {
    failure: 'insecure_server',
  });
  assert.deepEqual(dialled, [`127.0.0.1 ${peer.port}`]);
});

test('security E10: the total deadline holds for all redirects together', async (t) => {
  let hops = 0;
  const peer = await startPeer(t, (_request, response) => {
    hops += 1;
    setTimeout(() => response.writeHead(302, { location: '/again' }).end(), 60);
  });
  const fetchDocument = startEgress(t).document([`127.0.0.1:${peer.port}`]);
  const request = get(peer.origin, { limits: { ...limits, total: 150 } });
  await assert.rejects(fetchDocument(request, never()), { failure: 'timeout' });
  assert.ok(hops <= 3);
});
