// `plugin-gateway check` and `functions`.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { main } from '../../src/main.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { recordTerminal } from './recording-terminal.ts';

interface Finding {
  code: string;
  severity: string;
  pointer: string;
  line: number | null;
  message: string;
  fix: string | null;
}

interface Row {
  path: string;
  name: string;
  state: string;
  functions: number;
  tokens: number;
  diagnostics: Finding[];
  usability: { score: number | null; reasons: { code: string; points: number; message: string }[] };
}

async function call(...args: string[]) {
  const terminal = recordTerminal();
  return { code: await main(args, terminal), out: terminal.out(), err: terminal.err() };
}

async function check(...args: string[]): Promise<{ code: number; rows: Row[] }> {
  const { code, out, err } = await call('check', ...args, '--json', '--offline');
  assert.ok(out, err);
  return { code, rows: JSON.parse(out) };
}

const manifest = {
  schema_version: 'v1',
  name_for_model: 'clock',
  name_for_human: 'Clock',
  description_for_model: 'Tells the time.',
  description_for_human: 'Tells the time.',
  auth: { type: 'none' },
  api: { type: 'openapi', url: 'https://clock.example.com/openapi.yaml' },
  logo_url: 'https://clock.example.com/logo.png',
  contact_email: 'a@example.com',
  legal_info_url: 'https://clock.example.com/legal',
};
const document =
  'openapi: 3.0.0\ninfo: { title: Clock, version: "1" }\npaths:\n  /time:\n    get:\n      operationId: getTime\n' +
  '      responses: { "200": { description: ok } }\n';

