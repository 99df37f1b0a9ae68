// The configuration from file and environment.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { findConfigFile, loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import type { Config } from '../../src/config/schema.ts';
import { lineOf } from '../../src/openapi/line.ts';
import { readStrict } from '../../src/openapi/yaml.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-config-'));
});
after(() => rm(folder, { recursive: true }));

async function read(text: string, environment: Record<string, string> = {}): Promise<Config> {
  const file = join(folder, 'gateway.yaml');
  await writeFile(file, text);
  return loadConfig({ file, environment, readStrict: (yaml) => ({ value: readStrict(yaml) }), lineOf });
}

async function problemsOf(
  text: string,
  environment: Record<string, string> = {},
): Promise<readonly string[]> {
  const error: unknown = await read(text, environment).then(
    () => assert.fail('the configuration was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ConfigError, String(error));
  return error.problems.map((problem) => problem.replace(join(folder, 'gateway.yaml'), 'gateway.yaml'));
}

describe('defaults', () => {
  test('an empty file gives the documented defaults', async () => {
    const config = await read('');
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8080, jsonKeepAlive: false });
    assert.deepEqual(config.plugins.folder, 'well-known');
    assert.deepEqual(config.budget, {
      steps: 10,
      calls: 64,
      parallel: 8,
      seconds: 300,
      resultCharacters: 100_000,
      tokens: 'perRun',
    });
    assert.deepEqual(config.store, { url: 'sqlite:data/gateway.db' });
    assert.deepEqual(config.access, { consumers: [] });
    assert.deepEqual(config.upstreams, []);
    assert.equal(config.samples, undefined);
  });

  test('defaults are filled inside lists and mappings', async () => {
    const config = await read(
      'upstreams: [{name: a, url: "http://x/v1"}]\nplugins: {settings: {todo: {spec: a.yaml}}}',
    );
    assert.deepEqual(config.upstreams[0]?.models, ['*']);
    assert.equal(config.plugins.settings['todo']?.timeout, '45s');
    assert.deepEqual(config.plugins.settings['todo']?.operations, { include: [], exclude: [] });
  });

  test('the value is frozen at every depth', async () => {
    const config = await read('plugins: {settings: {todo: {params: {a: {b: [1]}}}}}');
    const seen: unknown[] = [config];
    for (const value of seen) {
      if (typeof value !== 'object' || value === null) continue;
      assert.ok(Object.isFrozen(value));
      seen.push(...Object.values(value));
    }
    assert.ok(seen.length > 30);
  });

  test('a plugin named like a member of Object has no settings by accident (D8)', async () => {
    const config = await read('plugins: {settings: {todo: {}}}');
    for (const name of ['constructor', '__proto__', 'toString']) {
      assert.equal(config.plugins.settings[name], undefined, name);
    }
  });
});

describe('upstreams', () => {
  test('without a file OPENAI_API_KEY means the API of OpenAI', async () => {
    const config = await read('', { OPENAI_API_KEY: 'sk-1' });
    assert.deepEqual(config.upstreams, [
      { name: 'openai', url: 'https://api.openai.com/v1', key: 'sk-1', models: ['*'] },
    ]);
  });

  test('an empty OPENAI_API_KEY counts as not set', async () => {
    assert.deepEqual((await read('', { OPENAI_API_KEY: '' })).upstreams, []);
  });

  test('configured upstreams are never replaced', async () => {
    const text = 'upstreams: [{name: local, url: "http://127.0.0.1:1/v1"}]';
    assert.deepEqual(
      (await read(text, { OPENAI_API_KEY: 'sk-1' })).upstreams.map((upstream) => upstream.name),
      ['local'],
    );
    assert.deepEqual((await read('upstreams: []', { OPENAI_API_KEY: 'sk-1' })).upstreams, []);
  });

  test('consumers beside an upstream without a key refuse the start (S3)', async () => {
    const problems = await problemsOf(
      'upstreams:\n  - name: a\n    url: http://x/v1\naccess:\n  consumers:\n    - {name: alice, key: 0123456789abcdef}',
    );
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /upstreams\[0\]: the upstream "a" needs a key/);
  });

  test('two upstreams or consumers of one name, or one key, are refused', async () => {
    const problems = await problemsOf(
      [
        'upstreams: [{name: a, url: "http://x", key: k}, {name: a, url: "http://y", key: k}]',
        'access: {consumers: [{name: alice, key: 0123456789abcdef}, {name: alice, key: 0123456789abcdef}]}',
      ].join('\n'),
    );
    assert.equal(problems.length, 3);
    assert.ok(problems.every((problem) => !problem.includes('0123456789abcdef')));
  });
});

