// `plugin-gateway serve`, `chat`, `call` and `demo`, run for real on loopback.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { main } from '../../src/main.ts';
import { recordTerminal, type RecordingTerminal } from './recording-terminal.ts';

/** A port that was free a moment ago, so that tests do not meet on the samples' usual one. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A configuration of the sample plugins on free ports. */
async function writeConfig(context: TestContext, more = ''): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'serve-'));
  context.after(() => rm(folder, { recursive: true }));
  const samples = await freePort();
  const api = `http://127.0.0.1:${samples}`;
  const egress = `egress: ["127.0.0.1:${samples}"]`;
  const file = join(folder, 'gateway.yaml');
  const lines = [
    'listen: { port: 0 }',
    'store: { url: "memory:" }',
    `samples: { port: ${samples} }`,
    'plugins:',
    '  settings:',
    `    todo: { server: "${api}/todo", ${egress} }`,
    `    converter: { spec: "${api}/converter/openapi.json", ${egress} }`,
    `    bookshop: { server: "${api}/bookshop", credential: "\${SHOP_TOKEN}", ${egress} }`,
    more,
  ];
  await writeFile(file, lines.join('\n'));
  return file;
}

const environment = { SHOP_TOKEN: 'sample-bookshop-token', LOG_LEVEL: 'silent' };

/** Serves until the test ends; gives the base URL. */
async function serve(
  context: TestContext,
  config: string,
): Promise<{ url: string; terminal: RecordingTerminal }> {
  const terminal = recordTerminal(environment);
  const ended = main(['serve', '--config', config], terminal);
  context.after(async () => {
    terminal.stop();
    assert.equal(await ended, 0);
  });
  const deadline = AbortSignal.timeout(10_000);
  for (;;) {
    const url = /listens on (http:\S+)/.exec(terminal.out())?.[1];
    if (url) return { url, terminal };
    assert.equal(terminal.err(), '');
    await wait(10, undefined, { signal: deadline });
  }
}

test('serve prints address, upstream, plugins and a curl line that works', async (context) => {
  const { url, terminal } = await serve(context, await writeConfig(context));
  const out = terminal.out();
  assert.match(out, /upstreams +none: the embedded demo model/);
  for (const name of ['bookshop', 'converter', 'todo']) assert.match(out, new RegExp(`^${name} +ok `, 'm'));
  const [, address, body] = /curl (\S+) .* -d '(.*)'/.exec(out) ?? [];
  const headers = { 'content-type': 'application/json' };
  assert.ok(address?.startsWith(url));
  const answer = await fetch(address ?? '', { method: 'POST', headers, body: body ?? '' });
  const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
  assert.match(choices[0]?.message.content ?? '', /title milk, list shopping/);
});

test('chat writes the answer and then the plugin calls', async (context) => {
  const { url } = await serve(context, await writeConfig(context));
  const terminal = recordTerminal();
  assert.equal(await main(['chat', 'How many miles is 5 km?', '--url', url], terminal), 0);
  assert.match(
    terminal.out(),
    /result 3\.10686[^]*Plugin calls\n {2}converter\.convertUnits\(.*\)\n {4}200 in \d+ ms/,
  );
});

test('chat without a gateway says so in one line', async () => {
  const terminal = recordTerminal();
  const url = `http://127.0.0.1:${await freePort()}/v1`;
  assert.equal(await main(['chat', 'hello', '--url', url], terminal), 1);
  assert.match(terminal.err(), /^No gateway answers at .*npm start.*\n$/);
});

test('a port in use ends with code 78 and one line', async (context) => {
  const server = createServer().listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const terminal = recordTerminal(environment);
  const args = ['serve', '--config', await writeConfig(context), '--port', String(port)];
  assert.equal(await main(args, terminal), 78);
  assert.equal(
    terminal.err(),
    `listen.port (or PORT): port ${port} is in use, perhaps by another gateway. Choose another one.\n`,
  );
});

