// Mixed steps: keeps what the client does not see of a step, and puts it back into the follow-up request.
import { createHash } from 'node:crypto';
import type { Json, JsonObject, Message, ToolCall } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { readElements, withElements, type ChatRequest } from '../openai/request.ts';
import { canonicalArguments } from './canonical.ts';
import type { AssembledCall } from './tool-calls.ts';

/** Which model said something. What only that model understands must not go to another one (P6). */
export interface Origin {
  readonly upstream: string;
  readonly model: string;
}

/** The hidden part of a run that ended with calls for the client (`wire.md` P2). Plain JSON: a store may keep it. */
export interface ParkedPart extends Partial<Origin> {
  /** Hidden messages of earlier steps of the run. */
  readonly hidden: Message[];
  /** The assistant message with all its calls. */
  readonly message: Message;
  /** Our tool messages for the gateway's own calls of that message. */
  readonly results: Message[];
  /** Ids of the calls that the client got. */
  readonly visible: string[];
  /** Proves that a later history is this conversation: ids recur between conversations (P4). */
  readonly check: string;
}

/** Makes the part of a mixed step. `lastText` is {@link lastMessageText} of the client's request. */
export function makePart(
  step: { hidden: Message[]; message: Message; calls: readonly AssembledCall[]; results: Message[] },
  lastText: string,
): ParkedPart {
  const handed = step.calls.filter(({ owner }) => owner === 'client').map(({ call }) => call);
  return {
    hidden: step.hidden,
    message: step.message,
    results: step.results,
    visible: handed.map(({ id }) => id),
    check: checkValue(handed, lastText),
  };
}

/** The text of the last message of a request, as the client sent it. */
export function lastMessageText(request: ChatRequest): string {
  return messageText(parseMessage(readElements(request, 'messages').at(-1)));
}

/** The messages of a request, read. */
export function readMessages(request: ChatRequest): Message[] {
  return readElements(request, 'messages').map(parseMessage);
}

/** Ids of the tool calls in the client's history: those whose parts may have been parked. */
export function historyCallIds(history: readonly Message[]): string[] {
  return history.flatMap((message) => callsOf(message).map(({ id }) => id));
}

/**
 * Puts parked parts back (`wire.md` P5, P6): the hidden messages and the full assistant message in place of the one
 * that the client saw, then the tool messages in the order of the calls. A part whose check value does not fit is
 * another conversation's: the history stays as the client sent it, which is valid (P7). Without parts, the same object.
 */
export function reinsert(
  request: ChatRequest,
  parts: ReadonlyMap<string, readonly ParkedPart[]>,
  origin?: Origin,
): ChatRequest {
  if (parts.size === 0) return request;
  const elements = readElements(request, 'messages');
  const restored: string[] = [];
  for (let at = 0; at < elements.length; at += 1) {
    const text = elements[at] ?? '';
    // Only messages that name calls are parsed, with the one before each, and behind a part that is put back those up to
    // the first that is no tool result: others may be megabytes.
    const message = text.includes('"tool_calls"') ? parseMessage(text) : null;
    const part = message && findPart(callsOf(message), messageText(parseMessage(elements[at - 1])), parts);
    if (!message || !part) {
      restored.push(text);
      continue;
    }
    const answers = toolMessages(elements, at + 1);
    restored.push(...restoredStep(message, origin ? fitPart(part, origin) : part, answers));
    at += answers.length;
  }
  return withElements(request, 'messages', restored);
}

/** P4: ids may recur, even in a conversation that reads the same: the newest part that fits is meant. */
function findPart(
  calls: readonly ToolCall[],
  before: string,
  parts: ReadonlyMap<string, readonly ParkedPart[]>,
): ParkedPart | undefined {
  const candidates = parts.get(calls[0]?.id ?? '') ?? [];
  return candidates.findLast((part) => {
    const handed = callsOf(part.message).filter(({ id }) => part.visible.includes(id));
    // The client may have dropped parallel calls, never invented one.
    const known = calls.every((call) => handed.some((own) => own.id === call.id && sameCall(own, call)));
    return known && checkValue(handed, before) === part.check;
  });
}

/** P6: the part for the model that reads it now. What the client knows an id of keeps it. */
function fitPart(part: ParkedPart, origin: Origin): ParkedPart {
  const [message = part.message] = verbatimFor([part.message], part, origin, part.visible);
  return {
    ...part,
    message,
    hidden: verbatimFor(part.hidden, part, origin),
    results: verbatimFor(part.results, part, origin, part.visible),
  };
}

/**
 * P6: hidden messages for the model that reads them now: as they are for the one that wrote them; for another one
 * without what only that one understands, and with ids that every upstream takes, except those in `known`.
 */
