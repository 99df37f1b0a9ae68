// A chat request in the words of `/v1/responses`: input items, flat tools, renamed members (`wire.md` C4).
import type { Json, JsonObject } from './chat.ts';
import { isJsonObject, parseExact } from './exact-json.ts';
import { joinMembers, type JsonText } from './json-text.ts';
import { memberText, readElements, readMember, type ChatRequest } from './request.ts';
import { inputItems, type KnownItems } from './responses-input.ts';

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
  const members = new Map<string, JsonText>();
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
  const format = memberText(request, 'response_format');
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
