// The to-do list of the samples: a small stateful API, one store per user. Described by well-known/openapi/todo.yaml.
import type { FastifyInstance, FastifyRequest } from 'fastify';

interface Todo {
  readonly id: number;
  readonly title: string;
  readonly list: string;
  readonly status: 'open' | 'completed';
  readonly priority: string;
  readonly due?: string;
  readonly tags: readonly string[];
}

const maxUsers = 100;
const maxItems = 500;

const listHeader = {
  type: 'object',
  properties: { 'x-list': { type: 'string', enum: ['inbox', 'work', 'shopping'] } },
} as const;
const idParam = {
  type: 'object',
  properties: { id: { type: 'integer', minimum: 1 } },
  required: ['id'],
} as const;
const listQuery = {
  type: 'object',
  properties: {
    status: { type: 'string', enum: ['open', 'completed', 'all'] },
    tag: { type: 'string', maxLength: 30 },
    limit: { type: 'integer', minimum: 1, maximum: 100 },
  },
} as const;
const newTodo = {
  type: 'object',
  required: ['title'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 200 },
    due: { type: 'string', format: 'date' },
    priority: { type: 'string', enum: ['low', 'normal', 'high'] },
    tags: { type: 'array', items: { type: 'string', maxLength: 30 }, maxItems: 10 },
  },
} as const;

interface NewTodo {
  title: string;
  due?: string;
  priority?: string;
  tags?: string[];
}

interface ListHeader {
  'x-list'?: string;
}

/** Routes of the to-do list. The header `x-todo-user` says whose list it is. */
export async function todoRoutes(app: FastifyInstance): Promise<void> {
  const stores = createStores();
  app.get<{ Querystring: { status?: string; tag?: string; limit?: number }; Headers: ListHeader }>(
    '/todos',
    { schema: { querystring: listQuery, headers: listHeader } },
    ({ query, headers }) => {
      const { status = 'open', tag, limit = 50 } = query;
      const list = headers['x-list'] ?? 'inbox';
      const items = stores
        .of(headers)
        .filter(
          (todo) =>
            todo.list === list &&
            (status === 'all' || todo.status === status) &&
            (tag === undefined || todo.tags.includes(tag)),
        );
      return { total: items.length, items: items.slice(0, limit) };
    },
  );
  app.post<{ Body: NewTodo; Headers: ListHeader }>(
    '/todos',
    { schema: { body: newTodo, headers: listHeader } },
    (request, reply) => {
      const todos = stores.of(request.headers);
      if (todos.length >= maxItems)
        return reply.code(409).send({ error: `The list holds ${maxItems} items.` });
      const { title, due, priority = 'normal', tags = [] } = request.body;
      const list = request.headers['x-list'] ?? 'inbox';
      const id = (todos.at(-1)?.id ?? 0) + 1;
      const todo: Todo = { id, title, list, status: 'open', priority, ...(due && { due }), tags };
      todos.push(todo);
      return reply.code(201).send(todo);
    },
  );
  app.post<{ Params: { id: number } }>(
    '/todos/:id/complete',
    { schema: { params: idParam } },
    ({ params, headers }, reply) => {
      const todos = stores.of(headers);
      const at = todos.findIndex((todo) => todo.id === params.id);
      const todo = todos[at];
      if (!todo) return reply.code(404).send(unknownId(params.id));
      const completed: Todo = { ...todo, status: 'completed' };
      todos[at] = completed;
      return completed;
    },
  );
  app.delete<{ Params: { id: number } }>(
    '/todos/:id',
    { schema: { params: idParam } },
    ({ params, headers }, reply) => {
      const todos = stores.of(headers);
      const at = todos.findIndex((todo) => todo.id === params.id);
      if (at < 0) return reply.code(404).send(unknownId(params.id));
      todos.splice(at, 1);
      return reply.code(204).send();
    },
  );
}

function unknownId(id: number): { error: string } {
  return { error: `The list has no item with the id ${id}. GET /todos?status=all shows the ids.` };
}

/** One list of items per user; the oldest user's is dropped when there are too many. */
function createStores() {
  const stores = new Map<string, Todo[]>();
  return {
    of(headers: FastifyRequest['headers']): Todo[] {
      const user = headers['x-todo-user']?.toString() ?? 'anonymous';
      const known = stores.get(user);
      if (known) return known;
      const [oldest] = stores.keys();
      if (stores.size >= maxUsers && oldest !== undefined) stores.delete(oldest);
      const todos: Todo[] = [];
      stores.set(user, todos);
      return todos;
    },
  };
}
