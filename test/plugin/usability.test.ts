// The score of a plugin: what lowers it, by how much, and in which words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/openai/chat.ts';
import { readDocument } from '../../src/openapi/document.ts';
import { makeFunction, type PluginFunction } from '../../src/plugin/function.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { rateUsability } from '../../src/plugin/usability.ts';
import { localContext } from './made-function.ts';

function functionsOf(paths: JsonObject): PluginFunction[] {
  const { document } = readDocument(JSON.stringify({ openapi: '3.1.0', paths }), 'x');
  assert.ok(document);
  const options = { params: new Map(), hiddenHeaders: new Set<string>() };
  return readOperations(document, localContext).operations.flatMap(
    (operation) => makeFunction(`p__${operation.id}`, 'p', operation, options).function ?? [],
  );
}

const get = (operationId: string | undefined, more: JsonObject = {}): JsonObject => ({
  get: { operationId, summary: 'Says what it does.', ...more },
});
const query = (name: string, more: object = {}) => ({
  name,
  in: 'query',
  schema: { type: 'string' },
  ...more,
});
const rate = (paths: JsonObject) => rateUsability(functionsOf(paths));
const codes = (paths: JsonObject) => rate(paths).reasons.map(({ code, points }) => [code, points]);

test('nothing to complain about is 100; nothing to rate is no score', () => {
  const parameters = [query('q', { description: 'words' }), query('sort', { schema: { enum: ['a', 'b'] } })];
  assert.deepEqual(rate({ '/a': get('find', { parameters }) }), { score: 100, reasons: [] });
  assert.deepEqual(rateUsability([]), { score: null, reasons: [] });
});

test('functions and arguments without descriptions cost their share', () => {
  const bare = { summary: '', parameters: [query('q'), query('page', { description: 'd' })] };
  const { score, reasons } = rate({ '/a': get('find', bare), '/b': get('show') });
  assert.deepEqual(reasons, [
    {
      code: 'no-description',
      points: 15,
      message: '1 of 2 functions have neither summary nor description: find.',
    },
    { code: 'argument-no-description', points: 13, message: '1 of 2 arguments have no description: q.' },
  ]);
  assert.equal(score, 72);
});

test('operations without an operationId cost their share', () => {
  assert.deepEqual(codes({ '/a': get('find'), '/users/{id}': get(undefined, { description: 'd' }) }), [
    ['argument-no-description', 25],
    ['name-unclear', 5],
  ]);
});

test('names of the same words are nearly equal, whatever their order, number, case and version', () => {
  for (const [one, other] of [
    ['getTodo', 'getTodos'],
    ['user_list', 'listUser'],
    ['find_v1', 'findV2'],
    ['swap1', 'swap2'],
  ] as const) {
    const found = rate({ '/a': get(one), '/b': get(other), '/c': get('unlike') }).reasons;
    assert.deepEqual(
      found.map(({ code }) => code),
      ['names-alike'],
      one,
    );
    assert.match(found[0]?.message ?? '', new RegExp(`^2 of 3 .*: ${one} and ${other}\\.$`));
  }
  assert.deepEqual(codes({ '/a': get('getTodo'), '/b': get('addTodo'), '/c': get('получить') }), []);
});

test('many tokens and many functions cost points', () => {
  const long = 'word and another word, '.repeat(40);
  const parameters = Array.from({ length: 6 }, (_, at) => query(`p${at}`, { description: long }));
  assert.deepEqual(
    codes({ '/a': get('find', { parameters }) }).map(([code]) => code),
    ['tokens'],
  );
  const words = 'abcdefghijklmnopqrstuvwxyz'.split('').map((letter) => letter.repeat(5));
  const many = Object.fromEntries(words.map((word) => [`/${word}`, get(word)]));
  assert.deepEqual(codes(many), [['many', 1]]);
});

test('the worst of everything is 0 or little more', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'object', properties: { b: { type: 'array' } } } },
  };
  const parameters = Array.from({ length: 50 }, (_, at) => query(`q${at}`, { schema }));
  const paths = Array.from({ length: 130 }, (_, at) => [`/same${at}`, { get: { parameters } }]);
  const { score, reasons } = rate(Object.fromEntries(paths) as JsonObject);
  assert.ok(score !== null && score >= 0 && score <= 10, `${score}`);
  assert.equal(reasons.length, 6);
});
