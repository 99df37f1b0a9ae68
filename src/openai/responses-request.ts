// A chat request in the words of `/v1/responses`: messages as input items, flat tools, renamed members (`wire.md` C4).
import type { Json, JsonObject } from './chat.ts';
import { isJsonObject, parseExact } from './exact-json.ts';
import { joinMembers } from './json-text.ts';
import { readElements, readMember, type ChatRequest } from './request.ts';

/** Output items of an answer of this run, by the id of any of its calls: they go back verbatim. */
export type KnownItems = (callId: string) => readonly JsonObject[] | undefined;

/**
 * Members that `/v1/responses` does not know. A request that uses one cannot be asked there; each stands with the
 * value that says nothing, as some clients send them all.
 */
const withoutForm = new Map<string, string>([
  ['n', '1'],
  ['stop', '[]'],
  ['seed', 'null'],
  ['logit_bias', '{}'],
  ['frequency_penalty', '0'],
  ['presence_penalty', '0'],
  ['audio', 'null'],
  ['modalities', '["text"]'],
  ['prediction', 'null'],
  ['web_search_options', 'null'],
  ['functions', '[]'],
  ['function_call', 'null'],
]);

/** Members that are said in another way there; all others, unknown ones too, go on as they came. */
const translated = new Set([
  'messages',
  'tools',
  'tool_choice',
  'response_format',
  'verbosity',
  'reasoning_effort',
  'max_completion_tokens',
  'max_tokens',
  'logprobs',
  'stream_options',
  'store',
]);

/** The least that `max_output_tokens` may be. */
const minOutputTokens = 16;

/** Whether all of a chat request can be said on `/v1/responses`. */
export function hasResponsesForm(request: ChatRequest): boolean {
  for (const [name, silent] of withoutForm) {
    const value = readMember(request, name);
    if (value !== undefined && value !== null && JSON.stringify(value) !== silent) return false;
  }
  return inputItems(request, () => undefined) !== null && flatTools(request) !== null;
}

/** The text of the request. Throws `TypeError` when it has no form there ({@link hasResponsesForm}). */
export function toResponsesRequest(request: ChatRequest, itemsOf: KnownItems = () => undefined): string {
  const input = inputItems(request, itemsOf);
  const tools = flatTools(request);
  if (!input || !tools) throw new TypeError('the request has no form on /v1/responses');
  const members = new Map<string, string>();
  for (const [name, text] of request.members) {
    if (!translated.has(name) && !withoutForm.has(name)) members.set(name, text);
  }
  const added: Record<string, unknown> = {
    input,
    ...(tools.length > 0 && { tools, tool_choice: flatChoice(readMember(request, 'tool_choice')) }),
    text: textOptions(request),
    reasoning: reasoning(request),
    max_output_tokens: maxOutputTokens(request),
    stream_options: streamOptions(request),
    // Nothing is kept there between steps: the reasoning comes along encrypted, and goes back with the output.
    store: false,
    include: [
      'reasoning.encrypted_content',
      ...(readMember(request, 'logprobs') === true ? ['message.output_text.logprobs'] : []),
    ],
  };
  for (const [name, value] of Object.entries(added)) {
    if (value !== undefined) members.set(name, JSON.stringify(value));
  }
  if (tools.length === 0) members.delete('parallel_tool_calls');
  return joinMembers(members);
}

/** The conversation as input items; `null` when a message has no form there. */
function inputItems(request: ChatRequest, itemsOf: KnownItems): JsonObject[] | null {
  const customIds = new Set<Json | undefined>();
  const items: JsonObject[] = [];
  for (const text of readElements(request, 'messages')) {
    const message = parseExact(text);
    const made = isJsonObject(message) ? messageItems(message, customIds, itemsOf) : null;
    if (!made) return null;
    items.push(...made);
  }
  return items;
}

function messageItems(
  message: JsonObject,
  customIds: Set<Json | undefined>,
  itemsOf: KnownItems,
): readonly JsonObject[] | null {
  const { role, content } = message;
  if (role === 'assistant') return assistantItems(message, customIds, itemsOf);
  const parts = inputContent(content);
  if (parts === null) return null;
  if (role === 'tool') {
    const { tool_call_id: id } = message;
    const type = customIds.has(id) ? 'custom_tool_call_output' : 'function_call_output';
    return [{ type, call_id: id, output: parts }];
  }
  if (role !== 'system' && role !== 'developer' && role !== 'user') return null;
  return [{ type: 'message', role, content: parts }];
}

function assistantItems(
  message: JsonObject,
  customIds: Set<Json | undefined>,
  itemsOf: KnownItems,
): readonly JsonObject[] | null {
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'].filter(isJsonObject) : [];
  const known = calls.map(({ id }) => (typeof id === 'string' ? itemsOf(id) : undefined));
  if (known[0] && known.every((items) => items === known[0])) return known[0];

  const text = assistantText(message);
  if (text === null || isJsonObject(message['audio'])) return null;
  const items: JsonObject[] = text === '' ? [] : [{ type: 'message', role: 'assistant', content: text }];
  for (const call of calls) {
    const item = callItem(call);
    if (!item) return null;
    if (item['type'] === 'custom_tool_call') customIds.add(call['id']);
    items.push(item);
  }
  return items;
}

