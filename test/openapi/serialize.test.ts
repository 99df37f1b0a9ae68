// Every style, place and type of `openapi.md` section 7, by its table and by reading back.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import type { Json } from '../../src/openai/chat.ts';
import { parseExact } from '../../src/openai/exact-json.ts';
import {
  serializeCookie,
  serializeHeader,
  serializePath,
  serializeQuery,
  UnsendableValue,
  type ParameterStyle,
  type ValueEncoding,
} from '../../src/openapi/serialize.ts';

const scalar = 'blue';
const list = ['blue', 'black'];
const object = { R: 100, G: 200 };

function encoding(style: ParameterStyle, explode: boolean, more: Partial<ValueEncoding> = {}): ValueEncoding {
  return { style, explode, allowReserved: false, contentType: null, ...more };
}

function query(value: Json, how: ValueEncoding, name = 'color'): string {
  return serializeQuery(name, value, how)
    .map((pair) => pair.text)
    .join('&');
}

type Row = readonly [style: ParameterStyle, explode: boolean, scalar: string, list: string, object: string];

const pathTable: readonly Row[] = [
  ['simple', false, 'blue', 'blue,black', 'R,100,G,200'],
  ['simple', true, 'blue', 'blue,black', 'R=100,G=200'],
  ['label', false, '.blue', '.blue,black', '.R,100,G,200'],
  ['label', true, '.blue', '.blue.black', '.R=100.G=200'],
  ['matrix', false, ';color=blue', ';color=blue,black', ';color=R,100,G,200'],
  ['matrix', true, ';color=blue', ';color=blue;color=black', ';R=100;G=200'],
];

const queryTable: readonly Row[] = [
  ['form', false, 'color=blue', 'color=blue,black', 'color=R,100,G,200'],
  ['form', true, 'color=blue', 'color=blue&color=black', 'R=100&G=200'],
  ['spaceDelimited', false, 'color=blue', 'color=blue%20black', 'color=R%20100%20G%20200'],
  ['spaceDelimited', true, 'color=blue', 'color=blue&color=black', 'R=100&G=200'],
  ['pipeDelimited', false, 'color=blue', 'color=blue%7Cblack', 'color=R%7C100%7CG%7C200'],
  ['pipeDelimited', true, 'color=blue', 'color=blue&color=black', 'R=100&G=200'],
  ['tabDelimited', false, 'color=blue', 'color=blue%09black', 'color=R%09100%09G%09200'],
  [
    'deepObject',
    true,
    'color=blue',
    'color%5B0%5D=blue&color%5B1%5D=black',
    'color%5BR%5D=100&color%5BG%5D=200',
  ],
];

describe('the table of styles (cases 62 to 69)', () => {
  for (const [style, explode, ...expected] of pathTable) {
    test(`path, ${style}, explode ${explode}`, () => {
      const how = encoding(style, explode);
      assert.deepEqual(
        [scalar, list, object].map((value) => serializePath('color', value, how)),
        expected,
      );
    });
  }
  for (const [style, explode, ...expected] of queryTable) {
    test(`query, ${style}, explode ${explode}`, () => {
      const how = encoding(style, explode);
      assert.deepEqual(
        [scalar, list, object].map((value) => query(value, how)),
        expected,
      );
    });
  }
  for (const explode of [false, true]) {
    test(`header, simple, explode ${explode} (case 76)`, () => {
      const how = encoding('simple', explode);
      const expected = ['blue', 'blue,black', explode ? 'R=100,G=200' : 'R,100,G,200'];
      assert.deepEqual(
        [scalar, list, object].map((value) => serializeHeader('color', value, how)),
        expected,
      );
    });
  }
});

test('deepObject nests objects and arrays (case 68)', () => {
  const how = encoding('deepObject', true);
  assert.equal(
    query({ b: { c: 1, d: [2, { e: 3 }] } }, how, 'a'),
    'a%5Bb%5D%5Bc%5D=1&a%5Bb%5D%5Bd%5D%5B0%5D=2&a%5Bb%5D%5Bd%5D%5B1%5D%5Be%5D=3',
  );
});

