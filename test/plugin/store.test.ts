// The real plugin store: everything loads, nothing crashes, every function is legal and unique.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readDocument } from '../../src/openapi/document.ts';
import { findFault } from '../../src/plugin/function-fault.ts';
import { nameFunctions, type NamedOperation } from '../../src/plugin/function-name.ts';
import { makeFunction } from '../../src/plugin/function.ts';
import { readManifest } from '../../src/plugin/manifest.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { profiles } from '../../src/plugin/profile.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

interface Label {
  readonly name: string;
  readonly label: string;
  readonly ops: number | null;
  readonly domain: string;
}

function readStore() {
  const folder = `${sharedFolder()}/corpus/store`;
  const labels = JSON.parse(readFileSync(`${folder}-labels.json`, 'utf8')) as Label[];
  return labels.map((label) => {
    const file = readdirSync(`${folder}/${label.name}`).find((name) => name.startsWith('openapi.'));
    const source = `${label.name}/ai-plugin.json`;
    const manifest = readManifest(readFileSync(`${folder}/${source}`, 'utf8'), source);
    const read =
      file === undefined ? null : readDocument(readFileSync(`${folder}/${label.name}/${file}`, 'utf8'), file);
    return { label, manifest, read };
  });
}

const genuine = new Set(['valid', 'parses-but-invalid', 'broken-yaml-recoverable']);

test('store: all 567 manifests load', needsShared, () => {
  const refused = readStore().filter(({ manifest }) => manifest.manifest === null);
  assert.deepEqual(
    refused.map(({ label }) => label.name),
    [],
  );
});

test(
  'D1, D2: every genuine document loads, every labelled error page is refused with a reason',
  needsShared,
  () => {
    const counts = { loaded: 0, refused: 0, without: 0 };
    for (const { label, read } of readStore()) {
      if (!read) counts.without += 1;
      else if (genuine.has(label.label)) {
        assert.ok(read.document, `${label.name}: ${read.diagnostics[0]?.message}`);
        counts.loaded += 1;
      } else {
        assert.equal(read.document, null, label.name);
        assert.equal(read.diagnostics[0]?.code, 'not-a-document', label.name);
        counts.refused += 1;
      }
    }
    assert.deepEqual(counts, { loaded: 488, refused: 47, without: 32 });
  },
);

test(
  'every operation of the store becomes a legal, unique function; nothing of it is trimmed',
  needsShared,
  () => {
    const entries: NamedOperation[] = [];
    let hidden = 0;
    for (const { label, manifest, read } of readStore()) {
      if (!read?.document) continue;
      const origin = `https://${label.domain}`;
      const { operations, diagnostics } = readOperations(read.document, {
        documentUrl: URL.parse(manifest.manifest?.apiUrl ?? '', origin)?.href ?? null,
        manifestUrl: `${origin}/.well-known/ai-plugin.json`,
        domain: null,
        server: null,
        operations: { include: [], exclude: [] },
      });
      assert.deepEqual(
        diagnostics.filter((finding) => finding.severity === 'error'),
        [],
        label.name,
      );
      hidden += diagnostics.filter((finding) => finding.code === 'operation-hidden').length;
      const { ops } = label;
      const offered =
        operations.length + diagnostics.filter((finding) => finding.code === 'operation-hidden').length;
      if (ops !== null) assert.equal(offered, ops, label.name);
      for (const operation of operations) {
        assert.ok(operation.server, `${label.name} ${operation.id} has no server`);
        // the store has names twice; a plugin's folder is unique, as its name is after M6
        entries.push({ plugin: label.name, operation });
      }
    }
    const names = nameFunctions(entries);
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
    assert.deepEqual({ operations: entries.length, hidden }, { operations: 1788, hidden: 3 });
    for (const [index, { plugin, operation }] of entries.entries()) {
      const made = makeFunction(names[index] ?? '', plugin, operation, {
        params: new Map(),
        hiddenHeaders: new Set(),
      });
      assert.ok(made.function, `${plugin} ${operation.id}`);
      assert.equal(findFault(made.function.definition.function, profiles.common), null);
      assert.equal(made.function.text, JSON.stringify(made.function.definition));
      assert.deepEqual(made.diagnostics, [], `${plugin} ${operation.id}`);
    }
  },
);

test('S5: the same document gives the same bytes', needsShared, () => {
  const text = readFileSync(`${sharedFolder()}/corpus/lineage/librechat/openapi/scholarai.yaml`, 'utf8');
  const make = (): string[] => {
    const { document } = readDocument(text, 'scholarai.yaml');
    assert.ok(document);
    const { operations } = readOperations(document, {
      documentUrl: null,
      manifestUrl: null,
      domain: null,
      server: null,
      operations: { include: [], exclude: [] },
    });
    const options = { params: new Map(), hiddenHeaders: new Set<string>() };
    return operations.map(
      (operation) => makeFunction(operation.id, 'scholarai', operation, options).function?.text ?? '',
    );
  };
  const first = make();
  assert.equal(first.length, 3);
  assert.deepEqual(make(), first);
});

test(
  "the documents of LibreChat's plugins, of forks and of OpenAI's examples give functions",
  needsShared,
  () => {
    const lineage = `${sharedFolder()}/corpus/lineage`;
    const files = readdirSync(lineage, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /(?:\.ya?ml|remote-specs.*\.json)$/.test(name),
    );
    assert.ok(files.length >= 18, `${files.length} documents`);
    for (const file of files) {
      const { document } = readDocument(readFileSync(`${lineage}/${file}`, 'utf8'), file);
      assert.ok(document, file);
      const { operations, diagnostics } = readOperations(document, {
        documentUrl: 'https://plugin.example/openapi.yaml',
        manifestUrl: null,
        domain: null,
        server: null,
        operations: { include: [], exclude: [] },
      });
      assert.ok(operations.length > 0, file);
      assert.deepEqual(
        diagnostics.filter((finding) => finding.severity === 'error'),
        [],
        file,
      );
      for (const operation of operations) {
        const options = { params: new Map(), hiddenHeaders: new Set<string>() };
        assert.ok(makeFunction('p__f', 'p', operation, options).function, `${file} ${operation.id}`);
      }
    }
  },
);
