// The AI SDK, with OpenAI's provider in chat mode and with the one for compatible APIs.
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, jsonSchema, Output, streamText, tool, type LanguageModel } from 'ai';
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

type ModelOf = (address: Address, model: string) => LanguageModel;

/** The models of both providers. */
export const aiModels: readonly (readonly [provider: string, modelOf: ModelOf])[] = [
  ['OpenAI', (address, model) => createOpenAI(address).chat(model)],
  [
    'compatible',
    (address, model) =>
      createOpenAICompatible({
        name: 'gateway',
        ...address,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model),
  ],
];

export const aiSdk: readonly ClientLibrary[] = aiModels.map(([provider, modelOf]) => ({
  name: `AI SDK, ${provider}`,
  async ask(address, mode, wishes = {}) {
    const called: string[] = [];
    const model = modelOf(address, wishes.model ?? 'test-model');
    const answered =
      mode === 'json' ? await generate(model, wishes, called) : await stream(model, wishes, called);
    return { ...answered, called };
  },
}));

/** The settings of a conversation that ends by itself: the SDK runs the application's tools. */
export function settings(model: LanguageModel, wishes: Wishes, called: string[]) {
  const { lookUp: answer, signal } = wishes;
  const tools = answer && {
    [lookUp.name]: tool({
      description: lookUp.description,
      inputSchema: jsonSchema<{ word: string }>(lookUp.parameters as never),
      execute({ word }) {
        called.push(lookUp.name);
        return answer(word);
      },
    }),
  };
  return {
    model,
    prompt: question,
    maxRetries: wishes.retries ?? 0,
    stopWhen: isStepCount(mostRequests),
    ...(signal ? { abortSignal: signal } : {}),
    ...(tools ? { tools } : {}),
    ...(wishes.object ? { output: Output.object({ schema: jsonSchema(weatherSchema as never) }) } : {}),
  };
}

async function generate(
  model: LanguageModel,
  wishes: Wishes,
  called: string[],
): Promise<Omit<Outcome, 'called'>> {
  const result = await generateText(settings(model, wishes, called));
  return {
    text: result.text,
    tokens: tokensOf(result.totalUsage),
    ...(wishes.object ? { object: result.output } : {}),
  };
}

async function stream(
  model: LanguageModel,
  wishes: Wishes,
  called: string[],
): Promise<Omit<Outcome, 'called'>> {
  const result = streamText({ ...settings(model, wishes, called), onError: () => {} });
  for await (const part of result.fullStream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'abort') throw new DOMException('aborted', 'AbortError');
    if (part.type === 'text-delta') wishes.onText?.(part.text);
  }
  return {
    text: await result.text,
    tokens: tokensOf(await result.totalUsage),
    ...(wishes.object ? { object: await result.output } : {}),
  };
}

function tokensOf(usage: {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}): Outcome['tokens'] {
  return { input: usage.inputTokens ?? 0, output: usage.outputTokens ?? 0 };
}
