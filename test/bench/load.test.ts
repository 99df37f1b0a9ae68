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
  return {
    runJob: await startLoad(stack),
    way: { name: 'server', ours: true, origin, headers: {}, running },
  };
}

test(
  'at constant arrival all who come while a server stalls are seen to wait',
  needsTaskset,
  async (context) => {
    let stalled: number | undefined;
    const { runJob, way } = await open(context, (_request, response) => {
      stalled ??= Date.now() + 500;
      setTimeout(() => response.end('{}'), Math.max(0, stalled - Date.now()));
    });
    // Half of the requests come during the stall; one that waited for answers would send a single one.
    const { p90 } = await runJob('arrivals', way, '{}', { perSecond: 50, seconds: 1 });
    assert.ok(p90 > 200_000, `${p90} µs`);
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
