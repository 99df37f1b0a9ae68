// Reads an answer of `/v1/responses`, streamed or whole, as chunks of a chat answer (`wire.md` C5).
import type { AnswerReader } from './answer-reader.ts';
import type { Chunk, ChunkChoice, Delta, Json, JsonObject, Usage } from './chat.ts';
import { isJsonObject } from './exact-json.ts';

/** Events that bring text, and the member of a chat message that the text belongs to. */
const textDeltas = new Map<string, string>([
  ['response.output_text.delta', 'content'],
  ['response.refusal.delta', 'refusal'],
  ['response.reasoning_text.delta', 'reasoning_content'],
  ['response.reasoning_summary_text.delta', 'reasoning_content'],
]);

const argumentDeltas = new Set([
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
]);

/** The first and last events repeat the tools of the request, the last one all of the output. */
const leastMaxEventBytes = 16 * 1024 * 1024;

const terminal = new Set(['response.completed', 'response.incomplete']);

/** A call as it is told so far. */
interface OpenCall {
  readonly index: number;
  readonly custom: boolean;
  /** Characters of its arguments that have been passed on. */
  sent: number;
}

/**
 * Reads one answer. `onItems` gets its output items when it is complete: within a run they go back verbatim. What was
 * not streamed as deltas is taken from the finished items, so that an event left out by a server costs nothing.
 */
export function createResponsesReader(
  onItems: (items: readonly JsonObject[]) => void,
  maxEventBytes = 0,
): AnswerReader {
  const head: JsonObject = {};
  const calls = new Map<number, OpenCall>();
  const sentTexts = new Map<string, number>();
  const items = new Map<number, JsonObject>();
  let ended = false;
  let latest = { member: '', key: '', blank: true };

  function chunk(delta: Delta, others: Partial<ChunkChoice> = {}, top: JsonObject = {}): Chunk {
    const choice = { index: 0, finish_reason: null, ...others, delta };
    return { ...top, object: 'chat.completion.chunk', ...head, choices: [choice] };
  }

  /** Pieces of one text share a key; a new text after another of its kind begins behind a blank line (M4). */
  function textChunk(
    member: string,
    key: string,
    text: string,
    logprobs: Json | undefined,
    top?: JsonObject,
  ): Chunk[] {
    if (text === '') return [];
    const apart = latest.member === member && latest.key !== key && !latest.blank && !/^\s/.test(text);
    latest = { member, key, blank: /\s$/.test(text) };
    sentTexts.set(key, (sentTexts.get(key) ?? 0) + text.length);
    const probable = Array.isArray(logprobs) && logprobs.length > 0;
    const shown = apart && !probable ? `\n\n${text}` : text;
    return [chunk({ [member]: shown }, probable ? { logprobs: chatLogprobs(logprobs) } : {}, top)];
  }

  function callChunk(call: OpenCall, added: string, top?: JsonObject): Chunk {
    call.sent += added.length;
    const part = call.custom ? { custom: { input: added } } : { function: { arguments: added } };
    return chunk({ tool_calls: [{ index: call.index, ...part }] }, {}, top);
  }

  /** The call of an output item, opened once; `null` for an item of another kind. */
  function openCall(at: number, { type, call_id: id, name }: JsonObject): Chunk[] {
    const custom = type === 'custom_tool_call';
    if ((type !== 'function_call' && !custom) || calls.has(at)) return [];
    const call = { index: calls.size, custom, sent: 0 };
    calls.set(at, call);
    const body = custom
      ? { custom: { name, input: '' } }
      : { function: { name: textOf(name), arguments: '' } };
    const kind = custom ? 'custom' : 'function';
    return [chunk({ tool_calls: [{ index: call.index, id: textOf(id), type: kind, ...body }] })];
  }

  /** What of a finished item has not been passed on yet. */
  function finishItem(at: number, item: JsonObject): Chunk[] {
    items.set(at, item);
    const opened = openCall(at, item);
    const call = calls.get(at);
    if (call) {
      const rest = textOf(call.custom ? item['input'] : item['arguments']).slice(call.sent);
      return rest === '' ? opened : [...opened, callChunk(call, rest)];
    }
    return partsOf(item).flatMap(({ member, place, text, logprobs }) => {
      const key = `${at} ${member} ${place}`;
      const sent = sentTexts.get(key) ?? 0;
      return textChunk(member, key, text.slice(sent), sent === 0 ? logprobs : undefined);
    });
  }

  function learnHead({ created_at: created, model, service_tier: tier }: JsonObject): void {
    if (typeof created === 'number') head['created'] = Math.floor(created);
    if (typeof model === 'string') head['model'] = model;
    if (typeof tier === 'string' && tier !== 'auto') head['service_tier'] = tier;
  }

  /** The end of a complete answer: what was left out, the reason, the usage. */
  function finish(response: JsonObject): Chunk[] {
    learnHead(response);
    ended = true;
    const output = Array.isArray(response['output']) ? response['output'].filter(isJsonObject) : [];
    const streamed = items.size + calls.size + sentTexts.size > 0;
    const rest = streamed ? [] : output.flatMap((item, at) => finishItem(at, item));
    onItems(output.length > 0 ? output : [...items.values()]);
    const usage = isJsonObject(response['usage']) ? { usage: chatUsage(response['usage']) } : {};
    return [...rest, { ...chunk({}, { finish_reason: finishReason(response, calls.size > 0) }), ...usage }];
  }

  return {
    more: () => null,
    maxEventBytes: Math.max(leastMaxEventBytes, maxEventBytes),
    event(value) {
      const { type, response, item, delta, obfuscation, output_index: place } = value;
      const kind = textOf(type);
      const at = typeof place === 'object' ? 0 : Number(place ?? 0);
      const top = obfuscation === undefined ? {} : { obfuscation };
      if (kind === 'response.created' && isJsonObject(response)) learnHead(response);
      if (terminal.has(kind) && isJsonObject(response)) return finish(response);
      if (kind === 'response.output_item.added' && isJsonObject(item)) return openCall(at, item);
      if (kind === 'response.output_item.done' && isJsonObject(item)) return finishItem(at, item);
      const member = textDeltas.get(kind);
      if (member) {
        const place = Number(value['content_index'] ?? value['summary_index'] ?? 0);
        const part = kind === 'response.reasoning_summary_text.delta' ? `summary ${place}` : String(place);
        return textChunk(member, `${at} ${member} ${part}`, textOf(delta), value['logprobs'], top);
      }
      const call = argumentDeltas.has(kind) ? calls.get(at) : undefined;
      return call ? [callChunk(call, textOf(delta), top)] : [];
    },
    whole: finish,
    failure: failureOf,
    finished: () => ended,
  };
}

