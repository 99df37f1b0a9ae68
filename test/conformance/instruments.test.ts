// The instruments of `npm run conformance` notice what they are there to notice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declaredOperations, type Declared } from '../../bench/conformance/declared.ts';
import { factsOf } from '../../bench/conformance/facts.ts';
import { tally } from '../../bench/conformance/kept.ts';
import { createProfileCheck } from '../../bench/conformance/legal.ts';
import { convertDocument, originsOf } from '../../bench/conformance/ours.ts';
import { findLosses, findRefusal, findStrictRefusal } from '../../bench/conformance/profile-rules.ts';
import { findDeviations, type Arrived } from '../../bench/conformance/read-back.ts';
import { createRandom, makeValue } from '../../bench/conformance/values.ts';

const document = {
  openapi: '3.0.0',
  servers: [{ url: 'https://api.example/base' }],
  paths: {
    '/items/{id}': {
      post: {
        summary: 'Changes an item',
        parameters: [
          {
            name: 'id',
            in: 'path',
            required: true,
            description: 'Its number',
            schema: { type: 'integer', minimum: 1 },
          },
          {
            name: 'tags',
            in: 'query',
            style: 'pipeDelimited',
            explode: false,
            schema: { type: 'array', items: { type: 'string' } },
          },
          { name: 'X-Trace', in: 'header', schema: { type: 'string' } },
        ],
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                properties: {
                  size: { type: 'string', enum: ['s', 'l'], default: 's', description: 'How <b>large</b>' },
                  stamp: { type: 'string', readOnly: true, description: 'Never sent' },
                },
              },
            },
          },
        },
      },
    },
  },
};

function subject(): { declared: Declared; fn: ReturnType<typeof convertDocument>['functions'][number] } {
  const [declared] = declaredOperations(document);
  const [fn] = convertDocument(JSON.stringify(document), 'x', []).functions;
  assert.ok(declared && fn);
  return { declared, fn };
}

const arrived = (more: Partial<Arrived> = {}): Arrived => ({
  method: 'POST',
  target: '/base/items/7?tags=a%20b%7Cc',
  headers: new Map([
    ['x-trace', 't'],
    ['content-type', 'application/json'],
  ]),
  body: Buffer.from('{"size":"l"}'),
  ...more,
});

const meant = {
  parameters: new Map<string, unknown>([
    ['path id', 7],
    ['query tags', ['a b', 'c']],
    ['header X-Trace', 't'],
  ]),
  body: { size: 'l' },
};

test('the counter counts what the model may send, and finds all of it in a complete function', () => {
  const { declared, fn } = subject();
  const losses: string[] = [];
  const counted = tally(factsOf(declared), fn.definition.function, originsOf(fn), (fact) =>
    losses.push(fact.keyword),
  );
  assert.deepEqual(losses, []);
  assert.deepEqual(
    Object.values(counted).map(({ total }) => total),
    [1, 2, 1, 1, 0, 1],
  );
});

test('the counter misses a text, a value and a bound that are gone or stand elsewhere', () => {
  const { declared, fn } = subject();
  const shown = JSON.parse(JSON.stringify(fn.definition.function)) as {
    name: string;
    description: string;
    parameters: unknown;
  };
  const parameters = shown.parameters as { properties: Record<string, Record<string, unknown>> };
  const { id, size } = parameters.properties;
  assert.ok(id && size);
  delete id['minimum'];
  size['minimum'] = 1;
  size['enum'] = ['s'];
  size['description'] = 'How';
  const losses: string[] = [];
  tally(factsOf(declared), shown, originsOf(fn), (fact) => losses.push(fact.keyword));
  assert.deepEqual(losses.toSorted(), ['description', 'enum', 'minimum']);
});

test('the profile check refuses what the profile does not have', () => {
  const { fn } = subject();
  const { name, description, parameters } = fn.definition.function;
  const fits = createProfileCheck();
  assert.equal(fits({ name, description, parameters }), null);
  assert.notEqual(fits({ name: '1x', description, parameters }), null);
  for (const schema of [{ type: 'array' }, { $ref: '#/x' }, { type: ['string', 'null'] }, { oneOf: [{}] }])
    assert.notEqual(
      fits({ name, description, parameters: { type: 'object', properties: { x: schema } } }),
      null,
    );
});

