// Puts chunks together again: the message of one step, and the JSON answer of a whole run.
import type {
  Choice,
  Chunk,
  Completion,
  Json,
  JsonObject,
  Message,
  Pieces,
  ToolCall,
  ToolCallDelta,
} from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { chunksOf } from '../openai/more-text.ts';

/** Members that name a thing rather than carry text: the first value stands. */
const labels = new Set(['role', 'type', 'format', 'id', 'name', 'index', 'signature']);

/**
 * Merges what a delta adds: text is joined, lists are merged by their elements' `index` (else appended), objects
 * member by member, of anything else the later value counts (`wire.md` M17).
 */
export function merge(before: Json | undefined, added: Json | undefined, name = ''): Json {
  if (before === undefined || before === null) return added ?? null;
  if (added === undefined || added === null) return before;
  if (typeof before === 'string' && typeof added === 'string')
    return labels.has(name) ? before || added : before + added;
  if (Array.isArray(before) && Array.isArray(added)) return mergeLists(before, added);
  if (isJsonObject(before) && isJsonObject(added)) {
    const merged: JsonObject = { ...before };
    for (const [key, value] of Object.entries(added)) merged[key] = merge(merged[key], value, key);
    return merged;
  }
  return added;
}

function mergeLists(before: Json[], added: Json[]): Json[] {
  const merged = [...before];
  for (const element of added) {
    const index = isJsonObject(element) ? element['index'] : undefined;
    const at =
      index === undefined ? -1 : merged.findIndex((known) => isJsonObject(known) && known['index'] === index);
    if (at < 0) merged.push(element);
    else merged[at] = merge(merged[at], element);
  }
  return merged;
}

/** Adds to a message what a delta carries besides role and tool calls. The message is the caller's own: it changes. */
export function addToMessage(message: Message, parts: JsonObject): void {
  const target = message as JsonObject;
  for (const [name, value] of Object.entries(parts)) target[name] = merge(target[name], value, name);
}

/**
 * Folds the pieces of a run into its JSON answer (`wire.md` J1, J2). They are the gateway's own, so indexes are
 * dense and names come once.
 */
export async function fold(answer: AsyncIterable<Pieces>): Promise<Completion> {
  const top: JsonObject = { id: '', object: 'chat.completion', created: 0, model: '' };
  const choices = new Map<number, Choice>();
  let usage: Json | undefined;
  const choiceOf = (index: number): Choice => {
    const known = choices.get(index) ?? emptyChoice(index);
    choices.set(index, known);
    return known;
  };
  for await (const pieces of answer) {
    for (const chunk of pieces.flatMap(chunksOf)) {
      const { choices: added, object: _object, obfuscation: _obfuscation, usage: spent, ...rest } = chunk;
      Object.assign(top, rest);
      usage = spent ?? usage;
      for (const choice of added) addToChoice(choiceOf(choice.index), choice);
    }
  }
  const ordered = [...choices.values()].toSorted((a, b) => a.index - b.index);
  for (const choice of ordered) settleContent(choice.message);
  return { ...top, choices: ordered, ...(usage && { usage }) } as Completion;
}

function emptyChoice(index: number): Choice {
  const message: Message = { role: 'assistant', content: null, refusal: null };
  return { index, message, logprobs: null, finish_reason: null };
}

function addToChoice(known: Choice, choice: Chunk['choices'][number]): void {
  // A `message` beside the delta is the upstream's, and must not take the place of the one that is made here.
  const { index: _index, delta, finish_reason, logprobs, message: _message, ...rest } = choice;
  const { tool_calls, role: _role, ...parts } = delta;
  addToMessage(known.message, parts);
  for (const fragment of tool_calls ?? []) addFragment((known.message.tool_calls ??= []), fragment);
  known.logprobs = merge(known.logprobs, logprobs);
  known.finish_reason = finish_reason ?? known.finish_reason;
  Object.assign(known, rest);
}

function addFragment(calls: ToolCall[], { index = 0, ...fragment }: ToolCallDelta): void {
  calls[index] = merge(calls[index], fragment) as ToolCall;
}

/** J1: without text, `content` is `null` where something stands in its place, and `""` where nothing does. */
function settleContent(message: Message): void {
  const instead = message.tool_calls ?? message['function_call'] ?? message['refusal'] ?? message['audio'];
  if (message.content === '' && instead) message.content = null;
  if (message.content === null && !instead) message.content = '';
}