async function folder(context: TestContext, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'check-'));
  context.after(() => rm(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

test('the sample plugins have no warning; their functions and tokens are counted', async () => {
  const { code, out } = await call('check', 'well-known', '--json');
  const rows: Row[] = JSON.parse(out);
  assert.equal(code, 0);
  assert.deepEqual(
    rows.map(({ name, state, functions }) => [name, state, functions]),
    [
      ['bookshop', 'ok', 4],
      ['converter', 'ok', 2],
      ['todo', 'ok', 4],
    ],
  );
  for (const row of rows) {
    assert.deepEqual(Object.keys(row), [
      'path',
      'name',
      'state',
      'functions',
      'tokens',
      'diagnostics',
      'usability',
    ]);
    assert.equal(row.usability.score, 100);
    assert.ok(row.tokens > 100);
    for (const { severity } of row.diagnostics) assert.equal(severity, 'info');
  }
});

test('M22: a document beside ai-plugin.json is read as if served from api.url', async (context) => {
  const root = await folder(context, {
    'clock/ai-plugin.json': JSON.stringify(manifest),
    'clock/openapi.yaml': document,
  });
  const { code, rows } = await check(root);
  assert.equal(code, 0);
  assert.equal(rows.length, 1);
  assert.equal(rows[0]?.name, 'clock');
  assert.equal(rows[0]?.functions, 1);
});

test('M2: an error in one manifest is reported with its line; the others stay', async (context) => {
  const root = await folder(context, {
    'broken.json': '{\n  "schema_version": "v1",\n  oops\n}',
    'clock.json': JSON.stringify({ ...manifest, api: { type: 'openapi', url: 'clock.yaml' } }),
    'openapi/clock.yaml': document.replace(
      'paths:',
      'servers: [{ url: "https://clock.example.com" }]\npaths:',
    ),
  });
  const { code, rows } = await check(root);
  assert.equal(code, 1);
  assert.deepEqual(
    rows.map(({ state }) => state),
    ['error', 'ok'],
  );
  const finding = rows[0]?.diagnostics.find(({ severity }) => severity === 'error');
  assert.equal(finding?.line, 3);
});

test('a bare document is checked as a plugin without a manifest', async (context) => {
  const root = await folder(context, {
    'api.yaml': document.replace('paths:', 'servers: [{ url: "https://a.example.com" }]\npaths:'),
  });
  const { rows } = await check(join(root, 'api.yaml'));
  assert.deepEqual(
    rows.map(({ name, functions }) => [name, functions]),
    [['Clock', 1]],
  );
});

test('a folder of documents without manifests is checked document by document', async (context) => {
  const api = document.replace('paths:', 'servers: [{ url: "https://a.example.com" }]\npaths:');
  const root = await folder(context, {
    'a.yaml': api,
    'b.json': JSON.stringify({ openapi: '3.0.0', info: { title: 'B' }, paths: {} }),
    'compose.yaml': 'services: {}',
  });
  const { code, rows } = await check(root);
  assert.equal(code, 1);
  assert.deepEqual(
    rows.map(({ name, functions }) => [name, functions]),
    [
      ['Clock', 1],
      ['B', 0],
    ],
  );
  await writeFile(join(root, 'clock.json'), JSON.stringify(manifest));
  assert.deepEqual(
    (await check(root)).rows.map(({ name }) => name),
    ['B', 'clock'],
  );
});

test('where there is nothing to check, or no function, that is said', async (context) => {
  const root = await folder(context, { 'sub/readme.txt': '' });
  for (const command of ['check', 'functions']) {
    const { code, err } = await call(command, root);
    assert.equal(code, 1);
    assert.match(err, /^There is no manifest \(\*\.json\) and no OpenAPI document in .*check-/);
  }
  assert.deepEqual(await check(root), { code: 1, rows: [] });
  const bare = await folder(context, { 'a.yaml': 'openapi: 3.0.0\npaths: {}\n' });
  const { code, err } = await call('functions', bare);
  assert.equal(code, 1);
  assert.match(err, /warning no-operations {2}.*a\.yaml:2 {2}\/paths/);
});

test('with --offline nothing is fetched: a document by URL is an error', async (context) => {
  const root = await folder(context, { 'clock.json': JSON.stringify(manifest) });
  const { code, rows } = await check(root);
  assert.equal(code, 1);
  assert.match(rows[0]?.diagnostics[0]?.message ?? '', /--offline/);
});

test('findings are printed with severity, code, place and advice', async (context) => {
  const root = await folder(context, {
    'clock.json': JSON.stringify({ ...manifest, name_for_human: undefined }),
  });
  const { code, out } = await call('check', root, '--offline');
  assert.equal(code, 1);
  assert.match(out, /error field-missing {2}.*clock\.json/);
  assert.match(out, /name_for_human/);
  assert.match(out, /Fix: Write the field/);
  assert.match(out, /1 plugin: 1 error/);
});

const bare = document.replace(
  'paths:',
  'servers: [{ url: "https://clock.example.com" }]\npaths:\n  /zones:\n    get:\n      operationId: getTimes',
);

test('the score stands in the table, each reason in a line; --json has both', async (context) => {
  const root = await folder(context, {
    'clock/ai-plugin.json': JSON.stringify(manifest),
    'clock/openapi.yaml': bare,
  });
  const { out } = await call('check', root, '--offline');
  assert.match(out, /^plugin +state +functions +tokens +score +findings$/m);
  assert.match(out, /^clock +ok +2 +\d+ +55$/m);
  assert.match(
    out,
    /score 55 of 100\n {4}-30: 2 of 2 functions have neither summary nor description: getTimes, getTime/,
  );
  const { rows } = await check(root);
  assert.deepEqual(
    rows[0]?.usability.reasons.map(({ code, points }) => [code, points]),
    [
      ['no-description', 30],
      ['names-alike', 15],
    ],
  );
});

test('many findings of one kind are cut to three, in long lists infos too, unless --all is given', async (context) => {
  const paths = ['a', 'b', 'c', 'd', 'e']
    .map((name) => `  ${name}:\n    get: { operationId: ${name} }\n`)
    .join('');
  const text = `openapi: 3.0.0\nservers: [{ url: "https://clock.example.com" }]\npaths:\n${paths}`;
  const files = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [
        [`${at}/ai-plugin.json`, JSON.stringify({ ...manifest, extra: 1 })],
        [`${at}/openapi.yaml`, text],
      ]).flat(),
    );
  const one = await folder(context, files(1));
  const some = (await call('check', one, '--offline')).out;
  assert.equal(some.match(/path-repaired/g)?.length, 3);
  assert.match(some, /2 more of this kind; --all shows them/);
  assert.match(some, /unknown-key/);
  const all = (await call('check', one, '--offline', '--all')).out;
  assert.equal(all.match(/path-repaired/g)?.length, 5);
  const long = (await call('check', await folder(context, files(12)), '--offline')).out;
  assert.doesNotMatch(long, /unknown-key|score \d/);
  assert.match(long, /12 plugins: 12 warning/);
});

