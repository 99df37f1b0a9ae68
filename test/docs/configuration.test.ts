// docs/operator.md and config/gateway.yaml name the keys of the configuration, all of them and no others.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configSchema } from '../../src/config/schema.ts';

interface Node {
  type?: unknown;
  properties?: Record<string, Node>;
  items?: Node;
  additionalProperties?: Node | boolean;
  default?: unknown;
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Paths of all keys that hold a value: `a.b`, `list[].key`, `map.*.key`. */
function leaves(node: Node, path: string): [path: string, node: Node][] {
  const dot = path === '' ? '' : `${path}.`;
  if (node.properties) return Object.entries(node.properties).flatMap(([key, one]) => leaves(one, dot + key));
  if (node.items?.properties) return [[path, node], ...leaves(node.items, `${path}[]`)];
  const values = node.additionalProperties;
  if (typeof values === 'object' && values.properties) return [[path, node], ...leaves(values, `${path}.*`)];
  return [[path, node]];
}

const keys = new Map(leaves(configSchema as Node, ''));
const rows = [...read('docs/operator.md').matchAll(/^\| `([^`]+)` \| (.*?) \| .+ \|$/gm)].filter(
  ([, key]) => key !== undefined && !key.startsWith('GET '),
);

test('the operator guide documents every key of the configuration, and no other', () => {
  assert.deepEqual(new Set(rows.map(([, key]) => key)), new Set(keys.keys()));
  assert.equal(rows.length, keys.size);
});

test('the documented defaults are those of the schema', () => {
  for (const [, key = '', cell = ''] of rows) {
    const preset = keys.get(key)?.default;
    if (preset === undefined || key.endsWith('settings')) continue;
    const shown = typeof preset === 'string' ? preset : JSON.stringify(preset);
    assert.match(cell, /^`/, key);
    assert.equal(/^`([^`]*)`/.exec(cell)?.[1], shown, key);
  }
});

test('the sample configuration shows every key of the first level', () => {
  const sample = read('config/gateway.yaml');
  assert.match(sample, /^# yaml-language-server: \$schema=\.\/gateway\.schema\.json\n/);
  for (const key of Object.keys(configSchema.properties))
    assert.match(sample, new RegExp(`^(# )?${key}:`, 'm'));
});
