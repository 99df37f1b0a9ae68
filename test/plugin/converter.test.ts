// Documents in a worker: the same result, bounded in time and memory, holding up nobody.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { convertDocument, rememberConversions, type ConversionJob } from '../../src/plugin/convert.ts';
import { createConverter, type ConverterOptions } from '../../src/plugin/converter.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { document } from './installed.ts';

function open(t: TestContext, options: ConverterOptions = {}) {
  const converter = createConverter(options);
  t.after(() => converter.close());
  return converter;
}

function job(content: unknown, kind: ConversionJob['kind'] = 'fetched'): ConversionJob {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const context = {
    documentUrl: null,
    manifestUrl: null,
    domain: null,
    server: null,
    operations: { include: [], exclude: [] },
    allowed: [],
  };
  return { bytes: Buffer.from(text), source: 'x.json', kind, context };
}

/** Each operation's schema doubles at every level: a small document that takes long to read (D5). */
function fanOut(operations: number) {
  const schemas: Record<string, unknown> = { a14: { type: 'string' } };
  for (let level = 0; level < 14; level += 1) {
    const $ref = `#/components/schemas/a${level + 1}`;
    schemas[`a${level}`] = { type: 'object', properties: { l: { $ref }, r: { $ref } } };
  }
  const schema = { properties: { a: { $ref: '#/components/schemas/a0' } } };
  const post = { requestBody: { content: { 'application/json': { schema } } } };
  const paths = Object.fromEntries(Array.from({ length: operations }, (_, at) => [`/${at}`, { post }]));
  return { openapi: '3.0.0', info: { title: 'fan' }, paths, components: { schemas } };
}

const codes = ({ diagnostics }: { diagnostics: readonly { code: string }[] }) =>
  diagnostics.map(({ code }) => code);

describe('in a worker', () => {
  test('D1: the result is the one that is read in process, frozen', async (t) => {
    const { convert } = open(t, { smallBytes: 0 });
    for (const content of [
      document('list'),
      { ...document('__proto__'), 'x-a': { ['__proto__']: 1 } },
      'openapi: 3.0.0\ninfo: {title: t}\npaths: {/a: {get: {operationId: a, parameters: [{in: query}]}}}',
      '<html>',
      '',
      'a: [',
    ]) {
      const result = await convert(job(content));
      assert.deepEqual(result, convertDocument(job(content)));
      for (const operation of result.operations) assert.ok(Object.isFrozen(operation.parameters));
    }
  });

  test('D1: so is that of real documents, in several portions', needsShared, async (t) => {
    const { convert } = open(t, { smallBytes: 0 });
    const store = `${sharedFolder()}/corpus/store`;
    const folders = readdirSync(store).filter((_, at) => at % 20 === 0);
    let compared = 0;
    for (const folder of folders) {
      const name = readdirSync(`${store}/${folder}`).find((file) => file.startsWith('openapi.'));
      if (name === undefined) continue;
      const text = readFileSync(`${store}/${folder}/${name}`, 'utf8');
      assert.deepEqual(await convert(job(text)), convertDocument(job(text)), folder);
      compared += 1;
    }
    assert.ok(compared > 20);
  });

  test('F-P44: a document that takes too long is refused, and the next one is read', async (t) => {
    const { convert } = open(t, { fetchedTime: 1000 });
    const slow = convert(job(fanOut(1000)));
    const next = convert(job(`${JSON.stringify(document('list'))}${' '.repeat(70_000)}`));
    assert.deepEqual(codes(await slow), ['document-limit']);
    assert.match((await slow).diagnostics[0]?.message ?? '', /takes more than 1 s/);
    assert.equal((await next).operations.length, 2);
  });

  test('D1: meanwhile other work has its turn', async (t) => {
    const { convert } = open(t, { fetchedTime: 1500 });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await convert(job(fanOut(1000)));
    delay.disable();
    assert.ok(delay.max / 1e6 < 1000, `${delay.max / 1e6} ms`);
  });

  test('B2: a small text is read at once, unless it has to be repaired: that is slow', async (t) => {
    const { convert } = open(t, { fetchedTime: 0 });
    const text = 'openapi: 3.0.0\nservers: [{ url: "https://x.example" }]\npaths: { /a: { get: {} } }\n';
    assert.deepEqual(codes(await convert(job(text))), ['yaml-in-json']);
    const refused = await convert(job(`${text}x-a\u0007: 1\n`));
    assert.deepEqual(codes(refused), ['document-limit']);
  });

  test('D1: one that takes too much memory is refused', async (t) => {
    const { convert } = open(t, { localTime: 60_000, heap: 32 });
    const large = { ...document('list'), 'x-large': Array.from({ length: 600_000 }, () => ({})) };
    const result = await convert(job(large, 'local'));
    assert.deepEqual(codes(result), ['document-limit']);
    assert.match(result.diagnostics[0]?.message ?? '', /takes more than 32 MiB/);
  });
});

