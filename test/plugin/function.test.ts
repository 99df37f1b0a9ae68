// Functions as the model sees them: complete, legal, with the way back to the operation.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import { readDocument } from '../../src/openapi/document.ts';
import { member } from '../../src/openapi/value.ts';
import { makeFunction, type FunctionOptions, type PluginFunction } from '../../src/plugin/function.ts';
import { readOperations } from '../../src/plugin/operation.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';
import { localContext } from './made-function.ts';

interface Options {
  readonly params?: Record<string, Json>;
  readonly headers?: string[];
  readonly path?: string;
  readonly root?: Record<string, unknown>;
}

function optionsOf({ params = {}, headers = [] }: Options): FunctionOptions {
  return { params: new Map(Object.entries(params)), hiddenHeaders: new Set(headers) };
}

function make(operation: unknown, options: Options = {}) {
  const paths = { [options.path ?? '/a']: { post: operation } };
  const { document } = readDocument(JSON.stringify({ openapi: '3.1.0', ...options.root, paths }), 'x');
  const [found] = document ? readOperations(document, localContext).operations : [];
  assert.ok(found);
  return makeFunction('p__f', 'p', found, optionsOf(options));
}

function made(operation: unknown, options: Options = {}): PluginFunction {
  const result = make(operation, options).function;
  assert.ok(result);
  return result;
}

const shown = (operation: unknown, options: Options = {}): JsonObject =>
  made(operation, options).definition.function.parameters;
const json = (schema: unknown, more: object = {}) => ({
  requestBody: { content: { 'application/json': { schema } }, ...more },
});
const parameter = (name: string, place: string, more: object = {}) => ({
  name,
  in: place,
  schema: { type: 'string' },
  ...more,
});
/** What the model sees of one property of a JSON body. */
const property = (schema: unknown, required = false): Json | undefined =>
  member(
    member(
      shown(json({ type: 'object', properties: { x: schema }, ...(required && { required: ['x'] }) })),
      'properties',
    ),
    'x',
  );

test('a function has name, description, parameters; its text is the bytes that are injected', () => {
  const result = made({
    summary: 'Adds one',
    ...json({ type: 'object', required: ['text'], properties: { text: { type: 'string' } } }),
  });
  assert.deepEqual(result.definition, {
    type: 'function',
    function: {
      name: 'p__f',
      description: 'Adds one',
      parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    },
  });
  assert.equal(result.text, JSON.stringify(result.definition));
  assert.ok(result.tokens > 10 && result.tokens < 60);
  assert.ok(Object.isFrozen(result) && Object.isFrozen(result.definition.function.parameters));
});

test('case 34: without description and parameters an operation is usable', () => {
  assert.deepEqual(made({}).definition.function, {
    name: 'p__f',
    description: 'POST /a',
    parameters: { type: 'object', properties: {} },
  });
});

test('case 36, S1: summary and description are joined, HTML and blanks go, 1,024 characters stay', () => {
  const describe = (summary: string, description: string) =>
    made({ summary, description }).definition.function.description;
  assert.equal(describe('List', 'List all todos'), 'List all todos');
  assert.equal(
    describe('Lists', 'All <b>bold</b>  &amp;\r\n\r\n\r\n `{x}` <id>'),
    'Lists\nAll bold &\n`{x}` <id>',
  );
  assert.equal(describe('', 'a\u202eb\u0000c\u200b'), 'abc');
  const long = make({ description: `${'x'.repeat(900)}. ${'y'.repeat(900)}` });
  assert.equal(long.function?.definition.function.description, `${'x'.repeat(900)}.`);
  assert.deepEqual(
    long.diagnostics.map(({ code, severity }) => [code, severity]),
    [['description-cut', 'warning']],
  );
});

