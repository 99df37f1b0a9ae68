// Where manifests and documents come from.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EgressError, type SendDocument } from '../../src/egress/egress.ts';
import {
  fetchSource,
  listManifestFiles,
  locateDocument,
  locateEntry,
  readLocal,
  SourceError,
} from '../../src/plugin/source.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-source-'));
  await mkdir(join(folder, 'openapi'));
  await mkdir(join(folder, 'has-issues'));
  await mkdir(join(folder, 'directory.json'));
  for (const name of [
    'b.json',
    'a.JSON',
    'note.txt',
    'has-issues/c.json',
    'openapi/todo.yaml',
    'secret.yaml',
  ]) {
    await writeFile(join(folder, name), name);
  }
  await symlink('todo.yaml', join(folder, 'openapi/inside.yaml'));
  await symlink('../secret.yaml', join(folder, 'openapi/outside.yaml'));
  await symlink('/etc/hostname', join(folder, 'openapi/absolute.yaml'));
  await mkdir(join(folder, 'openapi/folder.yaml'));
  execFileSync('mkfifo', [join(folder, 'openapi/pipe.yaml')]);
});
after(() => rm(folder, { recursive: true }));

describe('the folder', () => {
  test('manifests are its *.json files, sorted, not recursive (M1)', async () => {
    assert.deepEqual(await listManifestFiles(folder), [join(folder, 'a.JSON'), join(folder, 'b.json')]);
  });

  test('an absent folder holds none', async () => {
    assert.deepEqual(await listManifestFiles(join(folder, 'absent')), []);
  });
});

describe('entries of plugins.install (M1)', () => {
  test('a URL, a domain and a file are told apart', () => {
    assert.deepEqual(locateEntry('https://x.example/openapi.json'), {
      kind: 'url',
      url: 'https://x.example/openapi.json',
    });
    assert.deepEqual(locateEntry('todo.example:8443'), {
      kind: 'url',
      url: 'https://todo.example:8443/.well-known/ai-plugin.json',
    });
    assert.equal(locateEntry('./more/api.yaml').kind, 'file');
  });

  test('anything else is refused by name', () => {
    for (const entry of ['', 'a b', 'ftp://x', '../x', 'x/y'])
      assert.throws(() => locateEntry(entry), SourceError);
  });
});

describe('the document of a manifest (M21)', () => {
  const locate = (hints: Partial<Parameters<typeof locateDocument>[0]>) =>
    locateDocument({
      spec: undefined,
      apiUrl: 'todo.yaml',
      manifest: { kind: 'file', file: join(folder, 'b.json'), within: null },
      origin: null,
      folder,
      ...hints,
    });
  const fetched = { kind: 'url', url: 'https://x.example/.well-known/ai-plugin.json' } as const;

  test('an absolute URL is fetched, as written', () => {
    assert.deepEqual(locate({ apiUrl: 'https://y.example/a?b=%2e' }), {
      kind: 'url',
      url: 'https://y.example/a?b=%2e',
    });
  });

  test('a bare name in a manifest of the folder is a file of its openapi folder', () => {
    const within = join(folder, 'openapi');
    assert.deepEqual(locate({}), { kind: 'file', file: join(within, 'todo.yaml'), within });
  });

  test('a path counts from the origin of the manifest', () => {
    assert.deepEqual(locate({ apiUrl: '/openapi.yaml', origin: 'https://z.example' }), {
      kind: 'url',
      url: 'https://z.example/openapi.yaml',
    });
    assert.throws(() => locate({ apiUrl: '/openapi.yaml' }), SourceError);
  });

  test('a name in a fetched manifest counts from its URL, never from the disk', () => {
    const url = 'https://x.example/.well-known/openapi.yaml';
    assert.deepEqual(locate({ apiUrl: 'openapi.yaml', manifest: fetched }), { kind: 'url', url });
    assert.deepEqual(locate({ apiUrl: '/a.yaml', manifest: fetched }), {
      kind: 'url',
      url: 'https://x.example/a.yaml',
    });
    assert.throws(() => locate({ apiUrl: '//evil.example/a.yaml', manifest: fetched }), SourceError);
    assert.throws(() => locate({ apiUrl: 'file:///etc/passwd', manifest: fetched }), SourceError);
  });

  test('spec of the settings replaces api.url, for fetched manifests too', () => {
    const within = join(folder, 'openapi');
    assert.deepEqual(locate({ spec: 'own.json', manifest: fetched }), {
      kind: 'file',
      file: join(within, 'own.json'),
      within,
    });
    assert.equal(locate({ spec: 'https://y.example/o.yaml', apiUrl: null }).kind, 'url');
  });

  const refused =
    `../x.yaml ..\\x.yaml /etc/passwd /etc/x.yaml file:x.yaml file:///etc/x.yaml ./todo.yaml a/b.yaml todo.yaml/ todo.yaml%00
    %2e%2e/x.yaml .yaml/../x x.yml.txt x.txt ~/x.yaml C:\\x.yaml //host/x.yaml data:application/json,{} javascript:x.json
    x.yaml?y x.yaml#z ..%2fx.yaml ….yaml ｘ.yaml gopher://x.yaml x:y.yaml`.split(/ +|\n +/);
  for (const name of [...refused, 'a b.yaml', 'x.yaml\0', 'x.yaml\n']) {
    test(`the local name ${JSON.stringify(name)} is refused (D9)`, () => {
      assert.throws(() => locate({ apiUrl: name }), { name: 'SourceError', reason: 'path' });
    });
  }
});

