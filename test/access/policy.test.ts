// Who may use which plugin and operation.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { grant, mayCall, type PolicyFunction } from '../../src/access/policy.ts';

function fn(plugin: string, id: string): PolicyFunction {
  return { name: `${plugin}__${id}`, plugin, operation: { id } };
}

const all = [
  fn('todo', 'addItem'),
  fn('todo', 'list.items'),
  fn('weather', 'today'),
  fn('todo.more', 'addItem'),
];
const snapshot = { functions: new Map(all.map((one) => [one.name, one])) };

function granted(plugins: string[], narrowing: string | null = null): string[] {
  return [...grant(snapshot, { plugins }, narrowing).functions.keys()];
}

describe('patterns', () => {
  const cases: [pattern: string, names: string[]][] = [
    ['*', ['todo__addItem', 'todo__list.items', 'weather__today', 'todo.more__addItem']],
    ['todo', ['todo__addItem', 'todo__list.items']],
    ['todo.*', ['todo__addItem', 'todo__list.items']],
    ['todo.addItem', ['todo__addItem']],
    ['todo.list.items', ['todo__list.items']],
    ['todo.list*', ['todo__list.items']],
    ['*.addItem', ['todo__addItem', 'todo.more__addItem']],
    ['w*r', ['weather__today']],
    ['todo.more', ['todo.more__addItem']],
    ['Todo', []],
    ['todo ', []],
    ['tod', []],
    ['', []],
    ['todo.AddItem', []],
  ];
  for (const [pattern, names] of cases) {
    test(`"${pattern}" grants ${names.length === 0 ? 'nothing' : names.join(', ')}`, () => {
      assert.deepEqual(granted([pattern]), names);
      for (const one of all) assert.equal(mayCall({ plugins: [pattern] }, one), names.includes(one.name));
    });
  }

  test('no pattern grants nothing, several grant their union in the order of the snapshot', () => {
    assert.deepEqual(granted([]), []);
    assert.deepEqual(granted(['weather', 'todo.addItem']), ['todo__addItem', 'weather__today']);
  });

  test('a pattern of many stars takes linear time', () => {
    const started = performance.now();
    mayCall({ plugins: [`${'*a'.repeat(2000)}b`] }, fn('a'.repeat(20_000), 'x'));
    assert.ok(performance.now() - started < 100);
  });

  test('a star means what the regular expression .* means', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, text) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
        assert.equal(mayCall({ plugins: [`x.${pattern}`] }, fn('x', text)), expected);
      }),
    );
  });
});

describe('narrowing (x-plugins, metadata.plugins)', () => {
  test('selects among what is granted', () => {
    assert.deepEqual(granted(['*'], 'weather'), ['weather__today']);
    assert.deepEqual(granted(['*'], ' weather , todo '), [
      'todo__addItem',
      'todo__list.items',
      'weather__today',
    ]);
  });

  test('none, and an empty selection, select nothing', () => {
    assert.deepEqual(granted(['*'], 'none'), []);
    assert.deepEqual(granted(['*'], ''), []);
    assert.deepEqual(grant(snapshot, { plugins: ['*'] }, 'none').unknown, []);
  });

  test('a name that is unknown and one that is not granted look alike, and are reported', () => {
    const result = grant(snapshot, { plugins: ['todo'] }, 'weather,absent,todo');
    assert.deepEqual([...result.functions.keys()], ['todo__addItem', 'todo__list.items']);
    assert.deepEqual(result.unknown, ['weather', 'absent']);
  });

  test('never widens, whatever it says (I3)', () => {
    const text = fc.string({
      unit: fc.constantFrom('todo', 'weather', '*', ',', '.', 'none', ' ', '__proto__'),
    });
    fc.assert(
      fc.property(fc.subarray(['todo', 'weather.*', '*']), text, (plugins, narrowing) => {
        const without = granted(plugins);
        for (const name of granted(plugins, narrowing)) assert.ok(without.includes(name));
      }),
    );
  });
});
