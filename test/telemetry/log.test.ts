// The log: what a record holds, and what never gets into one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createAudit } from '../../src/telemetry/audit.ts';
import { createLog, type LogOptions } from '../../src/telemetry/log.ts';
import { createScrubber } from '../../src/telemetry/secrets.ts';

function collect(options: Omit<LogOptions, 'destination'> = {}) {
  const lines: string[] = [];
  const { log } = createLog({ ...options, destination: { write: (line) => void lines.push(line) } });
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, records };
}

describe('records', () => {
  test('a record is one JSON line with level, time, fields and message', () => {
    const { log, lines, records } = collect();
    log.child({ run: 'r1' }).warn('slow plugin', { plugin: 'todo', milliseconds: 5 });
    assert.equal(lines.length, 1);
    const { time, ...rest } = records()[0] ?? {};
    assert.deepEqual(rest, { level: 'warn', run: 'r1', plugin: 'todo', milliseconds: 5, msg: 'slow plugin' });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
  });

  test('the level decides what is written', () => {
    const { log, records } = collect({ level: 'WARN' });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level);
    assert.deepEqual(
      records().map((record) => record['msg']),
      ['warn', 'error'],
    );
  });

  test('an unknown LOG_LEVEL reads as info and says so', () => {
    const { log, records } = collect({ level: 'loud' });
    log.info('x');
    assert.deepEqual(
      records().map((record) => record['level']),
      ['warn', 'info'],
    );
  });

  test('an error is reduced to type, code, message, stack and causes (S5)', () => {
    const { log, records } = collect();
    const cause = Object.assign(new TypeError('inner'), {
      code: 'ECONNRESET',
      config: { headers: { a: 'b' } },
    });
    log.error('failed', { error: new Error('outer', { cause }) });
    const error = records()[0]?.['error'] as Record<string, Record<string, unknown>>;
    assert.deepEqual(Object.keys(error), ['type', 'message', 'stack', 'cause']);
    assert.deepEqual(Object.keys(error['cause'] ?? {}), ['type', 'code', 'message', 'stack']);
  });

  test('texts, lists, mappings and depth are capped', () => {
    const { log, lines } = collect();
    let deep: unknown = 'end';
    for (let at = 0; at < 10_000; at += 1) deep = { deep };
    log.info('x'.repeat(1e6), {
      text: 'y'.repeat(1e6),
      list: Array.from({ length: 1e5 }, () => 1),
      map: Object.fromEntries(Array.from({ length: 1e4 }, (_, at) => [`k${at}`, at])),
      deep,
    });
    assert.ok((lines[0]?.length ?? 0) < 10_000, String(lines[0]?.length));
  });

  test('line ends and terminal escapes of a hostile text stay inside the record', () => {
    const { log, lines, records } = collect();
    log.info('a\r\nb\u001b[2Jc\u009b2Jd');
    // oxlint-disable-next-line no-control-regex -- the characters are what is looked for
    assert.doesNotMatch(lines[0]?.trimEnd() ?? '', /[\u0000-\u001f\u007f-\u009f]/);
    assert.match(String(records()[0]?.['msg']), /^a\r\nb/);
  });

  test('a cycle does not throw', () => {
    const { log, lines } = collect();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    log.info('x', cycle);
    assert.equal(lines.length, 1);
  });

  test('close writes everything to standard output', async () => {
    const script = `import { createLog } from '${new URL('../../src/telemetry/log.ts', import.meta.url).href}';
      const { log, close } = createLog(); for (let i = 0; i < 1000; i += 1) log.info('m' + i); await close();`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    await once(child, 'close');
    assert.equal(output.trim().split('\n').length, 1000);
  });
});

const canaries = [
  'sk-upstream-Zx81kq0PLm',
  'plugin/credential+with=signs&more',
  'client key ä ö \u{1f511} 9911',
  'pg-password-"quoted"\\backslash',
];