test('N11: arguments stand in the order path, query, header, cookie, body', () => {
  const operation = {
    parameters: [
      parameter('c', 'cookie'),
      parameter('h', 'header'),
      parameter('q', 'query', { required: true }),
      parameter('b', 'path'),
    ],
    ...json({ type: 'object', properties: { z: {}, y: {} }, required: ['y'] }),
  };
  const result = made(operation, { path: '/a/{b}' });
  assert.deepEqual([...result.arguments.keys()], ['b', 'q', 'h', 'c', 'z', 'y']);
  assert.deepEqual(member(result.definition.function.parameters, 'required'), ['b', 'q', 'y']);
});

test('case 52, N11: the same name twice: the first keeps it, a map leads back', () => {
  const operation = {
    parameters: [
      parameter('id', 'path'),
      parameter('id', 'query'),
      parameter('body_id', 'query'),
      parameter('id', 'header'),
    ],
    ...json({ type: 'object', properties: { id: { type: 'integer' }, body: {} } }),
  };
  const result = made(operation, { path: '/a/{id}' });
  assert.deepEqual(
    [...result.arguments.keys()],
    ['id', 'query_id', 'body_id', 'header_id', 'body_id_2', 'body'],
  );
  assert.deepEqual(result.arguments.get('body_id_2')?.target, { kind: 'property', property: 'id' });
  const target = result.arguments.get('query_id')?.target;
  assert.equal(target?.kind === 'parameter' && `${target.parameter.in} ${target.parameter.name}`, 'query id');
});

test('case 51, N13: illegal names are renamed, a map leads back', () => {
  const long = 'n'.repeat(80);
  const operation = {
    parameters: ['filter[x]', '$top', 'South Australia', '3d', long, 'filter.x', '_id'].map((name) =>
      parameter(name, 'query'),
    ),
  };
  const names = [...made(operation).arguments.keys()];
  assert.deepEqual(names.slice(0, 4), ['filter_x', 'top', 'South_Australia', '_3d']);
  assert.match(names[4] ?? '', /^n{57}_[0-9a-f]{6}$/);
  assert.deepEqual(names.slice(5), ['query_filter_x', '_id']);
});

test('case 53, N10: reserved headers, credentials and hidden headers are not offered', () => {
  const securitySchemes = { k: { type: 'apiKey', in: 'query', name: 'key' } };
  const operation = {
    parameters: [
      ...['Accept', 'content-type', 'AUTHORIZATION', 'Host', 'X-Forwarded-For', 'X-User', 'X-Free'].map(
        (name) => parameter(name, 'header', { required: true }),
      ),
      parameter('key', 'query', { required: true }),
    ],
  };
  const result = made(operation, { headers: ['x-user'], root: { components: { securitySchemes } } });
  assert.deepEqual([...result.arguments.keys()], ['X-Free']);
  assert.deepEqual(member(result.definition.function.parameters, 'required'), ['X-Free']);
});

test('M15, A9: an overridden name is hidden wherever it is declared, in every spelling', () => {
  const operation = {
    parameters: [
      parameter('sort', 'query', { required: true }),
      parameter('Sort[]', 'query'),
      parameter('SORT', 'header'),
      parameter('sort[field]', 'query'),
      parameter('%73ort', 'query'),
      parameter('q', 'query'),
    ],
    ...json({ type: 'object', properties: { sort: {}, text: {} }, required: ['sort'] }),
  };
  const result = made(operation, { params: { sort: 'x', user_has_request: true } });
  assert.deepEqual([...result.arguments.keys()], ['q', 'text']);
  assert.equal(member(result.definition.function.parameters, 'required'), undefined);
});

test('A9: an override of another spelling does not take a path variable away', () => {
  const options = { path: '/a/{id}', params: { ID: 5 } };
  const operation = { parameters: [parameter('id', 'path', { required: true }), parameter('Id', 'query')] };
  assert.deepEqual([...made(operation, options).arguments.keys()], ['id']);
  assert.deepEqual([...made(operation, { ...options, params: { id: 5 } }).arguments.keys()], []);
});

