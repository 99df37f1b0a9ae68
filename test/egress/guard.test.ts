// Which addresses the ways out dial: a spy on the sockets decides, not a return value.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { EgressFailure } from '../../src/egress/egress.ts';
import { resolveBySystem, type Resolve } from '../../src/egress/guard.ts';
import { get, never, readText, spyOnSockets, startEgress, startPeer } from './peers.ts';

/** Spellings of loopback, private, shared, reserved and metadata addresses, as a URL's host (E13). */
const spellings = `
127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 2130706433 0177.0.0.1 017700000001 0 0.0.0.0 0x0 00000000
127.255.255.254 %31%32%37.0.0.1 127.0.0.1. １２７.0.0.1 127。0。0。1 127．0．0．1 ①②⑦.0.0.1 ⓛocalhost localhost
LOCALHOST localhost. [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1]
[::7f00:1] [::ffff:0:7f00:1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001::1] [fe80::1]
[fec0::1] [fc00::1] [fd00:ec2::254] [ff02::1] [100::1] [100:0:0:1::1] [2001:db8::1] [3fff::1] [5f00::1]
[4000::1] [2001:2::1] [2001:20::1] [::ffff:169.254.169.254] 10.0.0.0 10.0.0.1 10.128.0.1 10.255.255.255
172.16.0.1 172.24.0.1 172.31.255.255 192.168.0.1 192.168.255.255 100.64.0.1 100.100.100.200
100.127.255.255 169.254.0.1 169.254.169.254 169.254.170.2 168.63.129.16 0xa9fea9fe 2852039166 192.0.0.1
192.0.0.171 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255 192.88.99.1 a.localhost metadata.google.internal
`
  .trim()
  .split(/\s+/);

type EntryPoint = (t: TestContext, host: string) => Promise<unknown>;

const inner = [
  '127.0.0.1',
  '127.8.9.10',
  '10.0.0.1',
  '10.255.255.254',
  '172.16.5.4',
  '172.31.0.9',
  '192.168.1.254',
  '0.0.0.0',
]
  .concat([
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '100.64.1.1',
    '168.63.129.16',
    '192.0.0.192',
  ])
  .concat([
    '198.18.3.4',
    '224.0.0.251',
    '240.1.2.3',
    '255.255.255.255',
    '192.0.2.77',
    '203.0.113.9',
    '198.51.100.8',
  ]);

/** Other ways to write an IPv4 address into a URL. */
function waysToWrite(address: string): string[] {
  const bytes = address.split('.').map(Number);
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (n: number): string => n.toString(16);
  const octal = (n: number): string => `0${n.toString(8)}`;
  const pair = `${hex(a * 256 + b)}:${hex(c * 256 + d)}`;
  const wide = address.replace(/[0-9.]/g, (sign) =>
    sign === '.' ? '．' : String.fromCodePoint(+sign + 0xff10),
  );
  const escaped = address.replace(/./g, (sign) => `%${hex(sign.charCodeAt(0))}`);
  return `
    ${whole} 0x${hex(whole)} 0X${hex(whole).toUpperCase()} ${octal(whole)} ${wide} ${escaped} ${address}.
    ${a}.${(b * 256 + c) * 256 + d} ${a}.${b}.${c * 256 + d} ${bytes.map(octal).join('.')} 000${octal(a)}.${b}.${c}.${d}
    ${bytes.map((byte) => `0x${hex(byte)}`).join('.')} 0x${hex(a)}.${octal(b)}.${c}.${d}
    [::ffff:${address}] [::ffff:${pair}] [0:0:0:0:0:FFFF:${pair}] [::${address}] [::${pair}] [::ffff:0:${address}]
    [64:ff9b::${address}] [64:ff9b::${pair}] [64:ff9b:1::${pair}] [2002:${pair}::] [2001:0:${pair}::1]
    [2001:0:1:2:3:4:${pair}] [fe80::5efe:${address}]`
    .trim()
    .split(/\s+/);
}

const refusals = new Set<EgressFailure>(['address_refused', 'insecure_server', 'dns_failed']);

const everySpelling = [...spellings, ...inner, ...inner.flatMap(waysToWrite)];

/** The system's resolver for names of this machine; a cloud's own name without asking any network. */
const resolve: Resolve = async (host) =>
  host.endsWith('.internal') ? [{ address: '169.254.169.254', family: 4 }] : resolveBySystem(host);