test('D4: a document whose operations grow beyond the number of values is refused', () => {
  assert.equal(convertDocument(job(fanOut(3))).operations.length, 3);
  const result = convertDocument(job(fanOut(3)), { values: 5000 });
  assert.deepEqual(codes(result), ['document-limit']);
  assert.match(result.diagnostics[0]?.message ?? '', /more than 5000 values/);
});

test("D5: what the operations of the operator's own document share is counted once", () => {
  const $ref = '#/components/schemas/A';
  const post = { requestBody: { content: { 'application/json': { schema: { $ref } } } } };
  const properties = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`p${at}`, {}]));
  const paths = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`/${at}`, { post }]));
  const shared = { openapi: '3.0.0', paths, components: { schemas: { A: { properties } } } };
  const read = (kind: ConversionJob['kind']) => convertDocument(job(shared, kind), { values: 10_000 });
  assert.deepEqual(codes(read('fetched')), ['document-limit']);
  assert.equal(read('local').operations.length, 100);
});

test('an idle worker ends, and starts again when it is needed', async (t) => {
  const { convert } = open(t, { smallBytes: 0, idleTime: 1 });
  for (let times = 0; times < 3; times += 1) {
    assert.equal((await convert(job(document('list')))).operations.length, 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('after closing, documents are refused', async (t) => {
  const { convert, close } = open(t, { smallBytes: 0 });
  const reading = convert(job(document('list')));
  await close();
  assert.deepEqual(codes(await reading), ['document-limit']);
  assert.deepEqual(codes(await convert(job(document('list')))), ['document-limit']);
});

/** Converts one document in the worker of another process; its standard output. */
async function convertElsewhere(module: URL): Promise<string> {
  const script = `
    import { createConverter } from ${JSON.stringify(module)};
    const { convert } = createConverter({ smallBytes: 0, idleTime: 60_000 });
    const context = ${JSON.stringify(job('').context)};
    const bytes = Buffer.from(${JSON.stringify(JSON.stringify(document('list')))});
    const { operations } = await convert({ bytes, source: 'x', kind: 'local', context });
    console.log(operations.length);`;
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 });
  return stdout;
}

test('a worker holds up no exit', { timeout: 20_000 }, async () => {
  const module = new URL('../../src/plugin/converter.ts', import.meta.url);
  assert.equal(await convertElsewhere(module), '2\n');
});

test('the same bytes in the same context are converted once, until they are forgotten', async () => {
  let count = 0;
  const { convert, forget } = rememberConversions(async (one) => {
    count += 1;
    return convertDocument(one);
  });
  const first = await convert(job(document('list')));
  assert.equal(await convert(job(document('list'))), first);
  forget();
  assert.equal(await convert(job(document('list'))), first);
  assert.equal(count, 1);
  await convert(job(document('other')));
  forget();
  forget();
  await convert(job(document('list')));
  assert.equal(count, 3);
});