test('M16: an override outside the declared values is reported, one that can be read as such is not', () => {
  const operation = {
    parameters: [
      parameter('sort', 'query', { schema: { enum: ['cited_by_count', 'date'] } }),
      parameter('page', 'query', { schema: { type: 'integer', enum: [1, 2] } }),
      parameter('tags', 'query', { schema: { type: 'array', items: { enum: ['a', 'b'] } } }),
    ],
    ...json({ type: 'object', properties: { mode: { type: 'string', enum: ['x'] }, free: {} } }),
  };
  const codes = (params: Record<string, Json>) =>
    make(operation, { params }).diagnostics.map(({ code, pointer, message }) => [code, pointer, message]);
  assert.deepEqual(codes({ sort: 'DATE', page: '2', tags: 'a', mode: null, free: 1, other: 1 }), []);
  assert.deepEqual(codes({ sort: 'name' }), [
    [
      'override-enum',
      '/paths/~1a/post',
      'The operation post_a declares for "sort" the values "cited_by_count", "date"; "params" sets "name", which is sent as written.',
    ],
  ]);
  for (const params of [{ page: 3 }, { tags: ['a', 'c'] }, { mode: 'y' }])
    assert.equal(codes(params).length, 1);
});

test('M13, M15: an overridden property leaves every variant of a union body', () => {
  const variant = (name: string) => ({
    type: 'object',
    properties: { sort: {}, [name]: {} },
    required: ['sort', name],
  });
  const result = made(json({ oneOf: [variant('a'), variant('b')] }), { params: { sort: 1 } });
  const expected = [
    { type: 'object', properties: { a: {} }, required: ['a'] },
    { type: 'object', properties: { b: {} }, required: ['b'] },
  ];
  assert.deepEqual(
    member(member(member(result.definition.function.parameters, 'properties'), 'body'), 'anyOf'),
    expected,
  );
  assert.deepEqual(result.arguments.get('body')?.schema, { oneOf: expected });
});

test('M18: a header of a name does not hide a query parameter of that name', () => {
  const result = made(
    { parameters: [parameter('id', 'query'), parameter('id', 'header')] },
    { headers: ['id'] },
  );
  assert.deepEqual(
    [...result.arguments.values()].map(({ target }) => target.kind === 'parameter' && target.parameter.in),
    ['query'],
  );
});

test('N12: a body is flattened only if it is one object with properties and nothing else', () => {
  const names = (schema: unknown): string[] => [...made(json(schema)).arguments.keys()];
  const properties = { a: {} };
  assert.deepEqual(names({ properties }), ['a']);
  assert.deepEqual(names({ allOf: [{ properties }, { properties: { b: {} } }] }), ['a', 'b']);
  assert.deepEqual(names({ type: ['object', 'null'], properties }), ['a']);
  assert.deepEqual(names({ type: 'object', properties, additionalProperties: false }), ['a']);
  for (const schema of [
    { type: 'object', properties, additionalProperties: { type: 'string' } },
    { type: 'object' },
    { type: 'object', properties, anyOf: [{ required: ['a'] }] },
    { type: 'array', items: {} },
    { type: 'string' },
    {},
  ]) {
    assert.deepEqual(names(schema), ['body'], JSON.stringify(schema));
  }
});

test('case 50: properties of an optional body are not forced, but marked', () => {
  const parameters = shown(
    json({ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }, { required: false }),
  );
  assert.deepEqual(parameters, {
    type: 'object',
    properties: { a: { type: 'string', description: 'needed when any part of the body is given' } },
  });
});

test('a required name that no property describes can be said all the same', () => {
  const item = { type: 'object', properties: { uid: { type: 'integer' } }, required: ['uid', 'quantity'] };
  assert.deepEqual(property(item), {
    type: 'object',
    properties: { uid: { type: 'integer' }, quantity: {} },
    required: ['uid', 'quantity'],
  });
  assert.deepEqual(shown(json(item)), {
    type: 'object',
    properties: { uid: { type: 'integer' }, quantity: {} },
    required: ['uid', 'quantity'],
  });
});

