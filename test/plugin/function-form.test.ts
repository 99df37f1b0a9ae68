// Functions in the form that an upstream takes: its profile, strict or not (S2, S7 to S9).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionForm, ProfileName } from '../../src/openai/function-form.ts';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import type { Diagnostic } from '../../src/openapi/diagnostic.ts';
import { readDocument } from '../../src/openapi/document.ts';
import { member } from '../../src/openapi/value.ts';
import { createFunctionForms, formFunction } from '../../src/plugin/function-form.ts';
import { makeFunction, type PluginFunction } from '../../src/plugin/function.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { countTokens } from '../../src/plugin/token-count.ts';
import { localContext } from './made-function.ts';

/** The function of an operation with a JSON body of these properties. */
function functionOf(properties: JsonObject, required: string[] = [], more: JsonObject = {}): PluginFunction {
  const schema = { type: 'object', properties, required };
  const post = { operationId: 'op', requestBody: { content: { 'application/json': { schema } } }, ...more };
  const { document } = readDocument(JSON.stringify({ openapi: '3.1.0', paths: { '/a': { post } } }), 'x');
  const [operation] = document ? readOperations(document, localContext).operations : [];
  assert.ok(operation);
  const made = makeFunction('p__op', 'p', operation, { params: new Map(), hiddenHeaders: new Set() });
  assert.ok(made.function);
  return made.function;
}

function parametersIn(fn: PluginFunction, profile: ProfileName, strict = false): JsonObject {
  const { formed } = formFunction(fn, { profile, strict });
  assert.ok(formed);
  return formed.definition.function.parameters;
}

/** What an upstream gets of one optional property. */
function shown(profile: ProfileName, property: Json): Json | undefined {
  return member(member(parametersIn(functionOf({ x: property }), profile), 'properties'), 'x');
}

function strictly(property: Json, required: string[] = []): Json | undefined {
  const parameters = parametersIn(functionOf({ x: property }, required), 'openai', true);
  return member(member(parameters, 'properties'), 'x');
}

test('S2: what Ollama drops stands in the description, whose words come first', () => {
  assert.deepEqual(
    shown('ollama', { type: 'integer', description: 'How many.', minimum: 1, maximum: 100, default: 7 }),
    { type: 'integer', description: 'How many.\n1 to 100; default: 7' },
  );
  assert.deepEqual(shown('ollama', { type: 'string', format: 'date' }), {
    type: 'string',
    description: 'format: date',
  });
});

test('S2: each keyword has its words', () => {
  const words: [JsonObject, string][] = [
    [{ type: 'string', pattern: '^a{2}$' }, 'pattern: ^a{2}$'],
    [{ type: 'string', minLength: 1 }, 'at least 1 character'],
    [{ type: 'string', maxLength: 9 }, 'at most 9 characters'],
    [{ type: 'string', minLength: 3, maxLength: 3 }, 'exactly 3 characters'],
    [{ type: 'string', default: 'a "b"' }, 'default: "a \\"b\\""'],
    [{ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }, 'more than 0; less than 1'],
    [{ type: 'number', multipleOf: 0.5 }, 'a multiple of 0.5'],
    [{ type: 'boolean', default: false }, 'default: false'],
    [
      { type: 'object', additionalProperties: { type: 'string' }, minProperties: 1 },
      'at least 1 property; further names are free, their values: {"type":"string"}',
    ],
  ];
  for (const [schema, description] of words) {
    assert.deepEqual(shown('ollama', schema), { type: schema['type'], description });
  }
  assert.deepEqual(
    shown('ollama', { type: 'array', items: { type: 'string' }, maxItems: 1, uniqueItems: true }),
    { type: 'array', description: 'at most 1 item; no item twice', items: { type: 'string' } },
  );
});

test('S2: what a description says already is not said again, unless it only looks so', () => {
  const limit = (description: string) =>
    member(shown('ollama', { type: 'integer', description, minimum: 1, maximum: 10 }), 'description');
  assert.equal(limit('From 1 to 10.'), 'From 1 to 10.');
  assert.equal(limit('Not 11 to 10.'), 'Not 11 to 10.\n1 to 10');
  assert.equal(limit('Not 1 to 100.'), 'Not 1 to 100.\n1 to 10');
  assert.equal(limit('Not 1 to 10.5.'), 'Not 1 to 10.5.\n1 to 10');
});