test('a content parameter is percent-encoded JSON, in every place (case 70)', () => {
  const how = encoding('form', true, { contentType: 'application/json' });
  assert.equal(query({ a: [1, 'ä'] }, how, 'q'), 'q=%7B%22a%22%3A%5B1%2C%22%C3%A4%22%5D%7D');
  assert.equal(serializePath('q', [1], how), '%5B1%5D');
  assert.equal(serializeHeader('q', { a: 1 }, how), '{"a":1}');
  assert.equal(query('a b', encoding('form', true, { contentType: 'text/plain' }), 'q'), 'q=a%20b');
});

test('false, 0 and "" are sent, null and absent members are not (case 71)', () => {
  const how = encoding('form', true);
  assert.deepEqual(
    [false, 0, '', null, [], {}].map((value) => query(value, how)),
    ['color=false', 'color=0', 'color=', '', '', ''],
  );
  assert.equal(query({ a: null, b: '', c: 1 }, how), 'b=&c=1');
  assert.equal(query([null, 'a'], encoding('form', false)), 'color=a');
});

test('allowReserved keeps reserved characters but & # + % ; (case 72)', () => {
  const how = encoding('form', true, { allowReserved: true });
  assert.equal(query("a/b?c=d:e@f[g]!$'()*,h", how), "color=a/b?c=d:e@f[g]!$'()*,h");
  assert.equal(query('a&b#c+d%e;f%26', how), 'color=a%26b%23c%2Bd%25e%3Bf%2526');
});

test('names with brackets and $ are encoded once (case 73)', () => {
  assert.equal(query('x', encoding('form', true), 'filter[$top]'), 'filter%5B%24top%5D=x');
});

test('dollar signs of a value are data (case 59)', () => {
  assert.equal(serializePath('a', '$& $1 $$', encoding('simple', false)), '%24%26%20%241%20%24%24');
});

test('numbers beyond 2^53 keep their digits', () => {
  assert.equal(
    query(parseExact('12345678901234567890'), encoding('form', true)),
    'color=12345678901234567890',
  );
  assert.equal(
    query(parseExact('[12345678901234567890]'), encoding('form', false)),
    'color=12345678901234567890',
  );
});

test('half a surrogate pair cannot be sent', () => {
  assert.throws(() => query('a\ud800', encoding('form', true)), UnsendableValue);
});

test('a cookie holds no blank, semicolon, comma or equals sign (security A7)', () => {
  const [pair] = serializeCookie('s id', 'a; b=c,d', encoding('form', true, { allowReserved: true }));
  assert.equal(pair?.text, 's%20id=a%3B%20b%3Dc%2Cd');
});

// Reading back: what a server makes of the text is what the model said.

const text = fc.string({ unit: 'grapheme', minLength: 1 });
const delimiters: Readonly<Partial<Record<ParameterStyle, string>>> = {
  spaceDelimited: '%20',
  pipeDelimited: '%7C',
  tabDelimited: '%09',
};
const raw: Readonly<Partial<Record<ParameterStyle, RegExp>>> = {
  spaceDelimited: / /,
  pipeDelimited: /\|/,
  tabDelimited: /\t/,
  label: /\./,
};

/** Some styles cannot tell their delimiter from the same character in a value; OpenAPI says so too. */
function texts(style: ParameterStyle): fc.Arbitrary<string> {
  const own = raw[style];
  return own ? text.filter((value) => !own.test(value)) : text;
}

function decodePairs(parts: readonly string[]): [string, string][] {
  return parts.map((part) => {
    const at = part.indexOf('=');
    return [decodeURIComponent(part.slice(0, at)), decodeURIComponent(part.slice(at + 1))];
  });
}