test('case 46: a union at the root of the body is one argument; the root stays an object', () => {
  const parameters = shown(json({ oneOf: [{ type: 'string' }, { type: 'integer' }] }));
  assert.deepEqual(parameters, {
    type: 'object',
    properties: { body: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
    required: ['body'],
  });
});

test('case 81: array, string and number bodies are one argument', () => {
  assert.deepEqual(member(shown(json({ type: 'array', items: { type: 'integer' } })), 'properties'), {
    body: { type: 'array', items: { type: 'integer' } },
  });
});

test('cases 84 and 85: text, binary and XML bodies are one text', () => {
  const body = (type: string, schema: unknown) =>
    member(member(shown({ requestBody: { content: { [type]: { schema } } } }), 'properties'), 'body');
  assert.deepEqual(body('text/plain', { type: 'string' }), { type: 'string' });
  assert.deepEqual(body('application/octet-stream', {}), {
    type: 'string',
    description: 'the whole body, base64',
  });
  assert.deepEqual(body('application/xml', { type: 'object', description: 'a pet' }), {
    type: 'string',
    description: 'the whole body as XML text\na pet',
  });
});

test('a multipart body that is described as one text is the field "file"', () => {
  const schema = { type: 'string', format: 'binary' };
  const operation = { requestBody: { content: { 'multipart/form-data': { schema } } } };
  assert.deepEqual([...made(operation).arguments.keys()], ['file']);
});

test('what the document says about a flattened body is not lost', () => {
  const operation = {
    summary: 'Adds',
    ...json(
      { type: 'object', description: 'A to-do', properties: { a: {} } },
      { description: 'The new one' },
    ),
  };
  assert.equal(made(operation).definition.function.description, 'Adds\nThe new one\nA to-do');
});

test('case 38: descriptions of parameters and their schemas are kept', () => {
  const operation = {
    parameters: [
      parameter('q', 'query', {
        description: 'What to find',
        schema: { type: 'string', description: 'as words' },
      }),
    ],
  };
  assert.deepEqual(member(shown(operation), 'properties'), {
    q: { type: 'string', description: 'What to find\nas words' },
  });
});

test('cases 39 and 49: enum, default, format and constraints are kept; a property without type stays', () => {
  const all = {
    type: 'string',
    enum: ['a', 'b'],
    default: 'a',
    format: 'date',
    pattern: '^a',
    minLength: 1,
    maxLength: 9,
  };
  assert.deepEqual(property(all), all);
  const number = { type: 'integer', minimum: 1, maximum: 9, multipleOf: 2, exclusiveMinimum: 0, default: 0 };
  assert.deepEqual(property(number), number);
  assert.deepEqual(property({ description: 'd' }), { description: 'd' });
});

test('case 40: const becomes a one-value enum', () => {
  assert.deepEqual(property({ const: 'x' }), { type: 'string', enum: ['x'] });
});

test('case 42: an array without items gets items', () => {
  assert.deepEqual(property({ type: 'array' }), { type: 'array', items: {} });
  assert.deepEqual(property({ type: ['array', 'string'] }), {
    anyOf: [{ type: 'array', items: {} }, { type: 'string' }],
  });
});

test('case 43, S3: null is dropped where optional and told where required; type lists become a union', () => {
  assert.deepEqual(property({ type: ['string', 'null'] }), { type: 'string' });
  assert.deepEqual(property({ type: ['string', 'null'] }, true), {
    type: 'string',
    description: 'may be null',
  });
  assert.deepEqual(property({ anyOf: [{ type: 'string', description: 'd' }, { type: 'null' }] }), {
    type: 'string',
    description: 'd',
  });
  assert.deepEqual(property({ type: ['string', 'integer'] }), {
    anyOf: [{ type: 'string' }, { type: 'integer' }],
  });
});

test('case 45, S4: allOf is merged, siblings win, types narrow', () => {
  const schema = {
    description: 'sibling',
    allOf: [
      {
        type: 'object',
        description: 'base',
        required: ['a'],
        properties: { a: { type: 'number' }, b: { type: 'string' } },
      },
      { required: ['b'], properties: { a: { type: 'integer', minimum: 1 } } },
    ],
    properties: { c: {} },
  };
  assert.deepEqual(property(schema), {
    type: 'object',
    description: 'sibling\nbase',
    properties: { a: { type: 'integer', minimum: 1 }, b: { type: 'string' }, c: {} },
    required: ['a', 'b'],
  });
  assert.deepEqual(property({ allOf: [{ type: 'string', enum: ['a'] }], description: 'd' }), {
    type: 'string',
    description: 'd',
    enum: ['a'],
  });
  const conflict = make(
    json({ type: 'object', properties: { x: { allOf: [{ type: 'string' }, { type: 'integer' }] } } }),
  );
  assert.deepEqual(
    conflict.diagnostics.map(({ code }) => code),
    ['allof-conflict'],
  );
});

test('case 48: maps are kept; false and empty schemas do no harm', () => {
  assert.deepEqual(property({ type: 'object', additionalProperties: { type: 'integer' } }), {
    type: 'object',
    additionalProperties: { type: 'integer' },
  });
  assert.deepEqual(property({ type: 'object', properties: { a: true, b: false } }), {
    type: 'object',
    properties: { a: {} },
  });
  assert.deepEqual(property({ type: 'object', patternProperties: { '^x-': { type: 'string' } } }), {
    type: 'object',
    description: 'names match ^x-',
    additionalProperties: { type: 'string' },
  });
});

test('S2: what the profile has no keyword for becomes words', () => {
  assert.deepEqual(
    property({
      type: 'string',
      not: { enum: ['x'] },
      deprecated: true,
      contentEncoding: 'base64',
      description: 'd',
    }),
    {
      type: 'string',
      description: 'd\ndeprecated\nnot: {"enum":["x"]}\nbase64 or data URL',
    },
  );
  assert.deepEqual(property({ type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }] }), {
    type: 'array',
    description: 'items in the order given',
    items: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
  });
  assert.deepEqual(
    property({
      type: 'object',
      properties: { a: {}, b: {} },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    }),
    {
      type: 'object',
      description: 'needs a, or b',
      properties: { a: {}, b: {} },
    },
  );
});

