// From the model's text to checked values (`openapi.md` section 6).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import type { Json } from '../../src/openai/chat.ts';
import { createArgumentReader } from '../../src/plugin/arguments.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import { makeArguments } from './made-function.ts';

const readArguments = createArgumentReader();

/** The values as JSON text, which shows names, order and digits. */
async function values(fn: PluginFunction, text: string): Promise<string> {
  const read = await readArguments(fn, text);
  if ('problem' in read) throw new Error(read.problem);
  return JSON.stringify(Object.fromEntries(read.values));
}

interface ErrorBody {
  error: {
    code: string;
    retryable: boolean;
    message: string;
    problems?: { at: string; problem: string; got?: Json }[];
  };
}

async function problem(fn: PluginFunction, text: string): Promise<ErrorBody['error']> {
  const read = await readArguments(fn, text);
  assert.ok('problem' in read, 'expected a problem');
  assert.ok(read.problem.length <= 2000);
  return (JSON.parse(read.problem) as ErrorBody).error;
}

const free = makeArguments({ a: {}, b: {} });

describe('A1: parse and repair', () => {
  const good: readonly (readonly [what: string, text: string, expected: string])[] = [
    ['plain JSON', '{"a":1}', '{"a":1}'],
    ['nothing', '', '{}'],
    ['blanks', ' \n', '{}'],
    ['null', 'null', '{}'],
    ['a string that holds JSON, once', '"{\\"a\\":1}"', '{"a":1}'],
    ['a code fence', '```json\n{"a":1}\n```', '{"a":1}'],
    ['text around it', 'Sure: {"a":{"b":"}"}} as asked', '{"a":{"b":"}"}}'],
    ['an object twice', '{"a":1}{"a":2}', '{"a":1}'],
    ['an empty object before the real one', '{}{"a":1}', '{"a":1}'],
    ['a trailing comma', '{"a":1,}', '{"a":1}'],
    ['Python', "{'a': True, 'b': None}", '{"a":true,"b":null}'],
    ['a text cut off', '{"a": "x y', '{"a":"x y"}'],
    ['a brace inside single quotes', "{'a': 'x } y', 'b': 2}", '{"a":"x } y","b":2}'],
    ['a name twice: the last counts', '{"a":1,"a":2}', '{"a":2}'],
    ['a byte order mark', '\ufeff{"a":1}', '{"a":1}'],
  ];
  for (const [what, text, expected] of good) {
    test(`${what} is read (A1)`, async () => assert.equal(await values(free, text), expected));
  }

  const bad: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['an array', '[1]', /one JSON object/],
    ['a number', '5', /one JSON object/],
    ['a string twice over', JSON.stringify(JSON.stringify('{"a":1}')), /JSON object/],
    ['words', 'hello', /not valid JSON/],
    ['5,000 open brackets', '['.repeat(5000), /deeper than 100/],
    ['200 levels', `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`, /deeper than 100/],
    ['more than 1 MiB', JSON.stringify({ a: 'x'.repeat(1024 * 1024) }), /1 MiB/],
    [
      'more than 20,000 values',
      JSON.stringify({ a: Array.from({ length: 20_001 }, () => 1) }),
      /20000 values/,
    ],
  ];
  for (const [what, text, message] of bad) {
    test(`${what}: an error that says so (A1)`, async () => {
      const error = await problem(free, text);
      assert.equal(error.code, 'invalid_arguments');
      assert.equal(error.retryable, true);
      assert.match(error.message, message);
    });
  }

  test('any text gives values or a problem, never an exception (A1)', async () => {
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      ',',
      ':',
      '\\',
      '\\u',
      'a',
      '1',
      ' ',
      'null',
      '\ud800',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(fragments).map((parts) => parts.join('')),
        ),
        async (text) => {
          await readArguments(free, text);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('any JSON object is read back as it was written (A1)', async () => {
    const object = fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue({ maxDepth: 5 }));
    await fc.assert(
      fc.asyncProperty(object, async (value) => {
        const kept = JSON.parse(await values(free, JSON.stringify(value))) as object;
        assert.deepEqual(kept, JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('A2: coercion where a value does not fit', () => {
  const cases: readonly (readonly [what: string, schema: Json, given: string, expected: string])[] = [
    ['"5" is 5', { type: 'integer' }, '"5"', '5'],
    ['5.0 is 5', { type: 'integer' }, '5.0', '5'],
    ['"1.5" is 1.5', { type: 'number' }, '"1.5"', '1.5'],
    ['"true" is true', { type: 'boolean' }, '"true"', 'true'],
    ['"False" is false', { type: 'boolean' }, '"False"', 'false'],
    ['5 is "5"', { type: 'string' }, '5', '"5"'],
    ['true is "true"', { type: 'string' }, 'true', '"true"'],
    ['x is ["x"]', { type: 'array', items: { type: 'string' } }, '"x"', '["x"]'],
    ['"5" is [5] for a list of integers', { type: 'array', items: { type: 'integer' } }, '"5"', '[5]'],
    ['JSON text is an array', { type: 'array', items: {} }, '"[1,2]"', '[1,2]'],
    ['JSON text is an object', { type: 'object' }, '"{\\"k\\":1}"', '{"k":1}'],
    ['an enum value in another case', { enum: ['Asc', 'desc'] }, '"ASC"', '"Asc"'],
    ['a union takes the variant that fits', { anyOf: [{ type: 'integer' }, { type: 'array' }] }, '"7"', '7'],
    ['what fits stays', { type: ['string', 'null'] }, '"5"', '"5"'],
    ['deep inside', { type: 'object', properties: { n: { type: 'integer' } } }, '{"n":"3"}', '{"n":3}'],
    [
      'in every part of an allOf',
      { allOf: [{ properties: { n: { type: 'integer' } } }] },
      '{"n":"3"}',
      '{"n":3}',
    ],
    [
      'an id too large for a double, as text',
      { type: 'string' },
      '12345678901234567890',
      '"12345678901234567890"',
    ],
    [
      'an id too large for a double, as integer',
      { type: 'integer' },
      '"12345678901234567890"',
      '12345678901234567890',
    ],
  ];
  for (const [what, schema, given, expected] of cases) {
    test(`${what} (A2)`, async () => {
      assert.equal(await values(makeArguments({ a: schema }), `{"a":${given}}`), `{"a":${expected}}`);
    });
  }

  test('null and "" of an optional argument that does not take them are absent (A2)', async () => {
    const fn = makeArguments({
      n: { type: 'integer' },
      s: { type: 'string' },
      e: { enum: ['x'] },
      t: { type: 'string' },
    });
    assert.equal(await values(fn, '{"n":"","s":null,"e":"","t":""}'), '{"t":""}');
  });

  test('a missing required argument takes its declared default (A2)', async () => {
    const fn = makeArguments({ page: { type: 'integer', default: 1 }, q: { type: 'string' } }, ['page']);
    assert.equal(await values(fn, '{"q":"x"}'), '{"page":1,"q":"x"}');
    assert.equal(await values(fn, '{"page":null}'), '{"page":1}');
  });

  test('a two-way enum match is no match (A2)', async () => {
    const fn = makeArguments({ a: { enum: ['ab', 'AB'] } });
    assert.equal((await problem(fn, '{"a":"Ab"}')).problems?.[0]?.at, '/a');
  });
});

describe('A3: what is not declared', () => {
  test('unknown arguments are dropped and named (A3, case 77)', async () => {
    const read = await readArguments(makeArguments({ a: {} }), '{"a":1,"host":"evil","__proto__":{"b":1}}');
    assert.ok('values' in read);
    assert.deepEqual([...read.values], [['a', 1]]);
    assert.deepEqual(read.dropped, ['host', '__proto__']);
  });

  test('deeper names are dropped only where the schema closes the object (A3)', async () => {
    const schema = (closed: boolean): Json => ({
      type: 'object',
      properties: { n: { type: 'integer' } },
      ...(closed ? { additionalProperties: false } : {}),
    });
    assert.equal(await values(makeArguments({ o: schema(true) }), '{"o":{"n":1,"x":2}}'), '{"o":{"n":1}}');
    assert.equal(
      await values(makeArguments({ o: schema(false) }), '{"o":{"n":1,"x":2}}'),
      '{"o":{"n":1,"x":2}}',
    );
  });

  test('names that a pattern may allow are kept (A3, A4)', async () => {
    const fn = makeArguments({
      o: { type: 'object', patternProperties: { '^x': {} }, additionalProperties: false },
    });
    assert.equal(await values(fn, '{"o":{"xa":1}}'), '{"o":{"xa":1}}');
  });
});

describe('A4, A5: validation and its words', () => {
  test('the error names place, rule and what came (A5)', async () => {
    const fn = makeArguments({ sort: { type: 'string', enum: ['cited_by_count', 'publication_date'] } });
    assert.deepEqual((await problem(fn, '{"sort":"date"}')).problems, [
      { at: '/sort', problem: 'must be cited_by_count or publication_date', got: 'date' },
    ]);
  });

  const rules: readonly (readonly [schema: Json, given: string, expected: string])[] = [
    [{ type: 'integer', minimum: 1 }, '0', 'must be at least 1'],
    [{ type: 'number', exclusiveMaximum: 1 }, '1', 'must be less than 1'],
    [{ type: 'string', minLength: 3 }, '"ab"', 'must have at least 3 characters'],
    [{ type: 'array', maxItems: 1 }, '[1,2]', 'must have at most 1 items'],
    [{ type: 'object' }, '5', 'must be object'],
    [{ type: ['integer', 'null'] }, '"x"', 'must be integer or null'],
    [{ const: 'x' }, '"y"', 'must be "x"'],
    [
      { anyOf: [{ type: 'integer' }, { type: 'object' }] },
      '[]',
      'must be number or object, as one of the variants allows',
    ],
  ];
  for (const [schema, given, expected] of rules) {
    test(`${JSON.stringify(schema)} refuses ${given} (A4)`, async () => {
      assert.equal(
        (await problem(makeArguments({ a: schema }), `{"a":${given}}`)).problems?.[0]?.problem,
        expected,
      );
    });
  }

  test('a required argument without a default is asked for (A4)', async () => {
    assert.deepEqual((await problem(makeArguments({ q: { type: 'string' } }, ['q']), '{}')).problems, [
      { at: '/q', problem: 'is required' },
    ]);
  });

  test('of a union only the variant that was meant is explained (A5)', async () => {
    const fn = makeArguments({
      u: {
        oneOf: [
          { type: 'integer' },
          { type: 'object', properties: { k: { type: 'string' } }, required: ['k'] },
        ],
      },
    });
    assert.deepEqual((await problem(fn, '{"u":{}}')).problems, [{ at: '/u/k', problem: 'is required' }]);
  });

  test('overlapping oneOf variants do not refuse what fits both (A4)', async () => {
    const fn = makeArguments({ u: { oneOf: [{ type: 'number' }, { type: 'integer' }] } });
    assert.equal(await values(fn, '{"u":1}'), '{"u":1}');
  });

  test('an enum of 150 values is enforced in full and worded in short (A5, case 54)', async () => {
    const names = Array.from({ length: 150 }, (_, at) => `value${at}`);
    const fn = makeArguments({ a: { enum: names } });
    assert.equal(await values(fn, '{"a":"value149"}'), '{"a":"value149"}');
    assert.match(
      (await problem(fn, '{"a":"x"}')).problems?.[0]?.problem ?? '',
      /^must be one of 150 values, such as value0, /,
    );
  });

  test('a list of values counts, bounds beside it that exclude them do not (A4)', async () => {
    const fn = makeArguments({ sex: { type: 'string', enum: ['MALE', 'FEMALE'], maxLength: 1 } });
    assert.equal(await values(fn, '{"sex":"MALE"}'), '{"sex":"MALE"}');
    assert.equal((await problem(fn, '{"sex":"M"}')).code, 'invalid_arguments');
  });

  test('at most 10 problems and 2,000 characters are said (A5)', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `argument${at}`,
        { enum: Array.from({ length: 24 }, (__, n) => `v${n}`) },
      ]),
    );
    const text = JSON.stringify(
      Object.fromEntries(Object.keys(properties).map((name) => [name, 'x'.repeat(200)])),
    );
    const { problems = [] } = await problem(makeArguments(properties), text);
    assert.ok(problems.length > 0 && problems.length <= 10);
  });

  test('patterns and formats never run (A4, case 55)', async () => {
    const fn = makeArguments({
      a: { type: 'string', pattern: '^(a+)+$' },
      b: { type: 'string', pattern: '(?i)[', format: 'uri' },
      c: { type: 'object', patternProperties: { '^(a+)+$': { type: 'integer' } } },
    });
    const long = `${'a'.repeat(60)}!`;
    const start = performance.now();
    await values(fn, JSON.stringify({ a: long, b: long, c: { [long]: 'x' } }));
    assert.ok(performance.now() - start < 50);
  });

  test('keywords of the wrong shape and unknown types enforce nothing (A4)', async () => {
    const fn = makeArguments({
      a: { type: 'file', enum: 'x', required: true, minimum: 'one', properties: [], items: 5, anyOf: {} },
    });
    assert.equal(await values(fn, '{"a":{"x":1}}'), '{"a":{"x":1}}');
  });

  test('of an enum and a limit that contradict each other the enum counts (A4)', async () => {
    const fn = makeArguments({ gender: { type: 'string', enum: ['MALE', 'FEMALE'], maxLength: 1 } });
    assert.equal(await values(fn, '{"gender":"MALE"}'), '{"gender":"MALE"}');
  });

  test('a property that is described nowhere is not asked for (A4)', async () => {
    const required = ['a', 'b'];
    const closed = makeArguments({ o: { type: 'object', properties: { a: {} }, required } });
    assert.equal(await values(closed, '{"o":{"a":1}}'), '{"o":{"a":1}}');
    const elsewhere = makeArguments({
      o: { properties: { a: {} }, required, allOf: [{ properties: { b: {} } }] },
    });
    assert.equal((await problem(elsewhere, '{"o":{"a":1}}')).problems?.[0]?.at, '/o/b');
  });

  test('a read-only property is not asked for (A4)', async () => {
    const fn = makeArguments({
      o: { type: 'object', properties: { id: { type: 'string', readOnly: true } }, required: ['id'] },
    });
    assert.equal(await values(fn, '{"o":{}}'), '{"o":{}}');
  });

  test('the schema of the document is not changed, frozen or not', async () => {
    const schema: Json = { type: 'object', properties: { n: Object.freeze({ type: 'integer' }) } };
    const before = JSON.stringify(schema);
    await values(makeArguments({ o: Object.freeze(schema) }), '{"o":{"n":"1"}}');
    assert.equal(JSON.stringify(schema), before);
    assert.deepEqual(Object.getOwnPropertyNames(schema), ['type', 'properties']);
  });

  test('a name with half a character keeps a value from being checked, not from being sent (A4)', async () => {
    const text = '{"o":{"\\ud800":"x"}}';
    const open = makeArguments({ o: { type: 'object', additionalProperties: { type: 'integer' } } });
    assert.equal(await values(open, text), text);
    const properties = Object.fromEntries([['\ud800', { type: 'integer' }]]);
    assert.equal(await values(makeArguments({ o: { type: 'object', properties } }), text), text);
  });

  test('names of Object.prototype are data (security A8, D8)', async () => {
    const fn = makeArguments({ o: { type: 'object', additionalProperties: { type: 'integer' } } });
    const text = '{"o":{"__proto__":"1","constructor":"2","toJSON":"3"}}';
    assert.equal(await values(fn, text), '{"o":{"__proto__":1,"constructor":2,"toJSON":3}}');
    assert.equal(({} as Record<string, unknown>)['1'], undefined);
  });
});

describe('B2: checking holds up nobody', () => {
  const variants = (count: number): Json => ({
    anyOf: Array.from({ length: count }, (_, at) => ({
      type: 'object',
      required: [`k${at}`],
      properties: { [`k${at}`]: { type: 'integer' } },
    })),
  });
  const list = (items: Json): PluginFunction => makeArguments({ a: { type: 'array', items } });
  const repeated = (one: Json, times: number): string => JSON.stringify({ a: Array(times).fill(one) });

  test('arguments that many variants would have to look at are not checked', async () => {
    for (const [fn, text] of [
      [list(variants(100)), repeated({ z: 1 }, 1000)],
      [list(variants(1000)), repeated({ k999: 1 }, 1000)],
      [list({ enum: Array.from({ length: 5000 }, (_, at) => ({ at })) }), repeated({ at: 4999 }, 9000)],
      [list({ required: Array.from({ length: 5000 }, (_, at) => `k${at}`) }), repeated({}, 9000)],
    ] as const) {
      const start = performance.now();
      assert.equal(await values(fn, text), text);
      assert.ok(performance.now() - start < 500);
    }
  });

  test('of thousands of problems the first are told, in little time', async () => {
    const start = performance.now();
    const { problems, message } = await problem(list({ type: 'integer' }), repeated('x', 15_000));
    assert.equal(problems?.length, 10);
    assert.match(message, /\/a\/0 must be integer, and more\./);
    assert.ok(performance.now() - start < 500);
  });

  test('a long list is coerced to its end', async () => {
    assert.equal(await values(list({ type: 'integer' }), repeated('1', 15_000)), repeated(1, 15_000));
  });
});