test('Gemini: keywords, formats and enums that its Schema does not have become words', () => {
  assert.deepEqual(shown('gemini', { type: 'integer', exclusiveMinimum: 0, maximum: 9, multipleOf: 3 }), {
    type: 'integer',
    description: 'more than 0; a multiple of 3',
    maximum: 9,
  });
  assert.deepEqual(shown('gemini', { type: 'string', format: 'uuid' }), {
    type: 'string',
    description: 'format: uuid',
  });
  assert.deepEqual(shown('gemini', { type: 'string', format: 'date-time' }), {
    type: 'string',
    format: 'date-time',
  });
  assert.deepEqual(shown('gemini', { type: 'integer', enum: [1, 2] }), {
    type: 'integer',
    description: 'one of 1, 2',
  });
  assert.deepEqual(shown('gemini', { type: 'string', enum: ['', 'a'] }), {
    type: 'string',
    description: 'one of "", "a"',
    enum: ['a'],
  });
  assert.deepEqual(shown('gemini', { enum: ['a', 1] }), {
    anyOf: [
      { type: 'string', description: 'one of "a", 1' },
      { type: 'number' },
      { type: 'boolean' },
      { type: 'object' },
      { type: 'array', items: { type: 'string' } },
    ],
  });
});

test('Gemini: a union stands alone; what stood beside it is told with its first variant', () => {
  const union = [{ type: 'string', description: 'A name.' }, { type: 'integer' }];
  assert.deepEqual(shown('gemini', { description: 'Which.', anyOf: union, default: 1 }), {
    anyOf: [{ type: 'string', description: 'Which.\ndefault: 1\nA name.' }, { type: 'integer' }],
  });
  assert.deepEqual(
    shown('gemini', {
      type: 'object',
      properties: { a: { type: 'string' } },
      anyOf: [{ properties: { b: { type: 'string' } } }, { properties: { c: { type: 'string' } } }],
    }),
    {
      type: 'object',
      description:
        'one of [{"type":"object","properties":{"b":{"type":"string"}}},{"type":"object","properties":{"c":{"type":"string"}}}]',
      properties: { a: { type: 'string' } },
    },
  );
});

test('Gemini: a function without arguments has no empty properties', () => {
  const { formed } = formFunction(functionOf({}, [], { requestBody: null }), {
    profile: 'gemini',
    strict: false,
  });
  assert.deepEqual(formed?.definition.function.parameters, { type: 'object' });
});

test('vLLM: only what has no grammar becomes words', () => {
  assert.deepEqual(shown('vllm', { type: 'integer', multipleOf: 3, minimum: 3, default: 6 }), {
    type: 'integer',
    description: 'a multiple of 3',
    default: 6,
    minimum: 3,
  });
});

test('OpenAI: a description beyond 1,024 characters is whole, everywhere else it is cut', () => {
  const description = 'A sentence. '.repeat(150).trim();
  const fn = functionOf({}, [], { description });
  const lengthIn = (profile: ProfileName) =>
    formFunction(fn, { profile, strict: false }).formed?.definition.function.description.length ?? 0;
  assert.equal(lengthIn('openai'), description.length);
  for (const profile of ['common', 'azure', 'gemini', 'ollama'] as const)
    assert.ok(lengthIn(profile) <= 1024);
});

test('names of functions and arguments are the same in all forms', () => {
  const fn = functionOf({ 'filter[x]': { type: 'string', format: 'date' }, $top: { type: 'integer' } });
  for (const profile of ['gemini', 'ollama', 'openai'] as const) {
    const { formed } = formFunction(fn, { profile, strict: profile === 'openai' });
    assert.equal(formed?.definition.function.name, fn.name);
    assert.deepEqual(Object.keys(Object(formed?.definition.function.parameters['properties'])), [
      ...fn.arguments.keys(),
    ]);
  }
});

test('S8: strict objects are closed, optional properties may be null, constraints are words', () => {
  const fn = functionOf(
    {
      name: { type: 'string', minLength: 1 },
      sort: { type: 'string', enum: ['up', 'down'], description: 'Order.' },
      size: { type: 'integer', default: 3 },
      inner: {
        type: 'object',
        required: ['a'],
        properties: { a: { type: 'string' }, b: { type: 'number' } },
      },
      either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    },
    ['name'],
  );
  const { formed, diagnostics } = formFunction(fn, { profile: 'openai', strict: true });
  assert.deepEqual(diagnostics, []);
  assert.equal(formed?.strict, true);
  assert.equal(formed.text, JSON.stringify(formed.definition));
  assert.equal(formed.definition.function.strict, true);
  assert.deepEqual(formed.definition.function.parameters, {
    type: 'object',
    properties: {
      name: { type: 'string', description: 'at least 1 character' },
      sort: { description: 'Order.', anyOf: [{ type: 'string', enum: ['up', 'down'] }, { type: 'null' }] },
      size: { type: ['integer', 'null'], description: 'default: 3' },
      inner: {
        type: ['object', 'null'],
        properties: { a: { type: 'string' }, b: { type: ['number', 'null'] } },
        required: ['a', 'b'],
        additionalProperties: false,
      },
      either: { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'null' }] },
    },
    required: ['name', 'sort', 'size', 'inner', 'either'],
    additionalProperties: false,
  });
});