test('L1: titles and examples stand in where a description is missing', () => {
  assert.deepEqual(property({ type: 'string', title: 'Page size', description: 'd' }), {
    type: 'string',
    description: 'd',
  });
  assert.deepEqual(property({ type: 'string', title: 'Page size' }), {
    type: 'string',
    description: 'Page size',
  });
  assert.deepEqual(property({ type: 'string', title: 'X' }), { type: 'string' });
  assert.deepEqual(property({ type: 'string', example: 'abc', xml: {}, 'x-a': 1 }), {
    type: 'string',
    description: 'e.g. "abc"',
  });
});

test('S4: string enums of a union merge; equal variants do too', () => {
  assert.deepEqual(
    property({
      oneOf: [
        { type: 'string', enum: ['a'] },
        { type: 'string', enum: ['b', 'a'] },
      ],
    }),
    { type: 'string', enum: ['a', 'b'] },
  );
  assert.deepEqual(property({ anyOf: [{ type: 'string' }, { type: 'string' }] }), { type: 'string' });
});

test('case 54: an enum over 100 values is shown and validated whole', () => {
  const values = Array.from({ length: 150 }, (_, index) => `v${index}`);
  const result = made(json({ type: 'object', properties: { x: { enum: values } } }));
  assert.deepEqual(member(result.arguments.get('x')?.schema as JsonObject, 'enum'), values);
  assert.deepEqual(
    member(member(member(result.definition.function.parameters, 'properties'), 'x'), 'enum'),
    values,
  );
});