const entryPoints = new Map<string, EntryPoint>([
  ['a plugin', (t, host) => startEgress(t, { resolve }).plugin('p', [])(get(`https://${host}`), never())],
  [
    'a plugin over http',
    (t, host) => startEgress(t, { resolve }).plugin('p', [])(get(`http://${host}`), never()),
  ],
  ['a document', (t, host) => startEgress(t, { resolve }).document()(get(`https://${host}:8443`), never())],
]);

for (const [name, enter] of entryPoints) {
  test(`security E13, N1: no spelling of an inner address is dialled for ${name}`, async (t) => {
    const dialled = spyOnSockets(t);
    for (const host of everySpelling) {
      const outcome = await enter(t, host).then(() => 'sent', failureOf);
      assert.ok(refusals.has(outcome as EgressFailure), `${host}: ${outcome}`);
    }
    assert.ok(everySpelling.length > 600);
    assert.deepEqual(dialled, []);
  });
}

const literals = [
  '127.0.0.1',
  '10.0.0.1',
  '169.254.169.254',
  '::1',
  '::ffff:7f00:1',
  'fd00::1',
  '64:ff9b::7f00:1',
  '::7f00:1',
];

for (const address of literals) {
  test(`security E3: a name that resolves to ${address} is refused`, async (t) => {
    const dialled = spyOnSockets(t);
    const egress = startEgress(t, { resolve: answering([address]) });
    const sent = egress.plugin('p', [])(get('https://inner.example'), never());
    assert.equal(await sent.then(() => 'sent', failureOf), 'address_refused');
    assert.deepEqual(dialled, []);
  });
}

test('security E4, F-P07: one inner answer among public ones refuses them all', async (t) => {
  const dialled = spyOnSockets(t);
  for (const answers of [
    ['192.0.66.2', '127.0.0.1'],
    ['127.0.0.1', '192.0.66.2'],
    ['2606:4700::1', '::1'],
  ]) {
    const egress = startEgress(t, { resolve: answering(answers) });
    const sent = egress.plugin('p', [])(get('https://mixed.example'), never());
    assert.equal(await sent.then(() => 'sent', failureOf), 'address_refused');
  }
  assert.deepEqual(dialled, []);
});

test('security E4, F-P06: a name that rebinds is judged again at each connect', async (t) => {
  const peer = await startPeer(t, (_request, response) =>
    response.setHeader('connection', 'close').end('ok'),
  );
  const answers = ['127.0.0.1', '10.0.0.1'];
  const egress = startEgress(t, { resolve: async () => [{ address: answers.shift() ?? '', family: 4 }] });
  const send = egress.plugin('p', [`127.0.0.1:${peer.port}`]);
  const request = get(`http://rebind.example:${peer.port}`);
  assert.equal(await readText((await send(request, never())).body), 'ok');
  assert.equal(await send(request, never()).then(() => 'sent', failureOf), 'address_refused');
});

test('security E4: exactly one lookup is made per connect, and its address is dialled', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  const dialled = spyOnSockets(t);
  const asked: string[] = [];
  const egress = startEgress(t, {
    resolve: async (host) => {
      asked.push(host);
      return [{ address: '127.0.0.1', family: 4 }];
    },
  });
  const send = egress.plugin('p', [`once.example:${peer.port}`]);
  await readText((await send(get(`http://once.example:${peer.port}`), never())).body);
  assert.deepEqual(asked, ['once.example']);
  assert.deepEqual(dialled, [`127.0.0.1 ${peer.port}`]);
});

test('security E4, F-P05: what the resolver calls an address must be one', async (t) => {
  for (const answer of ['localhost', 'fe80::1%lo', '127.1', '']) {
    const egress = startEgress(t, { resolve: answering([answer]) });
    const sent = egress.plugin('p', [])(get('https://odd.example'), never());
    assert.equal(await sent.then(() => 'sent', failureOf), 'address_refused');
  }
});

test('security E4: at most two lookups of plugins run at once', async (t) => {
  let running = 0;
  let most = 0;
  const egress = startEgress(t, {
    resolve: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((go) => setTimeout(go, 10));
      running -= 1;
      return [{ address: '10.0.0.1', family: 4 }];
    },
  });
  const sends = Array.from({ length: 8 }, (_, n) =>
    egress
      .plugin(`p${n}`, [])(get(`https://n${n}.example`), never())
      .then(() => 'sent', failureOf),
  );
  assert.deepEqual(new Set(await Promise.all(sends)), new Set(['address_refused']));
  assert.equal(most, 2);
});