test('the reader accepts what was meant, and names every deviation', () => {
  const { declared } = subject();
  assert.deepEqual(findDeviations(declared, arrived(), meant, '/base'), []);
  const wrong: [string, Partial<Arrived>][] = [
    ['method', { method: 'PUT' }],
    ['path', { target: '/items/7?tags=a%20b%7Cc' }],
    ['path id', { target: '/base/items/8?tags=a%20b%7Cc' }],
    ['query tags', { target: '/base/items/7?tags=a%20b,c' }],
    ['undeclared in the query', { target: '/base/items/7?tags=a%20b%7Cc&more=1' }],
    ['header X-Trace', { headers: new Map([['content-type', 'application/json']]) }],
    ['undeclared header', { headers: new Map([...arrived().headers, ['x-other', '1']]) }],
    ['body', { body: Buffer.from('{"size":"s"}') }],
    ['the body is text/plain', { headers: new Map([...arrived().headers, ['content-type', 'text/plain']]) }],
  ];
  for (const [what, more] of wrong) {
    const found = findDeviations(declared, arrived(more), meant, '/base');
    assert.ok(found[0]?.startsWith(what), `${what}: ${found.join('; ')}`);
  }
});

test('the generator gives the same values for the same seed, within the bounds', () => {
  const schema = {
    type: 'object',
    required: ['n', 'list'],
    properties: {
      n: { type: 'integer', minimum: 3, maximum: 5 },
      list: { type: 'array', minItems: 2, items: { enum: ['a', 'b'] } },
      text: { type: 'string', maxLength: 4 },
    },
  };
  const make = (seed: string) =>
    makeValue(schema, { random: createRandom(seed), pieces: ['&'], optional: 'all' }) as {
      n: number;
      list: string[];
      text: string;
    };
  assert.deepEqual(make('one'), make('one'));
  for (let round = 0; round < 50; round += 1) {
    const { n, list, text } = make(String(round));
    assert.ok(n >= 3 && n <= 5 && list.length >= 2 && text.length <= 4);
  }
});

test('the rules of the profiles notice what each API refuses', () => {
  const withProperty = (x: object) => ({
    name: 'p__f',
    description: 'D',
    parameters: { type: 'object', properties: { x } },
  });
  const refused = {
    common: [{ type: ['string', 'null'] }, { type: 'array' }, { const: 1 }, { type: 'string', enum: [] }],
    gemini: [
      {},
      { type: 'string', format: 'date' },
      { type: 'integer', enum: [1] },
      { default: 1, type: 'integer' },
    ],
    groq: [{ type: 'object', required: [] }],
    vllm: [{ type: 'integer', multipleOf: 2 }],
    ollama: [{ type: 'string', format: 'date' }],
  } as const;
  for (const [profile, schemas] of Object.entries(refused)) {
    for (const schema of schemas)
      assert.notEqual(findRefusal(withProperty(schema), profile as keyof typeof refused), null, profile);
  }
  assert.equal(findRefusal(withProperty({ type: 'string', enum: ['a'] }), 'gemini'), null);
  assert.notEqual(findStrictRefusal({ ...withProperty({ type: 'string' }), strict: true }), null);
});

test('the rules of the profiles notice what is not said any more', () => {
  const whole = { type: 'object', properties: { a: { type: 'integer', minimum: 3, description: 'Size' } } };
  const formed = (a: object) => ({ type: 'object', properties: { a } });
  assert.deepEqual(findLosses(whole, formed({ type: 'integer', description: 'Size\nat least 3' })), []);
  assert.equal(findLosses(whole, formed({ type: 'integer', description: 'Size' })).length, 1);
  assert.equal(findLosses(whole, formed({ type: 'integer', minimum: 3 })).length, 1);
  assert.equal(findLosses(whole, { type: 'object', properties: {} }).length, 1);
});
