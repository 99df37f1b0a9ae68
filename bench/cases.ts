// What is measured: each case once sent directly and once through the gateway.
import type { Pool } from 'undici';
import { benchCall } from './answers.ts';
import { exchange, type Work } from './load.ts';

/** One row of the table. */
export interface BenchCase {
  readonly name: string;
  /** The same work without a gateway. */
  readonly direct: Work;
  readonly through: Work;
}

const question = [{ role: 'user', content: 'What does the fox do? '.repeat(20) }];

function chat(model: string, stream: boolean, extra: object = {}): string {
  return JSON.stringify({ model, messages: question, stream, ...extra });
}

/** Sends a chat; a stream must be complete. */
async function sendChat(pool: Pool, body: string, headers: Record<string, string> = {}): Promise<void> {
  const text = await exchange(pool, '/v1/chat/completions', body, headers);
  const complete = body.includes('"stream":true')
    ? text.endsWith('data: [DONE]\n\n')
    : text.includes('quick brown');
  if (!complete) throw new Error(`not a complete answer: ${text.slice(0, 300)}`);
}

/** The loop as a client without the gateway does it: ask, call the plugin's API, ask again. */
function loopByHand(stream: boolean): Work {
  const first = chat('loop', stream, { tools: benchTools });
  return async (pool) => {
    await exchange(pool, '/v1/chat/completions', first);
    const result = await exchange(pool, '/bench/operation01?word=fox&limit=3');
    const calls = { role: 'assistant', content: null, tool_calls: [benchCall] };
    const answered = { role: 'tool', tool_call_id: benchCall.id, content: result };
    await sendChat(
      pool,
      chat('loop', stream, { tools: benchTools, messages: [...question, calls, answered] }),
    );
  };
}

/** Operations of the benchmark's plugin, as paths of its document. */
export const benchPaths = Object.fromEntries(
  Array.from({ length: 20 }, (_, at) => {
    const name = `operation${String(at + 1).padStart(2, '0')}`;
    const parameter = (parameterName: string, type: string) => ({
      name: parameterName,
      in: 'query',
      description: `The ${parameterName} of ${name}.`,
      schema: { type },
    });
    const responses = { 200: { description: 'OK', content: { 'application/json': {} } } };
    const get = {
      operationId: name,
      summary: `Does what ${name} does, and says so in a sentence of usual length.`,
      parameters: [parameter('word', 'string'), parameter('limit', 'integer')],
      responses,
    };
    return [`/bench/${name}`, { get }];
  }),
);

const benchTools = Object.entries(benchPaths).map(([path, { get }]) => ({
  type: 'function',
  function: {
    name: `bench__${path.slice('/bench/'.length)}`,
    description: get.summary,
    parameters: {
      type: 'object',
      properties: Object.fromEntries(
        get.parameters.map(({ name, description, schema }) => [name, { ...schema, description }]),
      ),
    },
  },
}));

const noPlugins = { 'x-plugins': 'none' };

/** Every case, in the order of the table. */
export const benchCases: readonly BenchCase[] = [
  same('pass-through: GET /v1/models', (pool) => exchange(pool, '/v1/models')),
  same('pass-through: embeddings, 1,536 numbers', (pool) =>
    exchange(pool, '/v1/embeddings', '{"model":"bench","input":"fox"}'),
  ),
  same('chat without plugins', (pool) => sendChat(pool, chat('bench', false), noPlugins)),
  same('chat without plugins, streamed', (pool) => sendChat(pool, chat('bench', true), noPlugins)),
  same('20 functions injected, none called', (pool) => sendChat(pool, chat('bench', false))),
  same('20 functions injected, none called, streamed', (pool) => sendChat(pool, chat('bench', true))),
  {
    name: 'one plugin call',
    direct: loopByHand(false),
    through: (pool) => sendChat(pool, chat('loop', false)),
  },
  {
    name: 'one plugin call, streamed',
    direct: loopByHand(true),
    through: (pool) => sendChat(pool, chat('loop', true)),
  },
];

function same(name: string, work: Work): BenchCase {
  return { name, direct: work, through: work };
}