test('S8: strict items are strict too', () => {
  const items = { type: 'object', properties: { a: { type: 'string' } } };
  assert.deepEqual(strictly({ type: 'array', items }, ['x']), {
    type: 'array',
    items: {
      type: 'object',
      properties: { a: { type: ['string', 'null'] } },
      required: ['a'],
      additionalProperties: false,
    },
  });
});

test('S8: what has no strict form is sent as usual, and that is said', () => {
  const wide = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`p${at}`, { type: 'string' }]));
  const one = { type: 'string' };
  let deep: JsonObject = one;
  for (let level = 0; level < 6; level += 1) deep = { type: 'object', properties: { a: deep } };
  const unfit: [ProfileName, JsonObject, RegExp][] = [
    ['openai', { x: { type: 'object', additionalProperties: { type: 'string' } } }, /free names/],
    ['openai', { x: { type: 'object' } }, /any shape/],
    ['openai', { x: {} }, /any type/],
    ['openai', { x: { type: 'array', items: {} } }, /any type/],
    [
      'openai',
      {
        x: {
          type: 'object',
          properties: { a: one },
          anyOf: [{ properties: { b: one } }, { properties: { c: one } }],
        },
      },
      /union beside/,
    ],
    [
      'openai',
      { x: { type: 'integer', enum: Array.from({ length: 1001 }, (_, at) => at) } },
      /1000 enum values/,
    ],
    ['azure', wide, /100 properties/],
    ['azure', { x: deep }, /5 levels/],
  ];
  for (const [profile, properties, words] of unfit) {
    const fn = functionOf(properties);
    const { formed, diagnostics } = formFunction(fn, { profile, strict: true });
    assert.equal(formed?.strict, false, String(words));
    assert.equal(formed.definition.function.strict, undefined);
    assert.deepEqual(
      diagnostics.map(({ code, severity }) => [code, severity]),
      [['not-strict', 'info']],
      String(words),
    );
    assert.match(diagnostics[0]?.message ?? '', words);
  }
});

test('S8: where there is no strict mode, strict changes nothing', () => {
  const fn = functionOf({ x: { type: 'string', format: 'date' } });
  for (const profile of ['gemini', 'anthropic', 'ollama'] as const) {
    const usual = formFunction(fn, { profile, strict: false });
    assert.deepEqual(formFunction(fn, { profile, strict: true }), usual);
  }
});

test('S5: each function is made once per form, with the same bytes each time, and frozen', () => {
  const heard: Diagnostic[] = [];
  const formOf = createFunctionForms((finding) => heard.push(finding));
  const fn = functionOf({ x: { type: 'object' } });
  const forms: FunctionForm[] = [
    { profile: 'gemini', strict: false },
    { profile: 'openai', strict: true },
  ];
  for (const form of forms) {
    const first = formOf(fn, form);
    assert.equal(formOf(fn, { ...form }), first);
    assert.equal(
      createFunctionForms(() => {})(functionOf({ x: { type: 'object' } }), form)?.text,
      first?.text,
    );
    assert.ok(Object.isFrozen(first?.definition.function.parameters));
  }
  assert.deepEqual(
    heard.map(({ code }) => code),
    ['not-strict'],
  );
});

test('S6, S8: a function that is too large when it is strict is complete rather than strict', () => {
  const bound = { type: 'integer', minimum: 10, maximum: 99, description: 'This one.' };
  const fn = functionOf(Object.fromEntries(Array.from({ length: 220 }, (_, at) => [`value${at}`, bound])));
  const { formed, diagnostics } = formFunction(fn, { profile: 'openai', strict: true });
  assert.equal(formed?.strict, false);
  assert.match(diagnostics[0]?.message ?? '', /more than 5,000 tokens/);
  assert.equal(formed.text, fn.text);
});

test('S6: a function that the words of a profile make too large is shortened there alone', () => {
  const properties = Object.fromEntries(
    Array.from({ length: 330 }, (_, at) => [`v${at}`, { type: 'integer', exclusiveMinimum: 1000 }]),
  );
  const fn = functionOf(properties);
  const tokensIn = (profile: ProfileName) => {
    const { formed, diagnostics } = formFunction(fn, { profile, strict: false });
    return [countTokens(formed?.text ?? ''), diagnostics.map(({ code }) => code)] as const;
  };
  assert.deepEqual(tokensIn('common')[1], []);
  const [tokens, codes] = tokensIn('gemini');
  assert.ok(tokens <= 5000, `${tokens} tokens`);
  assert.equal(codes.length, 1);
});
