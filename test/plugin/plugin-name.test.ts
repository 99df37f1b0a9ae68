// Who keeps a name that several plugins want (M6).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { uniqueNames } from '../../src/plugin/plugin-name.ts';

function names(...sources: [name: string, source: string][]): string[] {
  return uniqueNames(sources.map(([name, source]) => ({ name, source }))).map((one) => one.name);
}

test('names that differ stay', () => {
  assert.deepEqual(names(['a', 'x.json'], ['b', 'y.json']), ['a', 'b']);
});

test('the file of the name keeps it, wherever it stands', () => {
  const [first, second] = names(['todo', 'f/a.json'], ['todo', 'f/todo.json']);
  assert.match(first ?? '', /^todo_[0-9a-f]{4}$/);
  assert.equal(second, 'todo');
});

test('else the first source in lexical order', () => {
  const [first, second] = names(['todo', 'f/b.json'], ['todo', 'f/a.json']);
  assert.match(first ?? '', /^todo_[0-9a-f]{4}$/);
  assert.equal(second, 'todo');
});

test('case and characters that function names cannot have make no difference', () => {
  assert.equal(new Set(names(['To do', 'a'], ['to_do', 'b'], ['TO-DO', 'c'])).size, 3);
  assert.notEqual(names(['To do', 'a'], ['to_do', 'b'])[1], 'to_do');
});

test('the renamed one says so, naming who has the name', () => {
  const [, second] = uniqueNames([
    { name: 'todo', source: 'a.json' },
    { name: 'todo', source: 'b.json' },
  ]);
  const [finding] = second?.diagnostics ?? [];
  assert.deepEqual(
    [finding?.code, finding?.severity, finding?.source],
    ['name-duplicate', 'warning', 'b.json'],
  );
  assert.match(finding?.message ?? '', /belongs to a\.json/);
});

test('names are unique, and do not depend on the order', () => {
  const source = fc.record({ name: fc.constantFrom('a', 'A', 'a!', 'b', '__proto__'), source: fc.string() });
  fc.assert(
    fc.property(fc.uniqueArray(source, { selector: (one) => one.source }), (sources) => {
      const named = uniqueNames(sources).map((one, at) => [sources[at]?.source, one.name]);
      const reversed = uniqueNames(sources.toReversed()).map((one, at) => [
        sources.toReversed()[at]?.source,
        one.name,
      ]);
      assert.deepEqual(new Map(named as [string, string][]), new Map(reversed as [string, string][]));
      assert.equal(new Set(named.map(([, name]) => name?.toLowerCase())).size, sources.length);
    }),
  );
});