test('case 55: hostile patterns are data while a function is made', () => {
  const started = performance.now();
  assert.deepEqual(property({ type: 'string', pattern: '^(a+)+$' }), { type: 'string', pattern: '^(a+)+$' });
  assert.ok(performance.now() - started < 200);
});

test('S6: a function beyond 5,000 tokens falls level by level, and says so', () => {
  const properties = (count: number, text: string) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `property${index}`,
        { type: 'string', description: `${text} ${index}` },
      ]),
    );
  const wordy = make(
    json({ type: 'object', properties: properties(100, 'some words that say little. '.repeat(12)) }),
  );
  assert.deepEqual(
    wordy.diagnostics.map(({ code }) => code),
    ['function-trimmed'],
  );
  assert.ok((wordy.function?.tokens ?? Infinity) <= 5000);
  const deep = (level: number): object => ({
    type: 'object',
    properties: level === 0 ? { a: {} } : { a: deep(level - 1), b: deep(level - 1) },
  });
  const large = make(
    json({
      type: 'object',
      properties: { big: { ...deep(10), required: ['a'] }, small: { type: 'string' } },
    }),
  );
  assert.ok((large.function?.tokens ?? Infinity) <= 5000);
  const wide = make(
    json({
      type: 'object',
      properties: { big: { type: 'object', properties: properties(3000, 'x') }, small: { type: 'string' } },
    }),
  );
  assert.deepEqual(
    wide.diagnostics.map(({ code }) => code),
    ['function-large'],
  );
  assert.deepEqual(member(wide.function?.definition.function.parameters, 'properties'), {
    big: { type: 'object' },
    small: { type: 'string' },
  });
  assert.equal(
    Object.keys(member(wide.function?.arguments.get('big')?.schema as JsonObject, 'properties') as object)
      .length,
    3000,
  );
});

test('D8: a property __proto__ is an argument like others', () => {
  const properties = JSON.parse('{"__proto__":{"type":"string"},"constructor":{"type":"integer"}}') as object;
  const result = made(json({ type: 'object', properties }));
  assert.deepEqual([...result.arguments.keys()], ['__proto__', 'constructor']);
  assert.match(
    result.text,
    /"properties":\{"__proto__":\{"type":"string"\},"constructor":\{"type":"integer"\}\}/,
  );
});

/** The functions of a real document. */
function functionsOf(file: string, params: Record<string, Json> = {}): Map<string, PluginFunction> {
  const { document } = readDocument(readFileSync(`${sharedFolder()}/corpus/lineage/${file}`, 'utf8'), file);
  assert.ok(document);
  const { operations } = readOperations(document, localContext);
  return new Map(
    operations.map((operation) => {
      const result = makeFunction(`p__${operation.id}`, 'p', operation, optionsOf({ params })).function;
      assert.ok(result);
      return [operation.id, result];
    }),
  );
}

test("ScholarAI: sort is out of the model's sight once it is overridden", needsShared, () => {
  const plain = functionsOf('librechat/openapi/scholarai.yaml');
  const forced = functionsOf('librechat/openapi/scholarai.yaml', { sort: 'cited_by_count' });
  const [search] = plain.keys();
  assert.ok(plain.get(search ?? '')?.arguments.has('sort'));
  for (const one of forced.values()) assert.equal(one.arguments.has('sort'), false);
  assert.deepEqual([...plain.keys()], [...forced.keys()]);
});

test("WebPilot: user_has_request leaves the body's properties once it is overridden", needsShared, () => {
  const [visit] = functionsOf('librechat-remote-specs-2023-06/webreader.webpilotai.com.yaml', {
    user_has_request: true,
  }).values();
  assert.ok(visit && !visit.arguments.has('user_has_request') && visit.arguments.has('link'));
});
