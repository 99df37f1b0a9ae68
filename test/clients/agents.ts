// OpenAI's Agents SDK in its chat-completions mode.
import { Agent, OpenAIChatCompletionsModel, Runner, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import {
  lookUp,
  mostRequests,
  question,
  type Address,
  type ClientLibrary,
  type Outcome,
  type Wishes,
} from './library.ts';

export const agents: ClientLibrary = {
  name: 'Agents SDK',
  async ask(address, mode, wishes = {}) {
    const called: string[] = [];
    const agent = new Agent({
      name: 'Assistant',
      model: createModel(address, wishes),
      tools: wishes.lookUp ? [toolOf(wishes.lookUp, called)] : [],
      ...(wishes.object ? { outputType: z.object({ degrees: z.number() }) } : {}),
    });
    // Its traces would go to OpenAI.
    const runner = new Runner({ tracingDisabled: true });
    const options = { maxTurns: mostRequests, ...(wishes.signal ? { signal: wishes.signal } : {}) };
    if (mode === 'json') {
      const result = await runner.run(agent, question, options);
      return outcomeOf(result.finalOutput, result.state.usage, called);
    }
    const result = await runner.run(agent, question, { ...options, stream: true });
    for await (const event of result) {
      if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta')
        wishes.onText?.(event.data.delta);
    }
    await result.completed;
    if (wishes.signal?.aborted) throw new DOMException('aborted', 'AbortError');
    return outcomeOf(result.finalOutput, result.state.usage, called);
  },
};

export function createModel(address: Address, { model = 'test-model', retries = 0 }: Wishes = {}) {
  return new OpenAIChatCompletionsModel(new OpenAI({ ...address, maxRetries: retries }), model);
}

function toolOf(answer: (word: string) => string, called: string[]) {
  return tool({
    name: lookUp.name,
    description: lookUp.description,
    parameters: z.object({ word: z.string() }),
    execute({ word }) {
      called.push(lookUp.name);
      return answer(word);
    },
  });
}

function outcomeOf(
  output: unknown,
  usage: { inputTokens: number; outputTokens: number },
  called: string[],
): Outcome {
  const text = typeof output === 'string' ? output : JSON.stringify(output);
  return {
    text,
    object: output,
    tokens: { input: usage.inputTokens, output: usage.outputTokens },
    called,
  };
}
