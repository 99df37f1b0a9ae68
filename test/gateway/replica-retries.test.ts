// A client that asks again at another replica gets the run it has: no plugin request leaves twice (T4 to T6).
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { doneEvent, encodeEvent } from '../../src/openai/event-stream.ts';
import { openWay } from '../cut-off.ts';
import { needsPostgres, type TestDatabase } from '../postgres.ts';
import { modes, textOf, type Mode } from './ask.ts';
import { eventsOf, foldStream } from './clean-answer.ts';
import { says, type Call } from './dialects.ts';
import { toolResults, type TestGateway } from './gateway.ts';
import { startGatewayProcess } from './gateway-process.ts';
import { answerJson, type PluginHandler } from './loopback-plugin.ts';
import { answerBytes, answerError, hang, type Script } from './loopback-upstream.ts';
import { weatherPlugin, writePlugins } from './plugin-folder.ts';
import { prepareReplicas, storeKey, type Replicas } from './replicas.ts';

const alert: Call = { id: 'call_post', name: 'weather__addAlert', arguments: '{"city":"Oslo"}' };
const oslo: Call = { id: 'call_get', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const marked = { 'x-stainless-retry-count': '1' };
const named = { 'idempotency-key': 'a-key-of-the-client' };
const unknown =
  'The outcome of this call is unknown: it was sent and may have been carried out. Do not repeat it without asking the user.';

const bodyOf = (mode: Mode, text = 'How is Oslo?') => ({
  model: 'm',
  messages: [{ role: 'user', content: text }],
  stream: mode === 'stream',
});

async function answered(response: Response, mode: Mode): Promise<unknown> {
  const raw = await response.text();
  return textOf(mode === 'stream' ? foldStream(eventsOf(raw)) : JSON.parse(raw));
}

/** A plugin whose answers wait until the test lets them go. */
function heldPlugin(): { api: PluginHandler; release: () => void } {
  const gate = Promise.withResolvers<void>();
  const api: PluginHandler = async (_request, response) => {
    await gate.promise;
    response.end('{"done":true}');
  };
  return { api, release: () => gate.resolve() };
}

/** Sends a request and goes away after `until`. */
async function abandon(
  gateway: TestGateway,
  mode: Mode,
  until: Promise<unknown>,
  headers: Record<string, string> = {},
): Promise<void> {
  const leaving = new AbortController();
  const gone = gateway
    .post(bodyOf(mode), headers, leaving.signal)
    .then((response) => response.text())
    .catch(() => undefined);
  await until;
  leaving.abort();
  await gone;
}

const posts = ({ api }: Replicas) => api.requests.filter(({ method }) => method === 'POST').length;

/** Waits until the only record is in this state. */
async function recorded({ query }: TestDatabase, state: string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    const rows = await query('SELECT state FROM run_record');
    if (rows.length === 1 && rows[0]?.['state'] === state) return;
    await wait(25);
  }
  assert.fail(`no run became ${state}`);
}

/** The first answer calls, the second never comes, the third is the last. */
const cutInStepTwo = (call: Call): Script => {
  const answers = [says({ calls: [call] }), hang, says({ text: 'Done.' })];
  return (_request, number) => answers[number] ?? says({ text: 'Asked too often.' });
};

function inBothModes(name: string, run: (t: TestContext, mode: Mode) => Promise<void>): void {
  for (const mode of modes) test(`${name}, ${mode}`, (t) => run(t, mode));
}

