// What the upstream and the plugin's API of the benchmark answer: prepared bytes, so that they cost next to nothing.

const text = 'The quick brown fox jumps over the lazy dog. '.repeat(8);
const head = { id: 'chatcmpl-bench', created: 1_700_000_000, model: 'bench', system_fingerprint: 'fp' };
const usage = { prompt_tokens: 100, completion_tokens: 80, total_tokens: 180 };
const call = {
  id: 'call_bench',
  type: 'function',
  function: { name: 'bench__operation01', arguments: '{"word":"fox","limit":3}' },
};

interface Prepared {
  readonly contentType: string;
  readonly body: Buffer;
}

function json(value: unknown): Prepared {
  return { contentType: 'application/json', body: Buffer.from(JSON.stringify(value)) };
}

function completion(message: object, finish: string): Prepared {
  const choice = { index: 0, message: { role: 'assistant', refusal: null, ...message }, logprobs: null };
  return json({
    ...head,
    object: 'chat.completion',
    choices: [{ ...choice, finish_reason: finish }],
    usage,
  });
}

function stream(deltas: readonly object[], finish: string): Prepared {
  const chunk = (delta: object, reason: string | null) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    usage: null,
  });
  const events = [
    chunk({ role: 'assistant', content: '', refusal: null }, null),
    ...deltas.map((delta) => chunk(delta, null)),
    chunk({}, finish),
    { ...head, object: 'chat.completion.chunk', choices: [], usage },
  ];
  const lines = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return { contentType: 'text/event-stream; charset=utf-8', body: Buffer.from(`${lines}data: [DONE]\n\n`) };
}

const prepared = {
  models: json({ object: 'list', data: [{ id: 'bench', object: 'model', created: 1, owned_by: 'bench' }] }),
  embeddings: json({
    object: 'list',
    model: 'bench',
    data: [{ object: 'embedding', index: 0, embedding: Array.from({ length: 1536 }, (_, at) => at / 1536) }],
    usage: { prompt_tokens: 8, total_tokens: 8 },
  }),
  plugin: json({ word: 'fox', meanings: Array.from({ length: 10 }, (_, at) => ({ at, meaning: text })) }),
  textJson: completion({ content: text }, 'stop'),
  textStream: stream(
    text.split(/(?<= )/).map((content) => ({ content })),
    'stop',
  ),
  callJson: completion({ content: null, tool_calls: [call] }, 'tool_calls'),
  callStream: stream([{ tool_calls: [{ index: 0, ...call }] }], 'tool_calls'),
};

/** The answer to a request: the model calls the plugin when it is named `loop` and has no result yet. */
export function says(path: string, body: Buffer): Prepared {
  if (path === '/v1/models') return prepared.models;
  if (path === '/v1/embeddings') return prepared.embeddings;
  if (path !== '/v1/chat/completions') return prepared.plugin;
  const streamed = body.includes('"stream":true');
  const calls = body.includes('"model":"loop"') && !body.includes('"role":"tool"');
  if (calls) return streamed ? prepared.callStream : prepared.callJson;
  return streamed ? prepared.textStream : prepared.textJson;
}

/** The answer in which the model calls the plugin's first operation: what a client without the gateway reads. */
export const benchCall = call;
