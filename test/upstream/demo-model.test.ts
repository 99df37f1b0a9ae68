// The demo model: what it calls, with which arguments, and what it says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Chunk, Json, JsonObject } from '../../src/openai/chat.ts';
import { chunksOf } from '../../src/openai/more-text.ts';
import { parseRequest } from '../../src/openai/request.ts';
import { createDemoModel } from '../../src/upstream/demo-model.ts';

const text = { type: 'string' };
const integer = { type: 'integer' };
const list = { type: 'string', enum: ['inbox', 'work', 'shopping'] };
const unit = { type: 'string', enum: ['km', 'm', 'mile', 'kg', 'pound', 'celsius', 'fahrenheit'] };

function tool(name: string, description: string, properties: JsonObject, required: string[] = []) {
  return {
    type: 'function',
    function: { name, description, parameters: { type: 'object', properties, required } },
  };
}

const tools = [
  tool('todo__listTodos', 'List to-do items', {
    status: { type: 'string', enum: ['open', 'completed', 'all'] },
    limit: { type: 'integer', description: 'How many items at most.' },
    'X-List': list,
  }),
  tool(
    'todo__addTodo',
    "Add a to-do item. Adds one item to one of the user's lists.",
    {
      title: text,
      due: { type: 'string', format: 'date' },
      priority: { type: 'string', enum: ['low', 'high'] },
      'X-List': list,
    },
    ['title'],
  ),
  tool('todo__completeTodo', 'Mark a to-do item as completed', { id: integer }, ['id']),
  tool('todo__deleteTodo', 'Delete a to-do item', { id: integer }, ['id']),
  tool('converter__convertUnits', 'Convert a value', { value: { type: 'number' }, from: unit, to: unit }, [
    'value',
    'from',
    'to',
  ]),
  tool('bookshop__searchBooks', 'Search books', {
    query: text,
    maxPrice: { type: 'number', description: 'Only books that cost at most this much.' },
    inStock: { type: 'boolean' },
  }),
  tool(
    'bookshop__placeOrder',
    'Order books',
    {
      items: {
        type: 'array',
        items: {
          type: 'object',
          properties: { bookId: text, quantity: { type: 'integer', description: 'How many copies.' } },
          required: ['bookId'],
        },
      },
      giftWrap: { type: 'boolean' },
    },
    ['items'],
  ),
  tool('weather__current', 'Current weather of a place', { location: text }, ['location']),
];

interface Answer {
  calls: [name: string, args: Json][];
  text: string;
  finish: string | null | undefined;
  chunks: Chunk[];
}

async function ask(messages: object[], more: object = {}): Promise<Answer> {
  const request = parseRequest(JSON.stringify({ model: 'any', messages, tools, ...more }));
  const chunks: Chunk[] = [];
  const signal = new AbortController().signal;
  const { pieces: read } = await createDemoModel().ask(request, signal);
  for await (const pieces of read) chunks.push(...pieces.flatMap(chunksOf));
  const calls = new Map<number, { name: string; text: string }>();
  let content = '';
  for (const { delta } of chunks.flatMap((chunk) => chunk.choices)) {
    if (typeof delta.content === 'string') content += delta.content;
    for (const { index = 0, function: fn } of delta.tool_calls ?? []) {
      const known = calls.get(index) ?? { name: fn?.name ?? '', text: '' };
      calls.set(index, {
        ...known,
        text: known.text + (typeof fn?.arguments === 'string' ? fn.arguments : ''),
      });
    }
  }
  return {
    calls: [...calls.values()].map((call) => [call.name, JSON.parse(call.text)]),
    text: content,
    finish: chunks.flatMap((chunk) => chunk.choices).findLast((choice) => choice.finish_reason)
      ?.finish_reason,
    chunks,
  };
}

const user = (content: string) => ({ role: 'user', content });

