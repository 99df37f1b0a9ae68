// LangChain's chat model for OpenAI, with its own way to add up the chunks of a stream.
import {
  HumanMessage,
  ToolMessage,
  type AIMessageChunk,
  type BaseMessage,
  type UsageMetadata,
} from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import type { Mode } from '../gateway/ask.ts';
import {
  lookUp,
  mostRequests,
  question,
  weatherSchema,
  type Address,
  type ClientLibrary,
  type Outcome,
  type Wishes,
} from './library.ts';

export const langchain: ClientLibrary = {
  name: 'LangChain',
  async ask(address, mode, wishes = {}) {
    const chat = createChat(address, wishes);
    const messages: BaseMessage[] = [new HumanMessage(question)];
    const tokens = { input: 0, output: 0 };
    const called: string[] = [];
    for (let request = 0; request < mostRequests; request++) {
      const message = await complete(chat, mode, messages, wishes);
      const usage = message.usage_metadata as UsageMetadata | undefined;
      tokens.input += usage?.input_tokens ?? 0;
      tokens.output += usage?.output_tokens ?? 0;
      const calls = message.tool_calls ?? [];
      if (calls.length === 0) return outcomeOf(message.text, tokens, called, wishes);
      messages.push(message);
      for (const { id = '', name, args } of calls) {
        called.push(name);
        const content = wishes.lookUp?.(String(args['word'])) ?? '';
        messages.push(new ToolMessage({ content, tool_call_id: id }));
      }
    }
    throw new Error('the conversation does not end');
  },
};

export function createChat(
  { baseURL, apiKey, fetch }: Address,
  { model = 'test-model', retries = 0, mostTokens }: Wishes = {},
) {
  return new ChatOpenAI({
    model,
    apiKey,
    maxRetries: retries,
    ...(mostTokens === undefined ? {} : { maxTokens: mostTokens }),
    streamUsage: true,
    useResponsesApi: false,
    configuration: { baseURL, fetch },
  });
}

function outcomeOf(text: string, tokens: Outcome['tokens'], called: string[], { object }: Wishes): Outcome {
  return { text, tokens, called, ...(object ? { object: JSON.parse(text) as unknown } : {}) };
}

async function complete(
  chat: ChatOpenAI,
  mode: Mode,
  messages: BaseMessage[],
  { signal, onText, lookUp: answer, object }: Wishes,
): Promise<AIMessageChunk> {
  const options = {
    ...(signal ? { signal } : {}),
    ...(answer ? { tools: [{ type: 'function' as const, function: { ...lookUp } }] } : {}),
    ...(object
      ? {
          response_format: {
            type: 'json_schema' as const,
            json_schema: { name: 'weather', schema: weatherSchema },
          },
        }
      : {}),
  };
  if (mode === 'json') return chat.invoke(messages, options);
  let whole: AIMessageChunk | undefined;
  for await (const chunk of await chat.stream(messages, options)) {
    if (chunk.text !== '') onText?.(chunk.text);
    whole = whole ? whole.concat(chunk) : chunk;
  }
  if (!whole) throw new Error('a stream without chunks');
  return whole;
}
