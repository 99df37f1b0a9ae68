// Names of functions: legal, unique, independent of order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readDocument } from '../../src/openapi/document.ts';
import { nameFunctions, type NamedOperation } from '../../src/plugin/function-name.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { localContext } from './made-function.ts';

const legal = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

function entries(plugin: string, ids: (string | undefined)[], prefix = '/p'): NamedOperation[] {
  const paths = Object.fromEntries(
    ids.map((operationId, index) => [`${prefix}${index}`, { get: { operationId } }]),
  );
  const { document } = readDocument(JSON.stringify({ openapi: '3.0.0', paths }), 'x');
  assert.ok(document);
  return readOperations(document, localContext).operations.map((operation) => ({ plugin, operation }));
}

const names = (plugin: string, ...ids: (string | undefined)[]): string[] =>
  nameFunctions(entries(plugin, ids));

test('case 27, N1: what is illegal becomes _, outer ones go', () => {
  assert.deepEqual(names('Ai PDF!', 'todos.list/all', ' a b '), ['Ai_PDF__todos_list_all', 'Ai_PDF__a_b']);
});

test('case 28, N1: an id without a legal character gives way to method and path', () => {
  assert.deepEqual(names('x', 'получить', 'größe'), ['x__get_p0', 'x__gr_e']);
  assert.deepEqual(names('x', undefined), ['x__get_p0']);
  assert.deepEqual(names('投资', 'a'), ['plugin__a']);
});

test('case 33, N2: a leading digit or dash gets _ before it', () => {
  assert.deepEqual(names('3d', 'x'), ['_3d__x']);
  assert.deepEqual(names('-a', 'x'), ['_-a__x']);
});

test('case 29, N3: beyond 64 characters the name ends in a hash of its content', () => {
  const long = 'o'.repeat(80);
  const [name] = names('p'.repeat(50), long);
  assert.match(name ?? '', /^p{24}__o{31}_[a-z2-7]{6}$/);
  assert.equal(name?.length, 64);
  // the same whatever else is there
  assert.equal(
    nameFunctions([...entries('other', ['a', 'b']), ...entries('p'.repeat(50), [long])]).at(-1),
    name,
  );
  const exact = names('p', 'o'.repeat(61));
  assert.deepEqual(exact, [`p__${'o'.repeat(61)}`]);
});

test('case 30, N4: names equal but for case all get a suffix', () => {
  const [a, b, c, d] = names('p', 'x.y', 'x_y', 'X-Y', 'X_Y');
  assert.match(a ?? '', /^p__x_y_[a-z2-7]{6}$/);
  assert.match(b ?? '', /^p__x_y_[a-z2-7]{6}$/);
  assert.equal(c, 'p__X-Y');
  assert.match(d ?? '', /^p__X_Y_[a-z2-7]{6}$/);
  assert.equal(new Set([a, b, d]).size, 3);
});

test('case 32: the same id in two plugins is kept apart by the prefix', () => {
  assert.deepEqual(nameFunctions([...entries('a', ['search']), ...entries('b', ['search'])]), [
    'a__search',
    'b__search',
  ]);
});

test('two path keys of one path are two operations', () => {
  const paths = {
    '/a?x=1': { get: { operationId: 'o' } },
    '/a?x=2': { get: { operationId: 'o' } },
    '/a#f': { get: { operationId: 'o' } },
  };
  const { document } = readDocument(JSON.stringify({ openapi: '3.0.0', paths }), 'x');
  assert.ok(document);
  const list = readOperations(document, localContext).operations.map((operation) => ({
    plugin: 'p',
    operation,
  }));
  assert.equal(new Set(nameFunctions(list)).size, 3);
});

test('N5: the prefix gateway__ is reserved', () => {
  assert.deepEqual(names('gateway', 'a'), ['gateway_plugin__a']);
  assert.deepEqual(names('Gateway', 'a'), ['Gateway_plugin__a']);
});

test('D8: constructor, __proto__ and toString are names like others', () => {
  assert.deepEqual(names('__proto__', 'constructor', 'toString'), ['proto__constructor', 'proto__toString']);
});

test('N1 to N4: any ids give legal, unique names that do not depend on order', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 90 }),
    fc.constantFrom('a', 'A', 'a.', 'a_', '', '1', 'é'.repeat(70), 'x'.repeat(70)),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), text, text, (ids, first, second) => {
      fc.pre(first !== second);
      const list = [...entries(first, ids), ...entries(second, ids, '/q')];
      const made = nameFunctions(list);
      for (const name of made) assert.match(name, legal);
      assert.equal(new Set(made.map((name) => name.toLowerCase())).size, made.length);
      assert.deepEqual(nameFunctions(list.toReversed()).toReversed(), made);
    }),
    { numRuns: 200 },
  );
});
