// Makes a step's request what its upstream can take: forms of `tool_choice`, JSON beside tools, ids of calls.
import { createHash } from 'node:crypto';
import type { Capabilities } from '../openai/capabilities.ts';
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject, parseExact } from '../openai/exact-json.ts';
import {
  memberText,
  readElements,
  readMember,
  withElements,
  withMembers,
  type ChatRequest,
} from '../openai/request.ts';

/** The request of one step of a run as an upstream with these capabilities takes it (`wire.md` M12, M13, Q6). */
export function fitRequest(request: ChatRequest, capabilities: Capabilities): ChatRequest {
  const formatted = fitFormat(request, capabilities.jsonWithTools);
  const chosen = fitToolChoice(formatted, capabilities.toolChoice);
  return capabilities.toolCallIds === 'alphanumeric9' ? fitCallIds(chosen) : chosen;
}

/** Without tools the other two are a 400. */
const noTools = { tools: undefined, tool_choice: undefined, parallel_tool_calls: undefined } as const;

const none = '"none"';

/** M13: the format waits while tools are offered; the closing step has it, and no tools. */
function fitFormat(request: ChatRequest, jsonWithTools: Capabilities['jsonWithTools']): ChatRequest {
  if (jsonWithTools === 'native' || !request.members.has('tools')) return request;
  const format = readMember(request, 'response_format');
  const type = isJsonObject(format) ? format['type'] : undefined;
  if (typeof type !== 'string' || !type.startsWith('json')) return request;
  const closing = memberText(request, 'tool_choice') === none;
  return withMembers(request, closing ? noTools : { response_format: undefined });
}

function fitToolChoice(request: ChatRequest, toolChoice: Capabilities['toolChoice']): ChatRequest {
  const choice = readMember(request, 'tool_choice');
  if (toolChoice === 'full' || choice === undefined || choice === null || choice === 'auto') return request;
  if (toolChoice === 'ignored') return choice === 'none' ? withMembers(request, noTools) : request; // M12
  if (toolChoice === 'auto')
    return choice === 'none' ? request : withMembers(request, { tool_choice: '"auto"' });
  return isJsonObject(choice) ? requireOnly(request, choice) : request;
}

/** A named function where no object is taken: it alone is offered, and some call is required. */
function requireOnly(request: ChatRequest, choice: JsonObject): ChatRequest {
  const wanted = nameIn(choice);
  const offered = readElements(request, 'tools').filter(
    (text) => nameIn(JSON.parse(text) as Json) === wanted,
  );
  const required = withMembers(request, { tool_choice: '"required"' });
  return offered.length > 0 ? withElements(required, 'tools', offered) : required;
}

function nameIn(value: Json): Json | undefined {
  return isJsonObject(value) && isJsonObject(value['function']) ? value['function']['name'] : undefined;
}

/**
 * Q6: every id of a call, in the whole history, as nine letters and digits. An id becomes the same nine each time, so
 * that calls and results still find each other and the prompt's prefix stays the same.
 */
export function fitCallIds(request: ChatRequest): ChatRequest {
  const messages = readElements(request, 'messages');
  const fitted = messages.map(fitMessage);
  const same = fitted.every((text, at) => text === messages[at]);
  return same ? request : withElements(request, 'messages', fitted);
}

function fitMessage(text: string): string {
  if (!text.includes('"tool_call')) return text;
  const message = parseExact(text);
  if (!isJsonObject(message)) return text;
  const { tool_calls: calls, tool_call_id: id } = message;
  const fits =
    (!Array.isArray(calls) || calls.every((call) => !isJsonObject(call) || isShort(call['id']))) &&
    isShort(id);
  if (fits) return text;
  return JSON.stringify({
    ...message,
    ...(Array.isArray(calls) && {
      tool_calls: calls.map((call) => (isJsonObject(call) ? { ...call, id: shorten(call['id']) } : call)),
    }),
    ...(id !== undefined && { tool_call_id: shorten(id) }),
  });
}

/** An id that stays as it is: a legal one, or what is no id at all, which the upstream may judge. */
function isShort(id: Json | undefined): boolean {
  return typeof id !== 'string' || /^[A-Za-z0-9]{9}$/.test(id);
}

function shorten(id: Json | undefined): Json | undefined {
  if (typeof id !== 'string' || isShort(id)) return id;
  return createHash('sha256').update(id).digest('hex').slice(0, 9);
}