test('security E2: plain http is refused unless host and port are allowed', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  const egress = startEgress(t, { resolve: answering(['192.0.66.2']) });
  const refused = egress.plugin('p', [])(get('http://public.example'), never());
  assert.equal(await refused.then(() => 'sent', failureOf), 'insecure_server');
  const allowed = egress.plugin('q', [`127.0.0.1:${peer.port}`])(get(peer.origin), never());
  assert.equal(await readText((await allowed).body), 'ok');
});

test('security E5: an entry holds for its own plugin and port alone', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  const egress = startEgress(t);
  const other = egress.plugin('p', [`127.0.0.1:${peer.port + 1}`])(get(peer.origin), never());
  assert.notEqual(await other.then(() => 'sent', failureOf), 'sent');
  const none = egress.plugin('q', [])(get(peer.origin), never());
  assert.equal(await none.then(() => 'sent', failureOf), 'insecure_server');
});

test('security E5: a refusal names the host and the missing entry', async (t) => {
  const egress = startEgress(t, { resolve: answering(['10.1.2.3']) });
  await assert.rejects(egress.plugin('p', [])(get('https://crm.corp:9000'), never()), {
    failure: 'address_refused',
    message: /crm\.corp is 10\.1\.2\.3.*"crm\.corp:9000"/,
  });
});

test('security E5: a metadata service needs its exact address, neither its range nor a name', async (t) => {
  const dialled = spyOnSockets(t);
  const egress = startEgress(t, { resolve: answering(['169.254.169.254']) });
  const range = egress.plugin('p', ['169.254.0.0/16:443'])(get('https://169.254.169.254'), never());
  assert.equal(await range.then(() => 'sent', failureOf), 'address_refused');
  const named = egress.plugin('q', ['meta.example:443'])(get('https://meta.example'), never());
  assert.equal(await named.then(() => 'sent', failureOf), 'address_refused');
  assert.deepEqual(dialled, []);
});

test('security E7: our own address is refused, for plugins and for upstreams', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  for (const host of ['127.0.0.1', '0.0.0.0', 'localhost', '[::]']) {
    const egress = startEgress(t, { own: () => [`${host}:${peer.port}`] });
    const upstream = egress.upstream('u', `${peer.origin}/v1`)(get(peer.origin), never());
    assert.equal(await upstream.then(() => 'sent', failureOf), 'loop_detected', host);
    const plugin = egress.plugin('p', [`127.0.0.1:${peer.port}`])(get(peer.origin), never());
    assert.equal(await plugin.then(() => 'sent', failureOf), 'loop_detected', host);
  }
  assert.equal(peer.connections(), 0);
});

test('security E7: another loopback address with our port is not ours, but 0.0.0.0 is', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  const other = startEgress(t, { own: () => [`[::1]:${peer.port}`, `127.0.0.2:${peer.port}`] });
  assert.equal(
    await readText((await other.upstream('u', peer.origin)(get(peer.origin), never())).body),
    'ok',
  );
  const vague = `http://0.0.0.0:${peer.port}`;
  const sent = startEgress(t, { own: () => [`127.0.0.1:${peer.port}`] }).upstream('u', vague)(
    get(vague),
    never(),
  );
  assert.equal(await sent.then(() => 'sent', failureOf), 'loop_detected');
});

test('security E1: an upstream is asked at its own origin alone', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  const send = startEgress(t).upstream('u', 'http://127.0.0.1:1/v1');
  assert.equal(await send(get(peer.origin), never()).then(() => 'sent', failureOf), 'address_refused');
});

test('security E1: what is no origin is refused', async (t) => {
  const egress = startEgress(t);
  for (const origin of [
    'ftp://a.example',
    'file:///etc/passwd',
    'https://u:p@a.example',
    'https://a.example/x',
    'a.example',
    '',
  ]) {
    const sent = egress.plugin('p', [])(get(origin), never());
    assert.equal(await sent.then(() => 'sent', failureOf), 'address_refused', origin);
  }
});

test('the spy sees what is dialled', async (t) => {
  const peer = await startPeer(t, (_request, response) => response.end('ok'));
  const dialled = spyOnSockets(t);
  await readText((await startEgress(t).upstream('u', peer.origin)(get(peer.origin), never())).body);
  assert.deepEqual(dialled, [`127.0.0.1 ${peer.port}`]);
});

function answering(addresses: string[]) {
  return async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
}

function failureOf(error: Error & { failure?: string }): string {
  return error.failure ?? `${error.name}: ${error.message}`;
}