describe('a local document', () => {
  const read = (name: string, maxBytes = 100) => {
    const within = join(folder, 'openapi');
    return readLocal({ kind: 'file', file: join(within, name), within }, maxBytes);
  };

  test('is read as bytes', async () => {
    assert.equal(Buffer.from((await read('todo.yaml')).bytes).toString(), 'openapi/todo.yaml');
  });

  test('a link that stays in the folder is followed, as volumes of containers have them', async () => {
    assert.equal(Buffer.from((await read('inside.yaml')).bytes).toString(), 'openapi/todo.yaml');
  });

  test('a link out of the folder is refused (D9)', async () => {
    await assert.rejects(read('outside.yaml'), { reason: 'path' });
    await assert.rejects(read('absolute.yaml'), { reason: 'path' });
  });

  test('a folder, a named pipe, an absent file and one that is too large are refused at once', async () => {
    await assert.rejects(read('folder.yaml'), { reason: 'path' });
    await assert.rejects(read('pipe.yaml'), { reason: 'path' });
    await assert.rejects(read('absent.yaml'), {
      reason: 'unreachable',
      message: 'There is no file openapi/absent.yaml.',
    });
    await assert.rejects(read('todo.yaml', 5), { reason: 'limit' });
  });
});

describe('fetching', () => {
  async function* bodyOf(text: string) {
    yield Buffer.from(text);
  }
  const answering =
    (status: number, text: string, seen: unknown[] = []): SendDocument =>
    async (request) => {
      seen.push(request);
      return { status, headers: { etag: '"1"' }, body: bodyOf(text), url: 'https://x.example/final' };
    };
  const fetch = (send: SendDocument, etag: string | null = null) => {
    const signal = AbortSignal.timeout(5000);
    return fetchSource('https://x.example/a%2fb?c=d', {
      send,
      maxBytes: 100,
      signal,
      userAgent: 'test',
      etag,
    });
  };

  test('the request carries no credential, and limits of 15 s (D15)', async () => {
    const seen: { headers: object; limits: { total: number }; path: string }[] = [];
    const result = await fetch(answering(200, 'text', seen));
    assert.deepEqual(Object.keys(seen[0]?.headers ?? {}), ['accept', 'user-agent']);
    assert.equal(seen[0]?.limits.total, 15_000);
    assert.equal(seen[0]?.path, '/a%2fb?c=d');
    assert.deepEqual([result?.url, result?.etag], ['https://x.example/final', '"1"']);
  });

  test('an answer that is no success is no document, and shows how it begins (D2)', async () => {
    await assert.rejects(fetch(answering(404, '<html>gone')), {
      reason: 'not-a-document',
      message: /404: "<html>gone"/,
    });
    await assert.rejects(fetch(answering(302, '')), { reason: 'not-a-document' });
  });

  test('unchanged since the validator: nothing to read', async () => {
    assert.equal(await fetch(answering(304, ''), '"1"'), null);
    await assert.rejects(fetch(answering(304, '')), SourceError);
  });

  test('more than the limit, and a failed exchange, are said as such', async () => {
    await assert.rejects(fetch(answering(200, 'x'.repeat(101))), { reason: 'limit' });
    const failing = async () => {
      throw new EgressError('too_large', 'x');
    };
    await assert.rejects(fetch(failing), { reason: 'limit' });
    const refused = async () => {
      throw new EgressError('address_refused', 'allow "x:1" for egress');
    };
    await assert.rejects(fetch(refused), { reason: 'unreachable', message: /allow "x:1"/ });
  });
});