test('at 80 columns no line of the report is longer, whatever the paths and pointers are', async (context) => {
  const deep = `${'quite-long/'.repeat(10)}clock`;
  const path = `/${'segment/'.repeat(30)}`;
  const root = await folder(context, {
    [`${deep}/ai-plugin.json`]: JSON.stringify({
      ...manifest,
      name_for_model: 'n'.repeat(50),
      [`k${'e'.repeat(90)}y`]: 1,
    }),
    [`${deep}/openapi.yaml`]: document.replace('/time:', `${path.slice(1)}:`),
  });
  const terminal = recordTerminal({}, 80);
  await main(['check', root, '--offline'], terminal);
  const lines = terminal.out().split('\n');
  assert.ok(lines.length > 8);
  for (const line of lines) assert.ok(line.length <= 80 || !line.trim().includes(' '), line);
});

test('progress is told while a long list is read, and gone at the end', async (context) => {
  const names = Array.from({ length: 12 }, (_, at) => `${at}.json`);
  const root = await folder(
    context,
    Object.fromEntries(names.map((name) => [name, JSON.stringify(manifest)])),
  );
  const terminal = recordTerminal();
  await main(['check', root, '--offline'], terminal);
  assert.deepEqual(terminal.steps, names.map((_, at) => `${at + 1} of 12 plugins read`).concat(''));
  assert.doesNotMatch(terminal.out() + terminal.err(), /plugins read/);
  const short = recordTerminal();
  await main(['check', 'well-known', '--offline'], short);
  assert.deepEqual(short.steps, ['']);
});

test('functions are printed byte for byte as they are injected, or as a table', async () => {
  const { code, out } = await call('functions', 'well-known/todo.json', '--json');
  assert.equal(code, 0);
  const definitions: { type: string; function: { name: string } }[] = JSON.parse(out);
  assert.deepEqual(
    definitions.map((one) => one.function.name),
    ['todo__listTodos', 'todo__addTodo', 'todo__deleteTodo', 'todo__completeTodo'],
  );
  const table = await call('functions', 'well-known/converter.json');
  assert.match(table.out, /converter__convertUnits {2}GET \/convert {2}\d+ tokens/);
  assert.doesNotMatch(table.out, /digits/, 'M15: an overridden parameter is hidden');
  for (const line of table.out.split('\n')) assert.ok(line.length <= 100, line);
});

test('every manifest of the old store loads or says why not', needsShared, async () => {
  const { code, rows } = await check(join(sharedFolder() ?? '', 'corpus/store'));
  assert.equal(code, 1);
  assert.equal(rows.length, 567);
  for (const row of rows) {
    const errors = row.diagnostics.filter(({ severity }) => severity === 'error');
    assert.ok(row.state !== 'error' || errors.length > 0, row.path);
    assert.ok(row.functions > 0 || row.state === 'error', row.path);
  }
  assert.ok(rows.filter(({ state }) => state !== 'error').length >= 488);
});
