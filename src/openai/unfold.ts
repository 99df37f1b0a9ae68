// A plain JSON answer as the chunk of a stream, so that the loop sees nothing but chunks.
import type { Chunk, ChunkChoice, JsonObject, ToolCallDelta } from './chat.ts';
import { isJsonObject } from './exact-json.ts';

/**
 * Unfolds a completion: each choice's message becomes its delta, tool calls get the index of their place (`wire.md`
 * D3). Everything unknown stays where it was. What is not there (no choices, a choice without a message) is not
 * invented.
 */
export function unfold(completion: JsonObject): Chunk[] {
  const choices = Array.isArray(completion['choices']) ? completion['choices'] : [];
  return [
    {
      ...completion,
      object: 'chat.completion.chunk',
      choices: choices.filter(isJsonObject).map(unfoldChoice),
    },
  ];
}

function unfoldChoice(choice: JsonObject, place: number): ChunkChoice {
  const { message, index, ...rest } = choice;
  const delta = isJsonObject(message) ? message : {};
  const calls = delta['tool_calls'];
  return {
    ...rest,
    index: typeof index === 'number' ? index : place,
    delta: Array.isArray(calls) ? { ...delta, tool_calls: calls.filter(isJsonObject).map(withIndex) } : delta,
  };
}

function withIndex(call: JsonObject, index: number): ToolCallDelta {
  return { ...call, index };
}