interface Part {
  readonly member: string;
  /** Where in its item it stands. */
  readonly place: string;
  readonly text: string;
  readonly logprobs?: Json;
}

/** The texts of a message or reasoning item. */
function partsOf({ type, content, summary }: JsonObject): Part[] {
  const parts = Array.isArray(content) ? content : [];
  if (type === 'message') {
    return parts.filter(isJsonObject).map((part, place) =>
      typeof part['refusal'] === 'string'
        ? { member: 'refusal', place: String(place), text: part['refusal'] }
        : {
            member: 'content',
            place: String(place),
            text: textOf(part['text']),
            logprobs: part['logprobs'] ?? null,
          },
    );
  }
  if (type !== 'reasoning') return [];
  const thought = (list: Json[], prefix: string): Part[] =>
    list.filter(isJsonObject).map(({ text }, place) => ({
      member: 'reasoning_content',
      place: `${prefix}${place}`,
      text: textOf(text),
    }));
  return [...thought(Array.isArray(summary) ? summary : [], 'summary '), ...thought(parts, '')];
}

/** Events and answers that say that the model failed; an error in the form of chat is itself. */
function failureOf(value: JsonObject): JsonObject | null {
  if (value['error'] !== undefined && value['error'] !== null) return value;
  const { type, code, message, param } = value;
  if (type === 'error')
    return { error: { message: message ?? 'The upstream failed.', type: 'server_error', param, code } };
  const response = type === 'response.failed' && isJsonObject(value['response']) ? value['response'] : value;
  if (response['status'] !== 'failed' && response['status'] !== 'cancelled') return null;
  const told = isJsonObject(response['error']) ? response['error'] : {};
  return {
    error: { message: `The upstream's answer is ${response['status']}.`, type: 'server_error', ...told },
  };
}

function finishReason({ status, incomplete_details: details }: JsonObject, called: boolean): string {
  if (status !== 'incomplete') return called ? 'tool_calls' : 'stop';
  return isJsonObject(details) && details['reason'] === 'content_filter' ? 'content_filter' : 'length';
}

/** Every count under its name in chat; unknown ones stay. */
function chatUsage(usage: JsonObject): Usage {
  const {
    input_tokens: prompt_tokens,
    output_tokens: completion_tokens,
    input_tokens_details: prompt_tokens_details,
    output_tokens_details: completion_tokens_details,
    ...rest
  } = usage;
  const named = { prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details };
  const known = Object.entries(named).filter(([, count]) => count !== undefined);
  return { ...Object.fromEntries(known), ...rest };
}

function chatLogprobs(logprobs: Json[]): JsonObject {
  return { content: logprobs.filter(isJsonObject).map(withBytes), refusal: null };
}

/** Chat counts the bytes of each token; not every server sends them here. */
function withBytes({ token, logprob, bytes, top_logprobs: top }: JsonObject): JsonObject {
  return {
    token,
    logprob,
    bytes: bytes ?? [...Buffer.from(textOf(token))],
    ...(top !== undefined && {
      top_logprobs: Array.isArray(top) ? top.filter(isJsonObject).map(withBytes) : [],
    }),
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