describe('retries at another replica', needsPostgres, () => {
  for (const [what, first, second] of [
    ['a retry', {}, marked],
    ['an Idempotency-Key', named, named],
  ] as const) {
    inBothModes(`T6: ${what} waits for a run that another replica has, then gets it`, async (t, mode) => {
      const { api, release } = heldPlugin();
      const script = [says({ calls: [alert] }), says({ text: 'Done.' })];
      const replicas = await prepareReplicas(t, { script, api });
      const [a, b] = [await replicas.start(), await replicas.start()];
      const before = a.post(bodyOf(mode), first);
      await replicas.api.next();
      const after = b.post(bodyOf(mode), second);
      await b.logged('run joined');
      release();
      assert.equal(await answered(await before, mode), 'Done.');
      assert.equal(await answered(await after, mode), 'Done.');
      assert.equal(a.wire[0]?.text(), b.wire[0]?.text());
      assert.equal((await before).headers.get('x-request-id'), (await after).headers.get('x-request-id'));
      assert.equal(posts(replicas), 1);
      assert.equal(replicas.upstream.chats.length, 2);
    });

    inBothModes(`T6: ${what} gets the answer of a run that has ended, byte for byte`, async (t, mode) => {
      const script = [says({ calls: [alert] }), says({ text: 'Done.' })];
      const replicas = await prepareReplicas(t, { script });
      const [a, b] = [await replicas.start(), await replicas.start()];
      const before = await a.post(bodyOf(mode), first);
      assert.equal(await answered(before, mode), 'Done.');
      await recorded(replicas.database, 'done');
      const after = await b.post(bodyOf(mode), second);
      assert.equal(await answered(after, mode), 'Done.');
      assert.equal(a.wire[0]?.text(), b.wire[0]?.text());
      for (const name of ['x-request-id', 'x-plugin-calls', 'openai-version', 'content-type'])
        assert.equal(after.headers.get(name), before.headers.get(name), name);
      assert.equal(posts(replicas), 1);
      assert.equal(replicas.upstream.chats.length, 2);
    });

    inBothModes(`T5: ${what} takes up a run that was cut elsewhere`, async (t, mode) => {
      const replicas = await prepareReplicas(t, { script: cutInStepTwo(alert) });
      const [a, b] = [await replicas.start(), await replicas.start()];
      await abandon(a, mode, replicas.upstream.chat(1), first);
      await recorded(replicas.database, 'cut');
      assert.equal(await answered(await b.post(bodyOf(mode), second), mode), 'Done.');
      assert.equal(posts(replicas), 1);
      assert.equal(replicas.upstream.chats.length, 3);
      assert.deepEqual(replicas.upstream.chats[2]?.json, replicas.upstream.chats[1]?.json);
    });
  }

  test('T6: a stream too long to be kept for others is made again from its steps, without its calls', async (t) => {
    const event = (content: string) =>
      encodeEvent(
        JSON.stringify({
          id: 'chatcmpl-upstream',
          object: 'chat.completion.chunk',
          created: 1_700_000_000,
          model: 'm',
          choices: [{ index: 0, delta: { content }, finish_reason: content === '' ? 'stop' : null }],
        }),
      );
    const long = `${event('word ').repeat(10_000)}${event('')}${doneEvent}`;
    const tell = answerBytes(long, { contentType: 'text/event-stream' });
    const replicas = await prepareReplicas(t, { script: [says({ calls: [alert] }), tell, tell] });
    const [a, b] = [await replicas.start(), await replicas.start()];
    const words = 'word '.repeat(10_000);
    assert.equal(await answered(await a.post(bodyOf('stream'), marked), 'stream'), words);
    await recorded(replicas.database, 'cut');
    const [record] = await replicas.database.query('SELECT size FROM run_record');
    assert.ok(Number(record?.['size']) < 100_000, `${String(record?.['size'])} bytes`);
    assert.equal(await answered(await b.post(bodyOf('stream'), marked), 'stream'), words);
    assert.equal(posts(replicas), 1);
    assert.equal(replicas.upstream.chats.length, 3);
  });

  inBothModes(
    'T4: without a mark, a run that was cut elsewhere after a side effect is taken up',
    async (t, mode) => {
      const answers = [says({ calls: [alert] }), hang, says({ text: 'Not heard.' }), says({ text: 'Done.' })];
      const script: Script = (request, number) =>
        (request.json['messages'] as unknown[]).length > 2
          ? (answers[number === 1 ? 1 : 3] ?? hang)
          : says({ calls: [alert] });
      const replicas = await prepareReplicas(t, { script });
      const [a, b] = [await replicas.start(), await replicas.start()];
      await abandon(a, mode, replicas.upstream.chat(1));
      await recorded(replicas.database, 'cut');
      assert.equal(await answered(await b.post(bodyOf(mode)), mode), 'Done.');
      assert.equal(posts(replicas), 1);
      assert.deepEqual(toolResults(replicas.upstream.chats.at(-1)?.json ?? {}), [{ ok: true }]);
    },
  );

  inBothModes('T4: without a mark, an answer that was delivered is never given twice', async (t, mode) => {
    const script: Script = (_request, number) =>
      says(number % 2 === 0 ? { calls: [alert] } : { text: 'Done.' });
    const replicas = await prepareReplicas(t, { script });
    const gateways = [await replicas.start(), await replicas.start()];
    for (const gateway of gateways)
      assert.equal(await answered(await gateway.post(bodyOf(mode)), mode), 'Done.');
    assert.equal(posts(replicas), 2);
  });

  inBothModes('T6: two equal requests without a mark at once are two runs', async (t, mode) => {
    const script: Script = (request) =>
      says((request.json['messages'] as unknown[]).length > 2 ? { text: 'Done.' } : { calls: [alert] });
    const replicas = await prepareReplicas(t, { script });
    const gateways = [await replicas.start(), await replicas.start()];
    const answers = await Promise.all(gateways.map((gateway) => gateway.post(bodyOf(mode))));
    for (const answer of answers) assert.equal(await answered(answer, mode), 'Done.');
    assert.equal(posts(replicas), 2);
  });

  inBothModes('T5: a call that is open at the cut is awaited where it is', async (t, mode) => {
    const { api, release } = heldPlugin();
    const script = [says({ calls: [alert] }), says({ text: 'Done.' })];
    const replicas = await prepareReplicas(t, { script, api });
    const [a, b] = [await replicas.start(), await replicas.start()];
    await abandon(a, mode, replicas.api.next());
    const again = b.post(bodyOf(mode), marked);
    await b.logged('run joined');
    release();
    assert.equal(await answered(await again, mode), 'Done.');
    assert.equal(posts(replicas), 1);
    assert.deepEqual(toolResults(replicas.upstream.chats[1]?.json ?? {}), [{ done: true }]);
  });

  inBothModes(
    'T4: an error after a side effect is given again, and says again not to retry (T1)',
    async (t, mode) => {
      const script: Script = (_request, number) =>
        number === 0 ? says({ calls: [alert] }) : answerError(400, 'bad_step');
      const replicas = await prepareReplicas(t, { script });
      const [a, b] = [await replicas.start(), await replicas.start()];
      for (const [gateway, headers] of [
        [a, {}],
        [b, marked],
      ] as const) {
        const response = await gateway.post(bodyOf(mode), headers);
        assert.match(await response.text(), /bad_step/);
        await recorded(replicas.database, 'failed');
        if (mode === 'stream') continue;
        assert.equal(response.status, 400);
        assert.equal(response.headers.get('x-should-retry'), 'false');
      }
      assert.equal(posts(replicas), 1);
    },
  );

  inBothModes('T3: the same Idempotency-Key with another request is a 400 everywhere', async (t, mode) => {
    const replicas = await prepareReplicas(t, { script: [says({ text: 'Done.' })] });
    const [a, b] = [await replicas.start(), await replicas.start()];
    await answered(await a.post(bodyOf(mode), named), mode);
    const response = await b.post(bodyOf(mode, 'Something else'), named);
    assert.equal(response.status, 400);
    assert.match(await response.text(), /idempotency_key_reused/);
  });

  inBothModes(
    'T4: a run that its client has begun again elsewhere makes no call any more',
    async (t, mode) => {
      const late = Promise.withResolvers<void>();
      const script: Script = (request, number) => async (asked, response) => {
        if (number === 0) await late.promise;
        const ends = (request.json['messages'] as unknown[]).length > 2;
        await says(ends ? { text: 'Done.' } : { calls: [alert] })(asked, response);
      };
      const replicas = await prepareReplicas(t, { script });
      const [a, b] = [await replicas.start(), await replicas.start()];
      const before = a.post(bodyOf(mode));
      await replicas.upstream.chat(0);
      assert.equal(await answered(await b.post(bodyOf(mode), marked), mode), 'Done.');
      late.resolve();
      assert.equal(await answered(await before, mode), 'Done.');
      assert.equal(posts(replicas), 1);
      const [result] = toolResults(replicas.upstream.chats.at(-1)?.json ?? {}) as {
        error?: { message: string };
      }[];
      assert.equal(result?.error?.message, unknown);
    },
  );

  inBothModes(
    'T6: with the database gone, requests are answered, retries of this replica too',
    async (t, mode) => {
      const script = [says({ calls: [alert] }), says({ text: 'Done.' })];
      const replicas = await prepareReplicas(t, { script });
      const way = await openWay(t, replicas.database.url);
      const a = await replicas.start({ store: { url: way.url, key: storeKey } });
      way.cut();
      for (const headers of [{}, marked]) {
        assert.equal(await answered(await a.post(bodyOf(mode), headers), mode), 'Done.');
      }
      assert.equal(posts(replicas), 1);
    },
  );

  for (const [what, headers] of [
    ['a retry', marked],
    ['a request without a mark', {}],
  ] as const) {
    inBothModes(`W9: a run that the stop of its replica cuts goes on elsewhere, ${what}`, async (t, mode) => {
      const replicas = await prepareReplicas(t, {
        script: (request, number) => {
          if (number === 1) return hang;
          return says(
            (request.json['messages'] as unknown[]).length > 2 ? { text: 'Done.' } : { calls: [alert] },
          );
        },
      });
      const [a, b] = [await replicas.start(), await replicas.start()];
      const before = a.post(bodyOf(mode)).then((response) => response.text());
      await replicas.upstream.chat(1);
      await a.app.close(0);
      assert.match(await before, /stopping/);
      assert.equal(await answered(await b.post(bodyOf(mode), headers), mode), 'Done.');
      assert.equal(posts(replicas), 1);
    });
  }

  test('T6: a request without a mark asks its upstream before the database answers', async (t) => {
    const replicas = await prepareReplicas(t, { script: [says({ text: 'Done.' })] });
    const way = await openWay(t, replicas.database.url);
    const a = await replicas.start({ store: { url: way.url, key: storeKey } });
    await answered(await a.post({ ...bodyOf('json'), model: 'warm' }), 'json').catch(() => {});
    way.freeze();
    const asked = replicas.upstream.chat(1);
    const answer = a.post(bodyOf('json')).then((response) => response.text());
    const late = wait(1_000, 'late', { ref: false });
    assert.notEqual(await Promise.race([asked, late]), 'late');
    await answer;
  });

  test('T6: a run without side effect leaves nothing in the database', async (t) => {
    const script = [says({ calls: [oslo] }), says({ text: 'Done.' })];
    const replicas = await prepareReplicas(t, { script });
    const a = await replicas.start();
    assert.equal(await answered(await a.post(bodyOf('json')), 'json'), 'Done.');
    await a.app.close();
    assert.deepEqual(await replicas.database.query('SELECT id FROM run_record'), []);
  });

  test('S4: nothing of a run is in the database in the clear', async (t) => {
    const script = [says({ calls: [alert] }), says({ text: 'canary-7731 is done.' })];
    const replicas = await prepareReplicas(t, { script, api: answerJson({ secret: 'canary-7731' }) });
    const a = await replicas.start();
    await answered(await a.post(bodyOf('json', 'canary-7731?')), 'json');
    await recorded(replicas.database, 'done');
    const rows = [
      ...(await replicas.database.query('SELECT * FROM run_record')),
      ...(await replicas.database.query('SELECT * FROM run_piece')),
      ...(await replicas.database.query('SELECT * FROM parked_part')),
    ];
    assert.ok(rows.length >= 3);
    for (const row of rows)
      for (const value of Object.values(row)) {
        const text = Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
        assert.ok(!text.includes('canary') && !text.includes('Oslo'));
      }
  });
});