function callItem({ id, function: called, custom }: JsonObject): JsonObject | null {
  if (isJsonObject(called)) {
    return {
      type: 'function_call',
      call_id: id,
      name: called['name'],
      arguments: called['arguments'] ?? '{}',
    };
  }
  if (!isJsonObject(custom)) return null;
  return { type: 'custom_tool_call', call_id: id, name: custom['name'], input: custom['input'] ?? '' };
}

/** What the assistant said, as one text; `null` when it said more than text. */
function assistantText({ content, refusal }: JsonObject): string | null {
  if (content === undefined || content === null) return typeof refusal === 'string' ? refusal : '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  const texts = content.map((part) => (isJsonObject(part) ? (part['text'] ?? part['refusal']) : part));
  return texts.every((text) => typeof text === 'string') ? texts.join('') : null;
}

/** The content of any other message. A part of an unknown kind has no form: `null`. */
function inputContent(content: Json | undefined): string | JsonObject[] | null {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  const parts = content.map((part) => (isJsonObject(part) ? inputPart(part) : null));
  return parts.includes(null) ? null : parts.filter((part) => part !== null);
}

function inputPart({ type, text, image_url: image, file, ...rest }: JsonObject): JsonObject | null {
  if (type === 'text') return { ...rest, type: 'input_text', text };
  if (type === 'file' && isJsonObject(file)) return { ...rest, type: 'input_file', ...file };
  if (type !== 'image_url') return null;
  const { url, detail } = isJsonObject(image) ? image : { url: image, detail: undefined };
  return { ...rest, type: 'input_image', image_url: url, detail: detail ?? 'auto' };
}

/** The tools without their inner object; `null` when a tool is of another kind. */
function flatTools(request: ChatRequest): JsonObject[] | null {
  const tools = readElements(request, 'tools').map((text) => flatTool(parseExact(text)));
  return tools.includes(null) ? null : tools.filter((tool) => tool !== null);
}

function flatTool(tool: Json): JsonObject | null {
  if (!isJsonObject(tool)) return null;
  const { type, function: called, custom, ...rest } = tool;
  if (type === 'function' && isJsonObject(called)) {
    // There `parameters` and `strict` have to stand, and `strict` is true unless it is said.
    const { parameters, strict } = called;
    const schema = parameters ?? { type: 'object', properties: {} };
    return { ...rest, type, ...called, parameters: schema, strict: strict ?? false };
  }
  if (type !== 'custom' || !isJsonObject(custom)) return null;
  return {
    ...rest,
    type,
    ...custom,
    ...(isJsonObject(custom['format']) && { format: flatGrammar(custom['format']) }),
  };
}

function flatGrammar({ grammar, ...format }: JsonObject): JsonObject {
  return isJsonObject(grammar) ? { ...format, ...grammar } : format;
}

function flatChoice(choice: Json | undefined): Json | undefined {
  if (choice === null || !isJsonObject(choice)) return choice ?? undefined;
  const { type, function: called, custom, allowed_tools: allowed } = choice;
  if (isJsonObject(called)) return { type: type ?? 'function', ...called };
  if (isJsonObject(custom)) return { type: type ?? 'custom', ...custom };
  if (!isJsonObject(allowed) || !Array.isArray(allowed['tools'])) return choice;
  return {
    type: 'allowed_tools',
    ...allowed,
    tools: allowed['tools'].map((tool) => flatChoice(tool) ?? null),
  };
}

function textOptions(request: ChatRequest): JsonObject | undefined {
  const format = request.members.get('response_format');
  const verbosity = readMember(request, 'verbosity') ?? undefined;
  const value = format === undefined ? undefined : flatFormat(parseExact(format));
  if (value === undefined && verbosity === undefined) return undefined;
  return { ...(value && { format: value }), ...(verbosity !== undefined && { verbosity }) };
}

function flatFormat(format: Json): JsonObject | undefined {
  if (!isJsonObject(format)) return undefined;
  const { json_schema: described, ...rest } = format;
  if (!isJsonObject(described)) return rest;
  return { ...rest, ...described, schema: described['schema'] ?? {} };
}

function reasoning(request: ChatRequest): JsonObject | undefined {
  const effort = readMember(request, 'reasoning_effort');
  if (effort === undefined || effort === null) return undefined;
  const given = readMember(request, 'reasoning');
  return { ...(isJsonObject(given) ? given : {}), effort };
}

function maxOutputTokens(request: ChatRequest): Json | undefined {
  const asked =
    readMember(request, 'max_completion_tokens') ?? readMember(request, 'max_tokens') ?? undefined;
  return typeof asked === 'number' ? Math.max(minOutputTokens, asked) : asked;
}

/** Usage always comes; of the options only this one is known there. */
function streamOptions(request: ChatRequest): JsonObject | undefined {
  const given = readMember(request, 'stream_options');
  if (!isJsonObject(given) || given['include_obfuscation'] === undefined) return undefined;
  return { include_obfuscation: given['include_obfuscation'] };
}
