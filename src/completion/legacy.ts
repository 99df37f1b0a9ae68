// Clients that still speak `functions` and `function_call`: translated to tools on the way in, and back on the way out.
import { createHash } from 'node:crypto';
import type { ChunkChoice, Json, JsonObject, Piece, Pieces } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { isMoreText } from '../openai/more-text.ts';
import { checkValue, type ParkedPart } from './park.ts';
import {
  memberText,
  readElements,
  readMember,
  withElements,
  withMembers,
  type ChatRequest,
} from '../openai/request.ts';

/** `wire.md` L1: `functions` and no `tools`. */
export function isLegacy(request: ChatRequest): boolean {
  return readElements(request, 'functions').length > 0 && readElements(request, 'tools').length === 0;
}

/** L1, L2: the same request in terms of tools, one call at a time. */
export function fromLegacy(request: ChatRequest): ChatRequest {
  const tools = readElements(request, 'functions').map((text) => `{"type":"function","function":${text}}`);
  const choice = readMember(request, 'function_call');
  const toolChoice = isJsonObject(choice)
    ? JSON.stringify({ type: 'function', function: choice })
    : memberText(request, 'function_call');
  return withMembers(
    withElements(withElements(request, 'tools', tools), 'messages', fromLegacyMessages(request)),
    {
      functions: undefined,
      function_call: undefined,
      ...(toolChoice !== undefined && { tool_choice: toolChoice }),
      parallel_tool_calls: 'false',
    },
  );
}

/** The id of the call in the message at a place of the history: always the same, valid everywhere (L2). */
export function legacyCallId(place: number, name: string): string {
  const digest = createHash('sha256').update(`${place}\n${name}`).digest('hex');
  return digest.slice(0, 9);
}

function fromLegacyMessages(request: ChatRequest): string[] {
  let callId = '';
  return readElements(request, 'messages').map((text, place) => {
    // Parsed only where an old name stands, `"function_call"` or the role `"function"`: messages may be megabytes.
    if (!text.includes('"function')) return text;
    const message = JSON.parse(text) as Json;
    if (!isJsonObject(message)) return text;
    const { function_call: call, ...rest } = message;
    if (isJsonObject(call)) {
      callId = legacyCallId(place, typeof call['name'] === 'string' ? call['name'] : '');
      return JSON.stringify({ ...rest, tool_calls: [{ id: callId, type: 'function', function: call }] });
    }
    if (message['role'] !== 'function') return text;
    const { name: _name, ...result } = rest;
    return JSON.stringify({ ...result, role: 'tool', tool_call_id: callId });
  });
}

/** L3, L4: the first client call as `function_call`, finish `function_call`; further ones are left out. */
export async function* toLegacy(answer: AsyncIterable<Pieces>): AsyncGenerator<Pieces, void, undefined> {
  for await (const pieces of answer) {
    const translated = pieces.flatMap(toLegacyPiece);
    if (translated.length > 0) yield translated;
  }
}

function toLegacyPiece(piece: Piece): Piece[] {
  if (isMoreText(piece)) return [piece];
  const choices = piece.choices.flatMap(toLegacyChoice);
  return choices.length > 0 || piece.choices.length === 0 ? [{ ...piece, choices }] : [];
}

function toLegacyChoice(choice: ChunkChoice): ChunkChoice[] {
  const { tool_calls: calls, ...delta } = choice.delta;
  if (choice.finish_reason === 'tool_calls') return [{ ...choice, finish_reason: 'function_call' }];
  if (!calls) return [choice];
  const first = calls.find(({ index }) => index === 0)?.function;
  const rest: JsonObject = delta;
  return first ? [{ ...choice, delta: { ...rest, function_call: first } }] : [];
}

/**
 * A parked part as the client's next history will name it: the first client call under the id that its place gives,
 * further client calls removed (L2, L4). `place` is the number of messages that the client sent.
 */
export function legacyPart(part: ParkedPart, place: number, lastText: string): ParkedPart {
  const calls = part.message.tool_calls ?? [];
  const handed = calls.find(({ id }) => id === part.visible[0]);
  if (!handed) return part;
  const renamed = { ...handed, id: legacyCallId(place, handed.function.name) };
  const kept = calls.filter(({ id }) => id === handed.id || !part.visible.includes(id));
  return {
    ...part,
    message: { ...part.message, tool_calls: kept.map((call) => (call === handed ? renamed : call)) },
    visible: [renamed.id],
    check: checkValue([renamed], lastText),
  };
}
