// The API behind the sample plugins does what its documents say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { load } from 'js-yaml';
import { createSamplesApi, type SampleRequest } from '../../src/http/samples-api.ts';

const bearer = { authorization: 'Bearer sample-bookshop-token' };

function start(context: TestContext, onRequest?: (request: SampleRequest) => void) {
  const app = createSamplesApi(onRequest ? { onRequest } : {});
  context.after(() => app.close());
  return app;
}

test('a to-do item is added, listed, completed and deleted', async (context) => {
  const app = start(context);
  const added = await app.inject({ method: 'POST', url: '/todo/todos', payload: { title: 'milk' } });
  assert.equal(added.statusCode, 201);
  assert.deepEqual(added.json(), {
    id: 1,
    title: 'milk',
    list: 'inbox',
    status: 'open',
    priority: 'normal',
    tags: [],
  });
  assert.equal((await app.inject('/todo/todos')).json().total, 1);
  const completed = await app.inject({ method: 'POST', url: '/todo/todos/1/complete' });
  assert.equal(completed.json().status, 'completed');
  assert.equal((await app.inject('/todo/todos')).json().total, 0);
  assert.equal((await app.inject('/todo/todos?status=all')).json().total, 1);
  assert.equal((await app.inject({ method: 'DELETE', url: '/todo/todos/1' })).statusCode, 204);
  assert.equal((await app.inject('/todo/todos?status=all')).json().total, 0);
});

test('each user and each list has items of its own', async (context) => {
  const app = start(context);
  const headers = { 'x-todo-user': 'alice', 'x-list': 'work' };
  await app.inject({ method: 'POST', url: '/todo/todos', payload: { title: 'report' }, headers });
  assert.equal((await app.inject({ url: '/todo/todos', headers })).json().total, 1);
  assert.equal(
    (await app.inject({ url: '/todo/todos', headers: { ...headers, 'x-list': 'inbox' } })).json().total,
    0,
  );
  assert.equal((await app.inject({ url: '/todo/todos', headers: { 'x-list': 'work' } })).json().total, 0);
});

test('bad requests get a status and a sentence that a model can act on', async (context) => {
  const app = start(context);
  const unknown = await app.inject({ method: 'DELETE', url: '/todo/todos/7' });
  assert.equal(unknown.statusCode, 404);
  assert.match(unknown.json().error, /no item with the id 7/);
  const untitled = await app.inject({ method: 'POST', url: '/todo/todos', payload: {} });
  assert.equal(untitled.statusCode, 400);
  assert.match(untitled.json().error, /title/);
  const broken = await app.inject({
    method: 'POST',
    url: '/todo/todos',
    payload: '{',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(broken.statusCode, 400);
  assert.equal((await app.inject('/nowhere')).statusCode, 404);
});

test('units are converted, with as many digits as asked for', async (context) => {
  const app = start(context);
  const convert = async (query: string) => (await app.inject(`/converter/convert?${query}`)).json().result;
  assert.equal(await convert('value=5&from=km&to=mile&digits=6'), 3.10686);
  assert.equal(await convert('value=98.6&from=fahrenheit&to=celsius'), 37);
  assert.equal(await convert('value=-40&from=celsius&to=fahrenheit'), -40);
  const mixed = await app.inject('/converter/convert?value=1&from=km&to=kg');
  assert.equal(mixed.statusCode, 422);
  assert.equal((await app.inject('/converter/units?quantity=speed')).json().units.length, 3);
});

test('the bookshop answers 401 without its token', async (context) => {
  const app = start(context);
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: 'Basic sample-bookshop-token' },
  ]) {
    assert.equal((await app.inject({ url: '/bookshop/books', headers })).statusCode, 401);
  }
  assert.equal((await app.inject({ url: '/bookshop/books', headers: bearer })).json().total, 8);
});

test('books are searched, shown and ordered', async (context) => {
  const app = start(context);
  const found = await app.inject({ url: '/bookshop/books?query=sea&maxPrice=19', headers: bearer });
  assert.deepEqual(
    found.json().books.map((book: { bookId: string }) => book.bookId),
    ['harbour-light', 'salt-roads'],
  );
  assert.match(
    (await app.inject({ url: '/bookshop/books/soup-atlas', headers: bearer })).json().about,
    /Soups/,
  );
  const payload = { items: [{ bookId: 'harbour-light', quantity: 2 }], currency: 'USD' };
  const ordered = await app.inject({ method: 'POST', url: '/bookshop/orders', payload, headers: bearer });
  assert.equal(ordered.statusCode, 201);
  assert.equal(ordered.json().total, 30.8);
  const url = `/bookshop/orders/${ordered.json().orderId}`;
  assert.equal((await app.inject({ url, headers: bearer })).json().total, 30.8);
  assert.equal((await app.inject({ url, headers: { ...bearer, 'x-customer': 'mallory' } })).statusCode, 404);
  const many = { items: [{ bookId: 'paper-empire' }] };
  const refused = await app.inject({
    method: 'POST',
    url: '/bookshop/orders',
    payload: many,
    headers: bearer,
  });
  assert.equal(refused.statusCode, 409);
});

test('requests are reported with method, url, headers, body and status', async (context) => {
  const seen: SampleRequest[] = [];
  const app = start(context, (request) => seen.push(request));
  await app.inject({
    method: 'POST',
    url: '/todo/todos?a=1',
    payload: { title: 'x' },
    headers: { 'x-list': 'work' },
  });
  await app.inject('/bookshop/books');
  assert.deepEqual(
    seen.map(({ method, url, body, status }) => ({ method, url, body, status })),
    [
      {
        method: 'POST',
        url: '/todo/todos?a=1',
        body: { title: 'x' },
        status: 201,
      },
      { method: 'GET', url: '/bookshop/books', body: undefined, status: 401 },
    ],
  );
  assert.equal(seen[0]?.headers['x-list'], 'work');
});

interface Document {
  paths: Record<string, Record<string, { operationId?: string }>>;
}

test('every documented operation exists in the API, and every route in a document', async (context) => {
  const app = start(context);
  await app.ready();
  const documents: [string, Document][] = [
    ['/converter', (await app.inject('/converter/openapi.json')).json()],
    ...['todo', 'bookshop'].map((name): [string, Document] => [
      `/${name}`,
      load(
        readFileSync(new URL(`../../well-known/openapi/${name}.yaml`, import.meta.url), 'utf8'),
      ) as Document,
    ]),
  ];
  let operations = 0;
  for (const [prefix, { paths }] of documents) {
    for (const [path, item] of Object.entries(paths)) {
      for (const method of Object.keys(item).filter((key) => key !== 'parameters')) {
        const url = prefix + path.replaceAll(/\{(\w+)\}/g, ':$1');
        assert.ok(app.hasRoute({ method: method.toUpperCase(), url }), `${method} ${url}`);
        operations++;
      }
    }
  }
  assert.equal(operations, 10);
});
