// An upstream whose first text is the time at which it was written; for the model `held` behind half a function's name.
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { now } from './clock.ts';

const call = { id: 'call_bench', type: 'function' };
const nameParts = ['bench__ope', 'ration01'] as const;

async function play(model: string, response: ServerResponse): Promise<void> {
  const write = (delta: object, finish: string | null = null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    const chunk = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model, choices };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  response.socket?.setNoDelay(true);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  write({ role: 'assistant', content: '' });
  const [start, rest] = nameParts;
  if (model === 'held') write({ tool_calls: [{ ...call, index: 0, function: { name: start } }] });
  await wait(3);
  write({ content: `at ${now()} ` });
  await wait(3);
  if (model === 'held') write({ tool_calls: [{ index: 0, function: { name: rest, arguments: '{}' } }] });
  // Cut short: the call is not made, and nothing follows.
  write({}, 'length');
  response.end('data: [DONE]\n\n');
}

const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
  const { model = '' } = JSON.parse((await text(request)) || '{}') as { model?: string };
  await play(model, response);
});
server.listen(Number(process.env['PORT']), '127.0.0.1');