for (const style of ['simple', 'label', 'matrix'] as const) {
  for (const explode of [false, true]) {
    test(`path ${style}, explode ${explode}: arrays and objects can be read back`, () => {
      const lead = { simple: '', label: '.', matrix: explode ? ';' : ';c=' }[style];
      const between = explode ? { simple: ',', label: '.', matrix: ';' }[style] : ',';
      const split = (written: string): string[] => {
        assert.ok(written.startsWith(lead) && !/[/?#\\ ]/.test(written));
        return written.slice(lead.length).split(between);
      };
      fc.assert(
        fc.property(fc.array(texts(style), { minLength: 1 }), (values) => {
          const parts = split(serializePath('c', values, encoding(style, explode)));
          const named = style === 'matrix' && explode;
          const read = named ? decodePairs(parts).map(([, value]) => value) : parts.map(decodeURIComponent);
          assert.deepEqual(read, values);
        }),
      );
      fc.assert(
        fc.property(fc.dictionary(texts(style), texts(style), { minKeys: 1 }), (values) => {
          const parts = split(serializePath('c', values, encoding(style, explode)));
          const read = explode ? decodePairs(parts).flat() : parts.map(decodeURIComponent);
          assert.deepEqual(read, Object.entries(values).flat());
        }),
      );
    });
  }
}

for (const style of ['form', 'spaceDelimited', 'pipeDelimited', 'tabDelimited'] as const) {
  for (const [explode, allowReserved] of [
    [true, false],
    [true, true],
    [false, false],
  ] as const) {
    test(`query ${style}, explode ${explode}, allowReserved ${allowReserved}: arrays and objects can be read back`, () => {
      const how = encoding(style, explode, { allowReserved });
      const values = (written: string): string[] =>
        written
          .slice('c='.length)
          .split(delimiters[style] ?? ',')
          .map(decodeURIComponent);
      fc.assert(
        fc.property(fc.array(texts(style), { minLength: 1 }), (items) => {
          const written = query(items, how, 'c');
          const read = explode ? new URLSearchParams(written).getAll('c') : values(written);
          assert.deepEqual(read, items);
        }),
      );
      fc.assert(
        fc.property(fc.dictionary(texts(style), texts(style), { minKeys: 1 }), (items) => {
          const written = query(items, how, 'c');
          const read = explode ? [...new URLSearchParams(written)].flat() : values(written);
          assert.deepEqual(read, Object.entries(items).flat());
        }),
      );
    });
  }
}

test('deepObject: every leaf is read back under its own name', () => {
  fc.assert(
    fc.property(fc.dictionary(text, fc.dictionary(text, text)), (value) => {
      const pairs = serializeQuery('f', value, encoding('deepObject', true));
      const read = [...new URLSearchParams(pairs.map((pair) => pair.text).join('&'))];
      const expected = Object.entries(value).flatMap(([outer, inner]) =>
        Object.entries(inner).map(([name, leaf]) => [`f[${outer}][${name}]`, leaf]),
      );
      assert.deepEqual(read, expected);
      assert.deepEqual(
        pairs.map((pair) => pair.name),
        read.map(([name]) => name),
      );
    }),
  );
});

test('scalars are read back from every place', () => {
  const scalars = fc.oneof(
    text,
    fc.integer(),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  fc.assert(
    fc.property(scalars, fc.boolean(), (value, allowReserved) => {
      const how = encoding('form', true, { allowReserved });
      const expected = typeof value === 'string' ? value : JSON.stringify(value);
      assert.equal(new URLSearchParams(query(value, how, 'c')).get('c'), expected);
      assert.equal(decodeURIComponent(serializePath('c', value, how)), expected);
      assert.equal(decodeURIComponent(serializeCookie('c', value, how)[0]?.text.slice(2) ?? ''), expected);
      assert.equal(serializeHeader('c', value, how), expected);
    }),
  );
});
