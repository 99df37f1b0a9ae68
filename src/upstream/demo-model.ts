// The embedded demo model: a deterministic stand-in, so that the whole loop runs on a fresh machine without a key.
import { randomUUID } from 'node:crypto';
import type {
  Chunk,
  Delta,
  Json,
  JsonObject,
  Message,
  Pieces,
  UpstreamAnswer,
  Usage,
} from '../openai/chat.ts';
import { memberText, readElements, readMember, type ChatRequest } from '../openai/request.ts';
import { forceCall, planCalls, wordAnswer, type NextCall, type PastCall } from './demo-plan.ts';
import { readTools } from './demo-tools.ts';

/** The name under which it answers and is listed. It serves any model name that is asked for. */
const modelName = 'demo-model';

/** What the clock and the ids of answers come from. */
export interface DemoModelOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** A fresh id, letters, digits and hyphens. */
  readonly id?: () => string;
}

/** The demo model as an upstream. */
export interface DemoModel {
  readonly name: string;
  /** Patterns of the models that it serves: all. */
  readonly models: readonly string[];
  /** Answers one chat request. The same messages and tools get the same answer. */
  readonly ask: (request: ChatRequest, signal: AbortSignal) => Promise<UpstreamAnswer>;
}

/**
 * Makes the demo model. It chooses functions by the words of the last user message, fills their arguments from it and
 * from earlier results, and words an answer from the results. It knows no plugin: whatever `tools` holds is used.
 */
export function createDemoModel(options: DemoModelOptions = {}): DemoModel {
  const { now = Date.now, id = randomUUID } = options;
  return {
    name: 'demo',
    models: ['*'],
    ask: async (request, signal) => ({ whole: null, pieces: say(request, signal) }),
  };

  async function* say(request: ChatRequest, signal: AbortSignal): AsyncGenerator<Pieces, void, undefined> {
    const answer = answerTo(request);
    const head = {
      id: `chatcmpl-demo-${id()}`,
      object: 'chat.completion.chunk',
      created: Math.floor(now() / 1000),
      model: modelName,
    };
    const chunk = (delta: Delta, finish: string | null = null): Chunk => ({
      ...head,
      choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
    });
    const size = readMember(request, 'stream') === true ? 16 : Infinity;
    signal.throwIfAborted();
    yield [chunk({ role: 'assistant', content: answer.calls.length > 0 ? null : '' })];
    for (const text of pieces(answer.text, size)) {
      signal.throwIfAborted();
      yield [chunk({ content: text })];
    }
    for (const [index, call] of answer.calls.entries()) {
      const start = { id: `call_${id().replaceAll('-', '').slice(0, 24)}`, type: 'function' };
      yield [chunk({ tool_calls: [{ index, ...start, function: { name: call.name, arguments: '' } }] })];
      for (const text of pieces(JSON.stringify(call.arguments), size)) {
        yield [chunk({ tool_calls: [{ index, function: { arguments: text } }] })];
      }
    }
    yield [chunk({}, answer.calls.length > 0 ? 'tool_calls' : 'stop')];
    yield [{ ...head, choices: [], usage: countTokens(request, answer) }];
  }
}

interface Answer {
  readonly text: string;
  readonly calls: readonly NextCall[];
}

function answerTo(request: ChatRequest): Answer {
  const messages = readElements(request, 'messages').map((text) => JSON.parse(text) as Message);
  const asked = messages.findLastIndex((message) => message.role === 'user');
  const text = textOf(messages[asked]?.content);
  const history = readHistory(messages.slice(asked + 1));
  const choice = readMember(request, 'tool_choice');
  const tools = readTools(readElements(request, 'tools')).filter((tool) => allows(choice, tool.name));
  const forced = choice === 'required' || (typeof choice === 'object' && choice !== null);
  const plan = planCalls(text, tools, history);
  if (plan.calls.length > 0) return { text: '', calls: plan.calls };
  const call = forced && history.length === 0 ? forceCall(text, tools) : null;
  if (call) return { text: '', calls: [call] };
  return { text: wordAnswer(history, plan.notes, tools), calls: [] };
}

function allows(choice: Json | undefined, name: string): boolean {
  if (choice === 'none') return false;
  const named = (choice as JsonObject | null | undefined)?.['function'] as JsonObject | undefined;
  return typeof named?.['name'] !== 'string' || named['name'] === name;
}

function textOf(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.map((part) => (part as JsonObject | null)?.['text']);
  return texts.filter((text) => typeof text === 'string').join('\n');
}

function readHistory(messages: readonly Message[]): PastCall[] {
  const results = new Map(
    messages.flatMap((message) =>
      message.role === 'tool' ? [[message.tool_call_id, textOf(message.content)] as const] : [],
    ),
  );
  return messages
    .flatMap((message) => message.tool_calls ?? [])
    .map((call) => ({
      name: call.function.name,
      arguments: call.function.arguments,
      result: results.get(call.id) ?? '',
    }));
}

function* pieces(text: string, size: number): Generator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

/** A rough count, four characters a token: enough to show that usage is summed. */
function countTokens(request: ChatRequest, answer: Answer): Usage {
  const sent = ['messages', 'tools'].map((name) => memberText(request, name)?.length ?? 0);
  const prompt = Math.ceil(sent.reduce((sum, length) => sum + length, 0) / 4);
  const completion = Math.ceil((answer.text.length + JSON.stringify(answer.calls).length) / 4);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
