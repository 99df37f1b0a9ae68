// The examples of README and guides are run: commands, requests, client code, configuration.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createApp, type App } from '../../src/app.ts';
import { fillDefaults } from '../../src/config/defaults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema, type Config } from '../../src/config/schema.ts';
import { createSamplesApi } from '../../src/http/samples-api.ts';
import { lineOf } from '../../src/openapi/line.ts';
import { readStrict } from '../../src/openapi/yaml.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];

interface Block {
  page: string;
  language: string;
  code: string;
}

const blocks: Block[] = pages.flatMap((page) => {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    page,
    language,
    code,
  }));
});
const blocksOf = (language: string) => blocks.filter((block) => block.language === language);

/** The commands of the shell examples, continued lines joined. */
const commands = blocksOf('sh').flatMap(({ page, code }) =>
  code
    .replaceAll(/\\\n\s*/g, '')
    .trim()
    .split('\n')
    .map((command) => ({ page, command })),
);

describe('examples with a running gateway', () => {
  const samples = createSamplesApi();
  let app: App;
  let url = '';
  let folder = '';

  before(async () => {
    const api = await samples.listen({ host: '127.0.0.1', port: 0 });
    const egress = [new URL(api).host];
    const plugins = {
      folder: join(root, 'well-known'),
      settings: {
        todo: { server: `${api}/todo`, egress },
        converter: { spec: `${api}/converter/openapi.json`, egress },
        bookshop: { server: `${api}/bookshop`, egress },
      },
    };
    const given = { listen: { port: 0 }, upstreams: [], plugins, store: { url: 'memory:' } };
    app = await createApp(fillDefaults(configSchema, given) as Config);
    url = await app.listen();
    folder = await mkdtemp(join(root, 'test/docs/example-'));
  });
  after(async () => {
    await app.close(0);
    await samples.close();
    await rm(folder, { recursive: true });
  });

  const here = (code: string) => code.replaceAll('http://127.0.0.1:8080', url);

  for (const { page, command } of commands.filter((one) => one.command.startsWith('curl '))) {
    test(`${page}: ${command.slice(0, 60)}`, async (context: TestContext) => {
      const curl = await run('curl', ['--version']).catch(() => null);
      if (!curl) return context.skip('needs curl');
      const { stdout } = await run('sh', ['-c', here(command).replace('curl ', 'curl -sS ')]);
      const answer = JSON.parse(stdout) as object;
      assert.ok('choices' in answer || 'plugins' in answer, stdout);
    });
  }

  for (const [at, { page, code }] of blocksOf('js').entries()) {
    test(`${page}: the JavaScript example ${at + 1} prints an answer`, async () => {
      const file = join(folder, `example-${at}.mjs`);
      await writeFile(file, here(code));
      const { stdout } = await run(process.execPath, [file]);
      assert.match(stdout, /converter__convertUnits .* answered: value/);
    });
  }

  for (const { page, code } of blocksOf('python')) {
    test(`${page}: the Python example`, async (context: TestContext) => {
      const ready = await run('python3', ['-c', 'import openai']).catch(() => null);
      if (!ready) return context.skip('needs python3 with the package openai');
      const { stdout } = await run('python3', ['-c', here(code)]);
      assert.match(stdout, /converter__convertUnits .* answered: value/);
    });
  }
});

describe('commands', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const { page, command } of commands.filter((one) => one.command.startsWith('npm '))) {
    test(`${page}: ${command}`, () => {
      for (const part of command.split(' && ')) {
        const script = /^npm (?:run )?(\S+)$/.exec(part)?.[1] ?? '';
        assert.ok(script === 'ci' || script in scripts, part);
      }
    });
  }

  const own = new Set(commands.map((one) => one.command).filter((command) => command.startsWith('npx ')));
  for (const command of own) {
    test(command, async (context) => {
      const folder = await mkdtemp(join(tmpdir(), 'examples-'));
      context.after(() => rm(folder, { recursive: true }));
      const config = join(folder, 'gateway.yaml');
      await writeFile(config, await movedSamples());
      const line = command.replace('npx plugin-gateway', `"${process.execPath}" bin/plugin-gateway.js`);
      await run('sh', ['-c', line], { cwd: root, env: { ...process.env, PLUGIN_GATEWAY_CONFIG: config } });
    });
  }
});

/** The sample configuration on a free port, so that a gateway that runs on this machine is not in the way. */
async function movedSamples(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const text = readFileSync(join(root, 'config/gateway.yaml'), 'utf8');
  return text
    .replaceAll('4180', String(port))
    .replace('converter:\n', `converter:\n      spec: http://127.0.0.1:${port}/converter/openapi.json\n`);
}

const environment = {
  ALICE_KEY: 'alice-0123456789abcdef',
  REPORTS_KEY: 'reports-0123456789abcdef',
  OPENAI_API_KEY: 'sk-x',
  MAIN_KEY: 'sk-main',
  SPARE_KEY: 'sk-spare',
  STORE_PASSWORD: 'password',
  STORE_KEY: 'k'.repeat(64),
};

async function readConfiguration(text: string, context: TestContext): Promise<Config> {
  const folder = await mkdtemp(join(tmpdir(), 'examples-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gateway.yaml');
  await writeFile(file, text);
  return loadConfig({ file, environment, readStrict: (source) => ({ value: readStrict(source) }), lineOf });
}

for (const [at, { page, code }] of blocksOf('yaml').entries()) {
  test(`${page}: the YAML example ${at + 1} is valid`, async (context) => {
    if (code.startsWith('services:')) assert.ok(readStrict(code));
    else assert.ok(await readConfiguration(code, context));
  });
}

for (const [at, { page, code }] of blocksOf('json').entries()) {
  test(`${page}: the JSON example ${at + 1} is valid`, () => assert.ok(JSON.parse(code)));
}

test('the sample configuration is valid, also with its examples switched on', async (context) => {
  const text = readFileSync(join(root, 'config/gateway.yaml'), 'utf8');
  const config = await readConfiguration(text, context);
  assert.equal(config.samples?.port, 4180);
  assert.equal(config.upstreams.length, 1);
  // What is commented out begins like YAML does; prose begins with a word and goes on.
  const key = /^(\s*)# (?=\s*(?:- )?(?:\{|\w+:(?: |$)))/;
  const switched = text.split('\n').map((line) => line.replace(key, '$1'));
  const full = await readConfiguration(switched.join('\n').replace('BOOKSHOP_TOKEN', 'ALICE_KEY'), context);
  assert.deepEqual(
    full.upstreams.map((upstream) => upstream.name),
    ['openai', 'local'],
  );
  assert.equal(full.access.consumers[0]?.name, 'alice');
  assert.equal(full.plugins.settings['bookshop']?.params?.['currency'], 'GBP');
});

test('links lead to files that exist', () => {
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(join(root, dirname(page), target)), `${page}: ${target}`);
    }
  }
});