export function verbatimFor(
  messages: readonly Message[],
  from: Partial<Origin>,
  to: Origin,
  known: readonly string[] = [],
): Message[] {
  if (from.upstream === undefined || (from.upstream === to.upstream && from.model === to.model))
    return [...messages];
  const idOf = (id: string) => (id.length <= 40 || known.includes(id) ? id : shortId(id));
  return messages.map((message) => {
    const { tool_calls, tool_call_id, ...rest } = message;
    const calls = tool_calls && callsOf(message).map((call) => ({ ...common(call), id: idOf(call.id) }));
    return {
      ...common(rest),
      ...(calls && { tool_calls: calls as ToolCall[] }),
      ...(tool_call_id !== undefined && { tool_call_id: idOf(tool_call_id) }),
    } as Message;
  });
}

/** Without the members that belong to one model: its reasoning, its signatures, its phases. */
function common(value: object): object {
  const own = (name: string) => name.startsWith('reasoning') || name === 'extra_content' || name === 'phase';
  return Object.fromEntries(Object.entries(value).filter(([name]) => !own(name)));
}

/** 9 alphanumerics, always the same for an id. */
function shortId(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 9);
}

/** The texts of a step's messages as the model knows them. */
function restoredStep(seen: Message, part: ParkedPart, answers: readonly string[]): string[] {
  const kept = new Set(callsOf(seen).map(({ id }) => id));
  const calls = callsOf(part.message).filter(({ id }) => !part.visible.includes(id) || kept.has(id));
  const edited = wasEdited(seen.content, part);
  const message = { ...part.message, ...(edited && { content: seen.content }), tool_calls: calls };
  const answerById = new Map(answers.map((text) => [parseMessage(text).tool_call_id, text]));
  const ours = new Map(part.results.map((result) => [result.tool_call_id, JSON.stringify(result)]));
  const ordered = calls.flatMap(({ id }) => ours.get(id) ?? answerById.get(id) ?? []);
  const strangers = answers.filter((text) => !ordered.includes(text));
  const hidden = edited ? part.hidden.map(withoutText) : part.hidden;
  return [...hidden.map((one) => JSON.stringify(one)), JSON.stringify(message), ...ordered, ...strangers];
}

/** P6: a hidden message once the client has edited what it was shown of it. The results of its calls stay. */
function withoutText(message: Message): Message {
  return message.role === 'assistant' ? { ...message, content: null } : message;
}

/**
 * P6: the client's text counts unless it is empty, absent, or what the client was shown: the texts of all steps, or that
 * of the last one alone (M4). Compared without blanks: those between two texts are nobody's words.
 */
function wasEdited(seen: Json | undefined, { hidden, message }: ParkedPart): boolean {
  const earlier = hidden.filter(({ role }) => role === 'assistant').map(({ content }) => bareText(content));
  const [text, last] = [bareText(seen), bareText(message.content)];
  return text !== '' && text !== last && text !== earlier.join('') + last;
}

function bareText(content: Json | undefined): string {
  return textOf(content).replaceAll(/\s+/g, '');
}

/** The tool messages that follow an assistant message. */
function toolMessages(elements: readonly string[], from: number): string[] {
  const end = elements.findIndex((text, at) => at >= from && parseMessage(text).role !== 'tool');
  return elements.slice(from, end < 0 ? undefined : end);
}

/** The check value of the calls that a client got, after a message of this text (P2). */
export function checkValue(calls: readonly ToolCall[], lastText: string): string {
  const hash = createHash('sha256').update(lastText);
  for (const call of calls) hash.update(`\n${call.function?.name ?? ''}\n${argumentsOf(call)}`);
  return hash.digest('base64url');
}

function sameCall(a: ToolCall, b: ToolCall): boolean {
  return a.function?.name === b.function?.name && argumentsOf(a) === argumentsOf(b);
}

function argumentsOf(call: ToolCall): string {
  return canonicalArguments(call.function?.arguments ?? '');
}

/** The tool calls of a message that have an id. */
export function callsOf(message: Message): ToolCall[] {
  const calls: unknown = message.tool_calls;
  if (!Array.isArray(calls)) return [];
  return calls.filter((call): call is ToolCall => isJsonObject(call) && typeof call['id'] === 'string');
}

function messageText(message: Message): string {
  return textOf(message.content);
}

/** The text of a message's content, its parts joined. */
export function textOf(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => (isJsonObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join('');
}

/** A message; what is none has no role. */
export function parseMessage(text: string | undefined): Message {
  const value: unknown = text === undefined ? null : JSON.parse(text);
  return isJsonObject(value) ? (value as JsonObject & Message) : { role: '' };
}
