// Every operation of the real plugin store: a model's plausible arguments are read and become a request of its server.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { readDocument } from '../../src/openapi/document.ts';
import { createArgumentReader } from '../../src/plugin/arguments.ts';
import { makeFunction, type PluginFunction } from '../../src/plugin/function.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { build } from './made-function.ts';
import { sampleArguments } from './sample-arguments.ts';

/** The functions of all documents of the store, as if served by one host below a base path. */
function* storeFunctions(): Generator<PluginFunction> {
  const folder = `${sharedFolder()}/corpus/store`;
  for (const file of readdirSync(folder, { recursive: true }).map(String)) {
    if (!/openapi\.(?:ya?ml|json)$/.test(file)) continue;
    const { document } = readDocument(readFileSync(`${folder}/${file}`, 'utf8'), file);
    if (!document) continue;
    const { operations } = readOperations(document, {
      documentUrl: null,
      manifestUrl: null,
      domain: null,
      server: 'https://plugin.example/base',
      operations: { include: [], exclude: [] },
    });
    for (const operation of operations) {
      const options = { params: new Map(), hiddenHeaders: new Set<string>() };
      const made = makeFunction('made', file, operation, options).function;
      if (made) yield made;
    }
  }
}

test('plausible arguments of every operation become a request of its server', needsShared, async () => {
  const readArguments = createArgumentReader();
  let requests = 0;
  for (const fn of storeFunctions()) {
    const read = await readArguments(fn, JSON.stringify(sampleArguments(fn)));
    assert.ok('values' in read, `${fn.plugin} ${fn.operation.id}: ${'problem' in read ? read.problem : ''}`);
    const { request, problem } = build(fn, Object.fromEntries(read.values), {
      params: new Map([['sort', 'mine']]),
    });
    assert.ok(request, `${fn.plugin} ${fn.operation.id}: ${problem}`);
    assert.equal(request.origin, 'https://plugin.example');
    const url = new URL(request.path, request.origin);
    assert.equal(url.pathname.split('/').length, fn.operation.path.split('/').length + 1, request.path);
    assert.ok(request.path.startsWith('/base/'));
    const sorts = [...url.searchParams].filter(([name]) => name.toLowerCase() === 'sort');
    assert.ok(sorts.every(([, value]) => value === 'mine') && sorts.length <= 1, request.path);
    requests += 1;
  }
  assert.ok(requests > 1700, `${requests} requests`);
});
