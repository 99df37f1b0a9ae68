// Reading YAML and JSON text: by content, bounded, tolerant, with lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeText, readJson, readStrict, readText, TextError } from '../../src/openapi/yaml.ts';

function errorOf(read: () => unknown): TextError {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof TextError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

test('case 1, D3: content decides the format, not the name', () => {
  assert.deepEqual(readText('{"a": [1, null]}').value, { a: [1, null] });
  assert.equal(readText('{"a": 1}').format, 'json');
  assert.equal(readText('a: 1').format, 'yaml');
});

test('D3: JSON that only YAML can read is read as YAML, without a repair', () => {
  const read = readText('{openapi: 3.1.0, "paths": {},}');
  assert.deepEqual(
    [read.value, read.format, read.repaired],
    [{ openapi: '3.1.0', paths: {} }, 'yaml', false],
  );
});

test('case 2, D5: of duplicate keys the last wins, and the repair says where', () => {
  const read = readText('a: 1\nb: 2\na: 3\n');
  assert.deepEqual(read.value, { a: 3, b: 2 });
  assert.equal(read.repaired, true);
  assert.equal(read.fault?.line, 3);
});

test('case 3, D5: byte order mark, control characters and leading tabs do not hinder', () => {
  assert.deepEqual(readText('\uFEFF{"a":1}').value, { a: 1 });
  assert.deepEqual(readText('\uFEFFa: 1').value, { a: 1 });
  assert.deepEqual(readText('a: x\u0007y\n').value, { a: 'xy' });
  assert.deepEqual(readText('a:\n\tb: 1\n').value, { a: { b: 1 } });
});

test('case 4, D4: merge keys are merged; yes, dates and y stay texts', () => {
  const text = 'base: &b {x: 1}\nmore:\n  <<: *b\n  y: yes\n  day: 2020-01-01\n';
  assert.deepEqual(readText(text).value, { base: { x: 1 }, more: { x: 1, y: 'yes', day: '2020-01-01' } });
});

test('case 5, D4: an alias bomb is stopped by what it expands to', () => {
  let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let level = 1; level < 9; level += 1) {
    text += `a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]\n`;
  }
  assert.equal(errorOf(() => readText(text, { nodes: 200_000, characters: 1_000_000 })).limit, true);
});

test('D4: a long text repeated by aliases is stopped by its characters', () => {
  const text = `a: &a ${'x'.repeat(10_000)}\nb: [${Array.from({ length: 90 }, () => '*a').join(', ')}]\n`;
  assert.equal(errorOf(() => readText(text, { nodes: 200_000, characters: 500_000 })).limit, true);
});

test('D4: an anchor that contains itself is refused', () => {
  assert.equal(errorOf(() => readText('&a [*a]')).limit, true);
});

test('case 11, D13: 100 levels are the limit, in JSON and YAML', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const nested = (depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;
    assert.equal(errorOf(() => readText(nested(5000))).limit, true);
    assert.doesNotThrow(() => readText(nested(100)));
  }
  let text = '';
  for (let depth = 0; depth < 3000; depth += 1) text += `${' '.repeat(depth)}a:\n`;
  assert.equal(errorOf(() => readText(text)).limit, true);
});

test('D3 of security: an unknown tag is an error', () => {
  assert.match(errorOf(() => readText('a: !!js/function "x"')).message, /tag/);
});

test('D8: __proto__ and constructor are data', () => {
  for (const text of ['{"__proto__": {"x": 1}, "constructor": 2}', '__proto__: {x: 1}\nconstructor: 2']) {
    const { value } = readText(text);
    assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor']);
    assert.equal(JSON.stringify(value), '{"__proto__":{"x":1},"constructor":2}');
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  }
});

test('M2: a fault of JSON has line and column', () => {
  const cases: [string, number, number][] = [
    ['{\n  "a": 1,\n}', 3, 1],
    ['{"a"', 1, 5],
    ['[1 2]', 1, 4],
    ['{"a":"\n"}', 1, 7],
    ['{a:1}', 1, 2],
    ['{"a":01}', 1, 7],
    ['', 1, 1],
    ['{"a":1}}', 1, 8],
    ["{'a':1}", 1, 2],
    ['{"a":"\\x"}', 1, 7],
    ['{"a":tru}', 1, 6],
  ];
  for (const [text, line, column] of cases) {
    const error = errorOf(() => readJson(text));
    assert.deepEqual([error.line, error.column], [line, column], text);
  }
});

test('M2: every text that JSON.parse refuses has a fault inside it, every other one is read', () => {
  const pieces = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', 'null', ' ', '\n', '"', '\\', '-');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (list) => {
      const text = list.join('');
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        const error = errorOf(() => readJson(text));
        assert.ok(error.line >= 1 && error.line <= text.split('\n').length);
        return;
      }
      assert.deepEqual(readJson(text), parsed);
    }),
  );
});

test('JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(readText(text).value, JSON.parse(text));
    }),
  );
});

test('strict reading repairs nothing: duplicate keys are an error with its line', () => {
  assert.deepEqual(readStrict('a: 1\nb: [x]\n'), { a: 1, b: ['x'] });
  assert.equal(errorOf(() => readStrict('a: 1\nb: 2\na: 3\n')).line, 3);
});

test('D3: UTF-16 is recognised by its byte order mark', () => {
  const little = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a: é', 'utf16le')]);
  const big = Buffer.from(little).swap16();
  for (const bytes of [little, big, Buffer.from('\uFEFFa: é')]) assert.equal(decodeText(bytes), 'a: é');
});