describe('faults', () => {
  test('an unknown key names path, line and the key that was meant', async () => {
    assert.deepEqual(await problemsOf('listen:\n  host: 0.0.0.0\n  prot: 1'), [
      'gateway.yaml:3: listen.prot: unknown key; did you mean "port"?',
    ]);
  });

  test('an unknown key that resembles none lists the known ones', async () => {
    assert.deepEqual(await problemsOf('listen: {address: 1}'), [
      'gateway.yaml:1: listen.address: unknown key; known here: host, port, jsonKeepAlive',
    ]);
  });

  test('all faults are listed at once, each in words', async () => {
    assert.deepEqual(
      await problemsOf(
        [
          'listen: {port: "8080"}',
          'upstreams: [{name: ""}]',
          'plugins:',
          '  settings:',
          '    todo: {timeout: soon, credential: 5, changes: never}',
          'budget: {steps: 0, seconds: 0, calls: 5000}',
          'store: {url: "redis://x"}',
          'samples: {}',
          'egress: {allow: one}',
          'access: {consumers: [{name: a, key: short}]}',
          'upstream: []',
        ].join('\n'),
      ),
      [
        'gateway.yaml:1: listen.port: must be a whole number, is text',
        'gateway.yaml:2: upstreams[0]: lacks "url"',
        'gateway.yaml:2: upstreams[0].name: must not be empty',
        'gateway.yaml:5: plugins.settings.todo.credential: is not valid: The secret sent to the plugin. A map names one per security scheme of the document.',
        'gateway.yaml:5: plugins.settings.todo.timeout: has the wrong form; write it like 45s',
        'gateway.yaml:5: plugins.settings.todo.changes: must be one of safe, approve, automatic',
        'gateway.yaml:8: samples: lacks "port"',
        'gateway.yaml:9: egress.allow: must be a list, is text',
        'gateway.yaml:10: access.consumers[0].key: must have at least 16 characters',
        'gateway.yaml:6: budget.steps: must be at least 1',
        'gateway.yaml:6: budget.calls: must be at most 1000',
        'gateway.yaml:6: budget.seconds: must be more than 0',
        'gateway.yaml:7: store.url: has the wrong form; write it like sqlite:data/gateway.db',
        'gateway.yaml:11: upstream: unknown key; did you mean "upstreams"?',
      ],
    );
  });

  test('a timeout that is none, or longer than a timer can be, is a fault', async () => {
    for (const timeout of ['0s', '0', '45', '1h', '-1s', '1.5s', '99999m', '1e3s', 's']) {
      const problems = await problemsOf(`plugins: {settings: {todo: {timeout: "${timeout}"}}}`);
      assert.match(problems[0] ?? '', /timeout: has the wrong form; write it like 45s/, timeout);
    }
  });

  test('a message never repeats a value, which may be a secret (S1)', async () => {
    const canary = 'canary-51f0a9';
    const problems = await problemsOf(
      [
        'listen: {port: "${SECRET}"}',
        'upstreams: [{name: a, url: "${SECRET}"}]',
        'plugins: {settings: {todo: {changes: "${SECRET}", timeout: "${SECRET}", params: "${SECRET}"}}}',
        'access: {consumers: [{name: a, key: "${SECRET}"}, {name: b, key: 5}]}',
      ].join('\n'),
      { SECRET: canary },
    );
    assert.ok(problems.length >= 6);
    assert.ok(problems.every((problem) => !problem.includes(canary)));
  });

  test('a database that replicas share needs the secret that they share', async () => {
    const [problem, ...more] = await problemsOf('store: {url: "postgres://db.internal/gateway"}');
    assert.equal(more.length, 0);
    assert.match(problem ?? '', /^gateway\.yaml:1: store: lacks "key"/);
    const short = await problemsOf('store: {url: "postgres://db.internal/gateway", key: short}');
    assert.match(short[0] ?? '', /store\.key: must have at least 32 characters/);
  });

  test('text that is no YAML is one fault with the reader message', async () => {
    const [problem, ...more] = await problemsOf('a: [');
    assert.equal(more.length, 0);
    assert.match(problem ?? '', /^gateway\.yaml:1: not valid YAML: /);
    assert.deepEqual(await problemsOf('listen: {}\nlisten: {}'), [
      'gateway.yaml:2: not valid YAML: duplicated mapping key',
    ]);
  });

  test('a root that is no mapping is a fault', async () => {
    assert.deepEqual(await problemsOf('- 1'), [
      'gateway.yaml:1: must be a mapping of keys to values, is a list',
    ]);
  });

  test('a named file that is absent is a fault, not the defaults', async () => {
    const file = join(folder, 'absent.yaml');
    const loading = loadConfig({
      file,
      environment: {},
      readStrict: () => ({ value: null }),
      lineOf: () => null,
    });
    await assert.rejects(loading, /absent\.yaml: the configuration cannot be read: there is no such file/);
  });
});

