// The acceptance list (`wire.md` section 10): every scenario has its tests, and where a dialect has no cell, why.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

/** Scenarios without a cell per dialect: nothing of a chat answer is read in them. */
const withoutDialects = new Map([
  [1, 'bytes in, bytes out: another dialect is other bytes (Q1)'],
  [3, 'no chat: passes unread'],
  [4, 'no chat: passes unread'],
  [5, 'no chat: passes unread'],
  [6, 'no chat: passes unread'],
  [7, 'refused before an upstream is asked'],
  [8, 'the upstream answers with an error, in every shape that is known'],
  [10, 'the upstream answers with an error'],
  [11, 'about the size of the request'],
  [12, 'the client leaves before the answer'],
  [45, "no dialect but OpenAI's has custom tools"],
]);

const tests = ['gateway', 'clients'].flatMap((folder) => {
  const url = new URL(`../${folder}/`, import.meta.url);
  return readdirSync(url).map((file) => readFileSync(new URL(file, url), 'utf8'));
});

/** The numbers that a pattern's group `number` finds. */
function numbers(pattern: RegExp): Set<number> {
  const found = tests.flatMap((source) => Array.from(source.matchAll(pattern)));
  return new Set(found.map(({ groups }) => Number(groups?.['number'])));
}

/** `scenario('13: title', (t, mode, dialect)`, in its variants. */
const inDialects = numbers(
  /cenario\(\s*(?<quote>['"`])(?<number>\d+): (?:(?!\k<quote>).)*\k<quote>,\s*(?:async )?\([^)]*dialect\)/g,
);
const anyhow = numbers(/(?:cenario\(\s*|test\(\s*)['"`](?:scenario )?(?<number>\d+)/g);

test('each of the 52 scenarios is tested in every dialect, or it is said why not', () => {
  const all = Array.from({ length: 52 }, (_, at) => at + 1);
  assert.deepEqual(
    all.filter((number) => !inDialects.has(number) && !withoutDialects.has(number)),
    [],
  );
});

test('a scenario without dialects is tested all the same', () => {
  const missing = [...withoutDialects.keys()].filter((number) => !anyhow.has(number));
  assert.deepEqual(missing, []);
});