/** Plays a conversation: `results` answers each call; gives the calls of each step and the final text. */
async function play(message: string, results: (name: string, args: Json) => Json) {
  const messages: object[] = [user(message)];
  const steps: Answer['calls'][] = [];
  for (let step = 0; step < 10; step++) {
    const answer = await ask(messages);
    if (answer.calls.length === 0) return { steps, text: answer.text };
    steps.push(answer.calls);
    const calls = answer.calls.map(([name, args], index) => ({
      id: `call_${step}_${index}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(args) },
    }));
    messages.push({ role: 'assistant', content: null, tool_calls: calls });
    for (const [index, [name, args]] of answer.calls.entries()) {
      messages.push({
        role: 'tool',
        tool_call_id: `call_${step}_${index}`,
        content: JSON.stringify(results(name, args)),
      });
    }
  }
  return assert.fail('the demo model never stopped calling');
}

const single: [message: string, name: string, args: JsonObject][] = [
  ['Add milk to my shopping list', 'todo__addTodo', { title: 'milk', 'X-List': 'shopping' }],
  [
    'Please add "call the bank" to my list, high priority, due 2030-01-31',
    'todo__addTodo',
    { title: 'call the bank', due: '2030-01-31', priority: 'high' },
  ],
  ['What is on my to-do list?', 'todo__listTodos', {}],
  ['Show all my todos', 'todo__listTodos', { status: 'all' }],
  ['Delete to-do 4', 'todo__deleteTodo', { id: 4 }],
  ['How many miles is 5 km?', 'converter__convertUnits', { value: 5, from: 'km', to: 'mile' }],
  [
    'Convert -40 fahrenheit to celsius',
    'converter__convertUnits',
    { value: -40, from: 'fahrenheit', to: 'celsius' },
  ],
  [
    'Find books about the sea under 20 euro that are in stock',
    'bookshop__searchBooks',
    { query: 'sea', maxPrice: 20, inStock: true },
  ],
  [
    'Order two copies of nine-winters, gift wrap',
    'bookshop__placeOrder',
    { items: [{ bookId: 'nine-winters', quantity: 2 }], giftWrap: true },
  ],
  ['Search books about books', 'bookshop__searchBooks', { query: 'books about books' }],
  ["What's the weather in New York?", 'weather__current', { location: 'New York' }],
];
for (const [message, name, args] of single) {
  test(`"${message}" becomes one call of ${name}`, async () => {
    const answer = await ask([user(message)]);
    assert.deepEqual(answer.calls, [[name, args]]);
    assert.equal(answer.finish, 'tool_calls');
    assert.equal(answer.text, '');
  });
}

test('several things become parallel calls of one function', async () => {
  const named = await ask([user('Add milk, oat flakes and bread to my shopping list')]);
  assert.deepEqual(
    named.calls,
    ['milk', 'oat flakes', 'bread'].map((title) => ['todo__addTodo', { title, 'X-List': 'shopping' }]),
  );
  const quoted = await ask([user('Add "rock and roll" and "jazz" to my to-do list')]);
  assert.deepEqual(
    quoted.calls.map(([, args]) => args),
    [{ title: 'rock and roll' }, { title: 'jazz' }],
  );
  const numbers = await ask([user('Complete the to-dos 2 and 3')]);
  assert.deepEqual(
    numbers.calls.map(([, args]) => args),
    [{ id: 2 }, { id: 3 }],
  );
});

test('several numbers become parallel calls, each with the units beside it', async () => {
  const answer = await ask([user('Convert 3 pounds to kg, 10 km to miles and 20 celsius to fahrenheit')]);
  assert.deepEqual(
    answer.calls.map(([, args]) => args),
    [
      { value: 3, from: 'pound', to: 'kg' },
      { value: 10, from: 'km', to: 'mile' },
      { value: 20, from: 'celsius', to: 'fahrenheit' },
    ],
  );
});

test('two wishes become parallel calls of two functions', async () => {
  const answer = await ask([user('Convert 10 km to miles, and search books about bread')]);
  assert.deepEqual(answer.calls, [
    ['converter__convertUnits', { value: 10, from: 'km', to: 'mile' }],
    ['bookshop__searchBooks', { query: 'bread' }],
  ]);
});

test('what follows "then" waits for what comes before', async () => {
  const { steps } = await play('Add milk to my shopping list, then show my shopping list', () => ({
    id: 1,
    title: 'milk',
  }));
  assert.deepEqual(steps, [
    [['todo__addTodo', { title: 'milk', 'X-List': 'shopping' }]],
    [['todo__listTodos', { 'X-List': 'shopping' }]],
  ]);
});

test('an id that the message does not give is looked up first', async () => {
  const items = [
    { id: 7, title: 'buy eggs', list: 'to-do' },
    { id: 8, title: 'buy milk', list: 'to-do' },
  ];
  const { steps, text: answer } = await play('Mark the milk to-do as done', (name) =>
    name === 'todo__listTodos' ? { total: 2, items } : { id: 8, title: 'buy milk', status: 'completed' },
  );
  assert.deepEqual(steps, [[['todo__listTodos', {}]], [['todo__completeTodo', { id: 8 }]]]);
  assert.match(answer, /status completed/);
});

test('what cannot be filled is said, not guessed', async () => {
  const { steps, text: answer } = await play('Delete the milk to-do', () => ({ total: 0, items: [] }));
  assert.deepEqual(steps, [[['todo__listTodos', {}]]]);
  assert.match(answer, /todo__deleteTodo needs id/);
});

test('the answer is worded from the results and says that a stand-in speaks', async () => {
  const books = [
    { bookId: 'a', title: 'A Light', price: 14 },
    { bookId: 'b', title: 'Roads', price: 18.5 },
  ];
  const { text: answer } = await play('Search books about the sea', () => ({ total: 2, books }));
  assert.match(answer, /title A Light, price 14/);
  assert.match(answer, /Roads/);
  assert.match(answer, /demo model: a stand-in/);
});

test('a failed call is told as failed, and the demo model stops', async () => {
  const { steps, text: answer } = await play('Delete to-do 4', () => ({
    error: { code: 'plugin_http_error', status: 404 },
  }));
  assert.equal(steps.length, 1);
  assert.match(answer, /it failed: code plugin_http_error, status 404/);
});

test('when no function fits, it says what it could do', async () => {
  for (const message of ['hello', 'Tell me a joke about cats', 'Find a restaurant in Rome', '']) {
    const answer = await ask([user(message)]);
    assert.deepEqual(answer.calls, [], message);
    assert.match(answer.text, /- bookshop__searchBooks: Search books/);
    assert.equal(answer.finish, 'stop');
  }
  assert.match((await ask([user('hello')], { tools: undefined })).text, /No plugin function was offered/);
});

test('tool_choice none, required and a name are honoured', async () => {
  const none = await ask([user('Show all my todos')], { tool_choice: 'none' });
  assert.deepEqual(none.calls, []);
  const required = await ask([user('hello')], { tool_choice: 'required' });
  assert.equal(required.calls.length, 1);
  const choice = { type: 'function', function: { name: 'weather__current' } };
  const named = await ask([user('Rome')], { tool_choice: choice });
  assert.deepEqual(named.calls, [['weather__current', { location: 'Rome' }]]);
});

test('streaming changes the sizes of the pieces alone', async () => {
  const plain = await ask([user('hello')]);
  const streamed = await ask([user('hello')], { stream: true });
  assert.equal(streamed.text, plain.text);
  assert.ok(streamed.chunks.length > plain.chunks.length);
  assert.equal(plain.chunks.length, 4);
  for (const { usage } of [plain.chunks.at(-1)!, streamed.chunks.at(-1)!]) {
    assert.equal(
      usage?.['total_tokens'],
      Number(usage?.['prompt_tokens']) + Number(usage?.['completion_tokens']),
    );
  }
});

test('an aborted signal stops the answer', async () => {
  const request = parseRequest(JSON.stringify({ messages: [user('hello')], stream: true }));
  const controller = new AbortController();
  await assert.rejects(
    async () => {
      const { pieces: read } = await createDemoModel().ask(request, controller.signal);
      for await (const pieces of read) {
        assert.ok(pieces.length > 0);
        controller.abort();
      }
    },
    { name: 'AbortError' },
  );
});

test('names such as __proto__ and broken schemas do no harm', async () => {
  const odd = [
    tool('a____proto__', 'Shows constructor things', { constructor: text }, ['constructor', '__proto__']),
    { type: 'function', function: { name: 'b__plain' } },
    { type: 'custom', custom: { name: 'c' } },
    tool('d__thing', 'Thing', { x: true, y: { type: ['null'] }, z: { anyOf: [] } }, ['x', 'y', 'z']),
  ];
  for (const message of ['Show the constructor things', 'call plain', 'thing', '__proto__']) {
    assert.ok((await ask([user(message)], { tools: odd })).chunks.length > 0);
  }
  assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
});

test('any message and any tools get an answer with legal calls of offered functions', async () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,20}$/);
  const words = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.constantFrom(...single.map(([message]) => message)),
  );
  const offered = fc.record({ name, description: words, parameters: fc.oneof(fc.jsonValue(), fc.object()) });
  const run = fc.asyncProperty(words, fc.array(offered, { maxLength: 5 }), async (message, functions) => {
    const more = functions.map((one) => ({ type: 'function', function: one }));
    const answer = await ask([user(message)], { tools: [...more, ...tools] });
    const names = new Set([...functions, ...tools.map((one) => one.function)].map((one) => one.name));
    for (const [called] of answer.calls) assert.ok(names.has(called));
    assert.ok(answer.calls.length > 0 || answer.text.length > 0);
  });
  await fc.assert(run, { numRuns: 150 });
});

test('a hostile message is read in linear time', async () => {
  for (const piece of ['a', '-', 'a.', '@', 'a@', '"', "'", '1', 'https://', ', and add ', '. then list ']) {
    const started = performance.now();
    await ask([user(piece.repeat(100_000))]);
    assert.ok(performance.now() - started < 500, piece);
  }
});