/** Every way in which a secret could be written. */
function written(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString('hex'),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    ...['', 'u', 'us', 'user:'].map((user) => Buffer.concat([Buffer.from(user), bytes]).toString('base64')),
    ...['', 'u', 'us', 'user:'].map((user) =>
      Buffer.concat([Buffer.from(user), bytes]).toString('base64url'),
    ),
  ];
}

describe('secrets (S6)', () => {
  test('a known secret is nowhere in the output, in any spelling and from any place', () => {
    for (const secret of canaries) {
      for (const form of written(secret)) {
        const { log, lines } = collect({ secrets: canaries });
        const error = Object.assign(new Error(`message ${form}`, { cause: new Error(`cause ${form}`) }), {
          code: form,
          config: { headers: { authorization: form } },
        });
        log
          .child({ bound: form })
          .error(`in the message: ${form}.`, { error, [form]: 1, list: [{ deep: form }] });
        const output = lines.join('');
        for (const search of written(secret)) {
          // The outermost characters of base64 depend on their neighbours; the core must be gone.
          const core = search.slice(3, -4);
          assert.ok(!output.includes(core), `${form} -> ${output}`);
        }
        assert.match(output, /in the message: /);
      }
    }
  });

  test('members named like secrets are redacted whatever they hold', () => {
    const { log, records } = collect();
    log.info('x', {
      headers: { Authorization: 'a', cookie: 'b', 'set-cookie': 'c', 'x-api-key': 'd', accept: 'e' },
      access_token: 'f',
      client_secret: 'g',
      password: 'h',
      credential: { a: 'i' },
      promptTokens: 5,
    });
    const { level, time, msg, ...rest } = records()[0] ?? {};
    const r = '[redacted]';
    assert.deepEqual([level, typeof time, msg], ['info', 'string', 'x']);
    assert.deepEqual(rest, {
      headers: { Authorization: r, cookie: r, 'set-cookie': r, 'x-api-key': r, accept: 'e' },
      access_token: r,
      client_secret: r,
      password: r,
      credential: r,
      promptTokens: 5,
    });
  });

  test('keys of callers, which nobody knows beforehand, are recognised by their form', () => {
    const scrub = createScrubber([]);
    assert.equal(scrub('Authorization: Bearer abcdefgh.ij-k rest'), 'Authorization: Bearer [redacted] rest');
    assert.equal(scrub('key sk-proj-abcdefgh1234 was wrong'), 'key [redacted] was wrong');
    assert.equal(scrub('Basic dXNlcjpwYXNz'), 'Basic [redacted]');
  });

  test('a secret of one character does not blank the whole text', () => {
    assert.equal(createScrubber(['a', ''])('banana'), 'banana');
  });

  test('no secret survives in any text around it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (secret, before, after) => {
        assert.ok(!createScrubber([secret])(`${before}${secret}${after}`).includes(secret));
      }),
    );
  });

  test('the time does not grow with the number of secrets', () => {
    const many = createScrubber(Array.from({ length: 2_000 }, (_, at) => `secret-number-${at}-${at * 7}`));
    const text = 'an ordinary line of a log '.repeat(40);
    const started = performance.now();
    for (let at = 0; at < 100; at += 1) many(text);
    assert.ok(performance.now() - started < 500);
  });
});

test('an audit record has its own fields and no others (S5)', () => {
  const { log, records } = collect();
  const record = {
    consumer: 'alice',
    plugin: 'todo',
    operation: 'addItem',
    function: 'todo__addItem',
    method: 'POST',
    origin: 'https://todo.example',
    status: 201,
    milliseconds: 12.6,
    bytes: 40,
    sideEffect: true,
  };
  createAudit({ log }).pluginCall({ ...record, arguments: 'private' } as typeof record);
  const { time, level, msg, ...rest } = records()[0] ?? {};
  assert.deepEqual([typeof time, level, msg], ['string', 'info', 'plugin call']);
  assert.deepEqual(rest, { audit: 'plugin-call', ...record, milliseconds: 13 });
});