describe('environment', () => {
  test('${NAME} is replaced in values, everywhere in a text, more than once', async () => {
    const config = await read('plugins: {folder: "${HOME_OF}/x/${HOME_OF}"}', { HOME_OF: 'a b' });
    assert.equal(config.plugins.folder, 'a b/x/a b');
  });

  test('all undefined variables are named with path and line, beside the other faults', async () => {
    assert.deepEqual(await problemsOf('plugins:\n  folder: ${A}\nstore:\n  url: ${B_2}\nextra: 1'), [
      'gateway.yaml:2: plugins.folder: the environment variable A is not set; set it or remove ${A}',
      'gateway.yaml:4: store.url: the environment variable B_2 is not set; set it or remove ${B_2}',
      'gateway.yaml:5: extra: unknown key; known here: listen, upstreams, plugins, samples, egress, access, budget, continuity, store',
    ]);
  });

  test('what a variable holds is never read again, neither as YAML nor for ${', async () => {
    const value = '{a: [1, 2]}\n"${OTHER} #x';
    assert.equal((await read('plugins: {folder: "${X}"}', { X: value })).plugins.folder, value);
  });

  test('only the braced form is read; $NAME and $$ are plain text', async () => {
    const config = await read('plugins: {folder: "$X/$$/$${X}/{X}"}', { X: 'v' });
    assert.equal(config.plugins.folder, '$X/$$/$v/{X}');
  });

  test('a ${ that holds no name is a fault, not plain text', async () => {
    for (const text of ['${}', '${X:-1}', '${X', '${1}']) {
      const [problem] = await problemsOf(`plugins: {folder: "${text}"}`, { X: 'v' });
      assert.match(problem ?? '', /must hold the name of an environment variable/, text);
    }
  });

  test('a member of Object is no environment variable', async () => {
    const [problem] = await problemsOf('plugins: {folder: "${constructor}"}');
    assert.match(problem ?? '', /constructor is not set/);
  });

  test('any text of a variable arrives as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (value) => {
        assert.equal((await read('plugins: {folder: "a${X}b"}', { X: value })).plugins.folder, `a${value}b`);
      }),
      { numRuns: 50 },
    );
  });

  test('HOST and PORT win over the file; empty ones do not', async () => {
    const text = 'listen: {host: 10.0.0.1, port: 1, jsonKeepAlive: true}';
    const others = { jsonKeepAlive: true };
    assert.deepEqual((await read(text, { HOST: '::1', PORT: '0' })).listen, {
      host: '::1',
      port: 0,
      ...others,
    });
    assert.deepEqual((await read(text, { HOST: '', PORT: '' })).listen, {
      host: '10.0.0.1',
      port: 1,
      ...others,
    });
  });

  test('a PORT that is no port is a fault', async () => {
    for (const port of ['x', '65536', '-1', '80 ', '1e3']) {
      assert.deepEqual(await problemsOf('# no keys', { PORT: port }), [
        'environment variable PORT: must be a whole number from 0 to 65535',
      ]);
    }
  });

  test('--config wins over PLUGIN_GATEWAY_CONFIG', () => {
    const environment = { PLUGIN_GATEWAY_CONFIG: 'b.yaml' };
    assert.equal(findConfigFile({ file: 'a.yaml', environment }), 'a.yaml');
    assert.equal(findConfigFile({ environment }), 'b.yaml');
  });
});
