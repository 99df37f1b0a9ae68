// Doors for the loop's tests: an upstream that plays a script, plugins that answer by name.
import { fold } from '../../src/completion/fold.ts';
import type { ParkedPart } from '../../src/completion/park.ts';
import { run, type Doors, type RunOptions } from '../../src/completion/run.ts';
import type {
  Chunk,
  Completion,
  JsonObject,
  ToolCall,
  ToolResult,
  UpstreamAnswer,
} from '../../src/openai/chat.ts';
import { chunksOf } from '../../src/openai/more-text.ts';
import { parseRequest, requestBytes, type ChatRequest } from '../../src/openai/request.ts';
import { unfold } from '../../src/openai/unfold.ts';

/** A tool call of the model. */
export function call(id: string, name: string, args: JsonObject | string = {}): JsonObject {
  const text = typeof args === 'string' ? args : JSON.stringify(args);
  return { id, type: 'function', function: { name, arguments: text } };
}

/** A plain answer with one choice. */
export function answer(message: JsonObject, finish = 'stop', extra: JsonObject = {}): Chunk[] {
  return unfold({
    id: 'chatcmpl-upstream',
    object: 'chat.completion',
    created: 1700000000,
    model: 'm-1',
    choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    ...extra,
  });
}

/** Chunks of a stream from deltas of choice 0. */
export function stream(...deltas: (JsonObject | string)[]): Chunk[] {
  return deltas.map((delta) => {
    const choice =
      typeof delta === 'string' ? { delta: {}, finish_reason: delta } : { delta, finish_reason: null };
    return {
      id: 'chatcmpl-stream',
      object: 'chat.completion.chunk',
      created: 7,
      model: 'm-1',
      choices: [{ index: 0, ...choice }],
    };
  });
}

/** What a scripted run saw and made. */
export interface Played {
  readonly requests: JsonObject[];
  readonly calls: ToolCall[];
  readonly parked: ParkedPart[];
  readonly kept: Parameters<Doors['keep']>[0][];
  readonly chunks: Chunk[];
  readonly completion: Completion;
}

export interface Script extends Partial<RunOptions> {
  readonly steps: Chunk[][];
  readonly request?: JsonObject;
  /** The gateway's functions and what they answer. */
  readonly functions?: Record<string, string | ((toolCall: ToolCall) => Promise<ToolResult>)>;
}

export async function play({ steps, request = {}, functions = {}, ...options }: Script): Promise<Played> {
  const requests: JsonObject[] = [];
  const calls: ToolCall[] = [];
  const parked: ParkedPart[] = [];
  const kept: Parameters<Doors['keep']>[0][] = [];
  const client = parseRequest(
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...request }),
  );
  let ids = 0;
  async function ask(asked: ChatRequest): Promise<UpstreamAnswer> {
    requests.push(JSON.parse(String(requestBytes(asked))) as JsonObject);
    return { whole: null, pieces: [steps[requests.length - 1] ?? answer({ content: 'script over' })] };
  }
  const batches = await Array.fromAsync(
    run(
      client,
      await ask(client),
      {
        ask,
        owns: (name) => Object.hasOwn(functions, name),
        call: async (toolCall) => {
          calls.push(toolCall);
          const result = functions[toolCall.function.name] ?? '';
          return typeof result === 'string' ? { content: result } : result(toolCall);
        },
        park: async (part) => void parked.push(part),
        keep: async (steps) => void kept.push(steps),
      },
      {
        ...plainOptions(),
        newId: (length) => String((ids += 1)).padStart(length, '0'),
        ...options,
      },
    ),
  );
  async function* replay() {
    yield* batches;
  }
  const chunks = batches.flat().flatMap(chunksOf);
  return { requests, calls, parked, kept, chunks, completion: await fold(replay()) };
}

const neverAborts = new AbortController().signal;

/** A run that nothing ends or narrows; its ids are zeros. */
export function plainOptions(): RunOptions {
  return {
    budget: { steps: 10, calls: 64, parallel: 8, callsPerStep: 16, badCalls: 3, tokens: 'perRun' },
    signal: neverAborts,
    callsUntil: () => neverAborts,
    listener: null,
    clientTools: new Set(),
    lastText: () => 'hi',
    formatLast: () => false,
    includeUsage: true,
    trace: 'none',
    onStep: () => undefined,
    created: 1,
    newId: (length) => '0'.repeat(length),
  };
}
