// OpenAI's own client, in both versions that are in use: 7, and 6 for those on older Node.
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import type { Mode } from '../gateway/ask.ts';
import {
  lookUp,
  mostRequests,
  question,
  weatherSchema,
  wordOf,
  type ClientLibrary,
  type Outcome,
  type Wishes,
} from './library.ts';

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;

function createLibrary(name: string, Client: typeof OpenAI): ClientLibrary {
  return {
    name,
    ask: (address, mode, wishes = {}) =>
      converse(new Client({ ...address, maxRetries: wishes.retries ?? 0 }), mode, wishes),
  };
}

export const openai7 = createLibrary('openai 7', OpenAI);
// The parts that are used here have the same form in both versions.
export const openai6 = createLibrary('openai 6', OpenAI6 as unknown as typeof OpenAI);

async function converse(client: OpenAI, mode: Mode, wishes: Wishes): Promise<Outcome> {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: question }];
  const tokens = { input: 0, output: 0 };
  const called: string[] = [];
  for (let request = 0; request < mostRequests; request++) {
    const { choices, usage } = await complete(client, mode, paramsOf(messages, wishes), wishes);
    tokens.input += usage?.prompt_tokens ?? 0;
    tokens.output += usage?.completion_tokens ?? 0;
    const message = choices[0]?.message;
    const calls = message?.tool_calls ?? [];
    if (!message || calls.length === 0) {
      const text = message?.content ?? '';
      return { text, tokens, called, ...(wishes.object ? { object: JSON.parse(text) as unknown } : {}) };
    }
    messages.push(message);
    for (const call of calls) {
      if (call.type !== 'function') continue;
      called.push(call.function.name);
      const content = wishes.lookUp?.(wordOf(call.function.arguments)) ?? '';
      messages.push({ role: 'tool', tool_call_id: call.id, content });
    }
  }
  throw new Error('the conversation does not end');
}

function paramsOf(messages: OpenAI.ChatCompletionMessageParam[], wishes: Wishes): Params {
  const format = { name: 'weather', schema: weatherSchema, strict: true };
  return {
    model: wishes.model ?? 'test-model',
    messages,
    ...(wishes.lookUp ? { tools: [{ type: 'function', function: { ...lookUp, strict: true } }] } : {}),
    ...(wishes.object ? { response_format: { type: 'json_schema', json_schema: format } } : {}),
  };
}

function complete(
  client: OpenAI,
  mode: Mode,
  params: Params,
  { signal, onText }: Wishes,
): Promise<OpenAI.ChatCompletion> {
  const options = signal ? { signal } : {};
  if (mode === 'json') return client.chat.completions.create(params, options);
  const stream = client.chat.completions.stream(
    { ...params, stream: true, stream_options: { include_usage: true } },
    options,
  );
  if (onText) stream.on('content', onText);
  return stream.finalChatCompletion();
}
