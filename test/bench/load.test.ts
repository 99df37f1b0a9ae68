// The load process of the benchmark, against servers that misbehave.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { startLoad } from '../../bench/load.ts';
import type { Way } from '../../bench/ways.ts';

const needsTaskset = { skip: existsSync('/usr/bin/taskset') ? false : 'needs taskset' };

async function open(context: TestContext, listener: RequestListener) {
  const stack = new AsyncDisposableStack();
  const server = createServer(listener).listen(0, '127.0.0.1');
  context.after(async () => {
    await stack.disposeAsync();
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const running = { forgetOutput: () => undefined } as unknown as Way['running'];
  return { runJob: await startLoad(stack), way: { name: 'server', origin, headers: {}, running } };
}

test(
  'at constant arrival a server that stalls makes all late that came meanwhile',
  needsTaskset,
  async (context) => {
    const stalled = Date.now() + 700;
    const { runJob, way } = await open(context, (_request, response) => {
      setTimeout(() => response.end('{}'), Math.max(0, stalled - Date.now()));
    });
    const { p50, p99 } = await runJob('arrivals', way, '{}', { perSecond: 50, seconds: 1 });
    assert.ok(p99 > 100_000, `those that came first waited: ${p99} µs`);
    assert.ok(p50 < p99, `the last ones did not: ${p50} µs`);
  },
);

test('a request that fails ends a job with what the server said', needsTaskset, async (context) => {
  const { runJob, way } = await open(context, (_request, response) => {
    response.writeHead(500).end('no, thanks');
  });
  await assert.rejects(
    runJob('exchanges', way, '{}', { count: 3, connections: 1 }),
    /server: Error: answered 500: no, thanks/,
  );
});

test(
  'a stream that lacks an event, has one twice, or ends early is not whole',
  needsTaskset,
  async (context) => {
    const numbers = [[1, 2], [1], [2, 1], [1, 1, 2], [1, 2]];
    const { runJob, way } = await open(context, (_request, response) => {
      const events = (numbers.pop() ?? []).map((at) => `data: {"content":"${at} at 1.0 "}\n\n`);
      response.end(`${events.join('')}data: [DONE]\n\n`);
    });
    const seen = await runJob('streams', way, '{}', { count: 5, perSecond: 100, events: 2 });
    assert.equal(seen.broken, 3);
  },
);