describe('a replica that dies', needsPostgres, () => {
  async function start(t: TestContext, script: Script, api: PluginHandler = answerJson({ alert: 7 })) {
    const replicas = await prepareReplicas(t, { script, api });
    const folder = await writePlugins(t, [weatherPlugin(replicas.api.origin)]);
    const dying = await startGatewayProcess(t, {
      upstreams: [{ name: 'loopback', url: replicas.upstream.url, key: 'sk-of-the-gateway' }],
      plugins: { folder },
      egress: { allow: [replicas.api.host] },
      store: { url: replicas.database.url, key: storeKey },
    });
    const other = await replicas.start();
    const post = (mode: Mode, headers: Record<string, string> = {}) =>
      fetch(`${dying.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer sk-of-the-client', ...headers },
        body: JSON.stringify(bodyOf(mode)),
      })
        .then((response) => response.text())
        .catch(() => 'cut');
    /** What 15 seconds without a renewal do. */
    const leaseEnds = () => replicas.database.query('UPDATE run_record SET lease = lease - 15000');
    return { replicas, dying, other, post, leaseEnds };
  }

  inBothModes('T5: what it had finished stands, and the rest goes on elsewhere', async (t, mode) => {
    const { replicas, dying, other, post, leaseEnds } = await start(t, cutInStepTwo(alert));
    const gone = post(mode);
    await replicas.upstream.chat(1);
    await resultWritten(replicas.database);
    await dying.kill();
    await gone;
    const again = other.post(bodyOf(mode), marked);
    await other.logged('run joined');
    await leaseEnds();
    assert.equal(await answered(await again, mode), 'Done.');
    assert.equal(posts(replicas), 1);
    assert.deepEqual(replicas.upstream.chats[2]?.json, replicas.upstream.chats[1]?.json);
  });

  inBothModes(
    'T5: the outcome of a call that was open is unknown, and it is not made again',
    async (t, mode) => {
      const { api } = heldPlugin();
      const script = [says({ calls: [alert] }), says({ text: 'Hm.' })];
      const { replicas, dying, other, post, leaseEnds } = await start(t, script, api);
      const gone = post(mode, named);
      await replicas.api.next();
      await dying.kill();
      await gone;
      const again = other.post(bodyOf(mode), named);
      await other.logged('run joined');
      await leaseEnds();
      assert.equal(await answered(await again, mode), 'Hm.');
      assert.equal(posts(replicas), 1);
      const [result] = toolResults(replicas.upstream.chats[1]?.json ?? {}) as {
        error?: { message: string };
      }[];
      assert.equal(result?.error?.message, unknown);
    },
  );

  inBothModes(
    'T4: a request without a mark that comes at once makes no call a second time',
    async (t, mode) => {
      const script: Script = (request, number) =>
        (request.json['messages'] as unknown[]).length > 2
          ? number === 1
            ? hang
            : says({ text: 'Done.' })
          : says({ calls: [alert] });
      const { replicas, dying, other, post, leaseEnds } = await start(t, script);
      const gone = post(mode);
      await replicas.upstream.chat(1);
      await resultWritten(replicas.database);
      await dying.kill();
      await gone;
      const again = other.post(bodyOf(mode));
      // It asks its upstream, comes to the call, and finds a run that may be alive.
      await replicas.upstream.chat(2);
      await wait(300);
      assert.equal(posts(replicas), 1);
      await leaseEnds();
      assert.equal(await answered(await again, mode), 'Done.');
      assert.equal(posts(replicas), 1);
      assert.deepEqual(toolResults(replicas.upstream.chats.at(-1)?.json ?? {}), [{ alert: 7 }]);
    },
  );
});

/** Waits until the result of the first call is written: two rows, the call that leaves and its result. */
async function resultWritten({ query }: TestDatabase): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if ((await query('SELECT number FROM run_piece')).length > 1) return;
    await wait(25);
  }
  assert.fail('the result was never written');
}