test('a wrong configuration ends with code 78 and a line for each fault', async (context) => {
  for (const [more, fault] of [
    ['budget: { steps: zero }', /gateway\.yaml:9: budget\.steps: /],
    ['upstream: []', /gateway\.yaml:9: .*upstream/],
    ['access: { consumers: [{ name: a, key: "${NO_SUCH_KEY}" }] }', /NO_SUCH_KEY/],
    ['egress: { allow: ["0.0.0.0/0"] }', /0\.0\.0\.0\/0/],
  ] as const) {
    const terminal = recordTerminal(environment);
    assert.equal(await main(['serve', '--config', await writeConfig(context, more)], terminal), 78, more);
    assert.match(terminal.err(), fault);
    assert.equal(terminal.err().trim().split('\n').length, 1, terminal.err());
  }
});

test('call prints the request and the result that the model reads', async (context) => {
  const config = await writeConfig(context);
  const terminal = recordTerminal(environment);
  const args = '{"value":5,"from":"km","to":"mile"}';
  assert.equal(await main(['call', 'converter', 'convertUnits', args, '--config', config], terminal), 0);
  assert.match(
    terminal.out(),
    /^GET http:\/\/127\.0\.0\.1:\d+\/converter\/convert\?value=5&from=km&to=mile&digits=6\n/,
  );
  assert.match(terminal.out(), /200 in \d+ ms\. The model reads:\n\{"value":5,"from":"km","result":3\.10686/);
});

test('S1: call --dry-run sends nothing and shows no secret', async (context) => {
  const config = await writeConfig(context);
  const terminal = recordTerminal(environment);
  const args = ['call', 'bookshop', 'placeOrder', '{"items":[{"bookId":"x"}]}', '--config', config];
  assert.equal(await main([...args, '--dry-run', '--user', 'alice'], terminal), 0);
  const out = terminal.out();
  assert.match(out, /^POST http/);
  assert.match(out, /^authorization: Bearer \*\*\*$/m);
  assert.match(out, /^x-customer: alice$/m);
  assert.match(out, /\{"items":\[\{"bookId":"x"\}\],"currency":"EUR"\}\n$/);
  assert.doesNotMatch(out, /sample-bookshop-token/);
});

test('call names what there is when a name is wrong, and says what is wrong with arguments', async (context) => {
  const config = await writeConfig(context);
  const cases = [
    [['clock', 'getTime'], 64, /no plugin "clock".*bookshop, converter, todo/],
    [['todo', 'getTime'], 64, /no operation "getTime".*listTodos, addTodo/],
    [['todo', 'addTodo', '{"due":"2030-01-01"}'], 1, /invalid_arguments.*title/],
    [['todo', 'addTodo', 'milk'], 1, /invalid_arguments/],
  ] as const;
  for (const [args, code, message] of cases) {
    const terminal = recordTerminal(environment);
    assert.equal(await main(['call', ...args, '--config', config], terminal), code, args.join(' '));
    assert.match(terminal.out() + terminal.err(), message);
  }
});

test('the demo chats for real, without the configuration and the key of this machine', async () => {
  const terminal = recordTerminal({
    OPENAI_API_KEY: 'sk-not-to-be-used',
    PLUGIN_GATEWAY_CONFIG: 'no/such/file',
  });
  assert.equal(await main(['demo'], terminal), 0, terminal.err());
  const out = terminal.out();
  assert.match(out, /Asked \(streaming\)/);
  assert.match(out, /Asked \(not streaming\)/);
  assert.match(out, /POST \/todo\/todos -> 201\n {6}x-list: shopping/);
  assert.match(out, /GET \/converter\/convert\?value=42\.195&from=km&to=mile&digits=6 -> 200/);
  assert.match(
    out,
    /bookshop\.placeOrder\(\{"items":\[\{"bookId":"harbour-light","quantity":2\}\]\}\) -> 201/,
  );
  assert.match(out, /DELETE \/todo\/todos\/99 -> 404/);
  assert.doesNotMatch(out, /sample-bookshop-token|sk-not-to-be-used/);
  for (const line of out.split('\n')) assert.ok(line.length <= 120, line);
});
