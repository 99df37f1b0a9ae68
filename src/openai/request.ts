// A chat request whose members keep the text they came in, so that what the gateway does not touch stays byte for byte.
import type { Json } from './chat.ts';
import {
  appendElement,
  bytesOf,
  isEmptyArray,
  joinedPieces,
  joinElements,
  joinText,
  splitElements,
  splitMembers,
  type JsonText,
} from './json-text.ts';

/**
 * A chat request as its top-level members' JSON text, in the order sent. Numbers keep their spelling and unknown
 * members go on unread (`wire.md` Q3, Q4): `JSON.parse` + `JSON.stringify` would turn `9223372036854775807` into
 * `9223372036854776000`. Immutable: a step makes a new request.
 */
export interface ChatRequest {
  readonly members: ReadonlyMap<string, JsonText>;
}

/** Reads the text of a request. The text must be one valid JSON object (the door has proved it). */
export function parseRequest(text: string): ChatRequest {
  return { members: splitMembers(text) };
}

/** A request as it goes upstream. Each member's text is written where it belongs: the whole is never one string. */
export function requestBytes(request: ChatRequest): Buffer {
  return bytesOf(joinedPieces(request.members));
}

/** The text of a member, `undefined` when it is absent. */
export function memberText(request: ChatRequest, name: string): string | undefined {
  const text = request.members.get(name);
  return text === undefined ? undefined : joinText(text);
}

/** The value of a member, `undefined` when it is absent. Parsed at each call: keep the value, do not ask twice. */
export function readMember(request: ChatRequest, name: string): Json | undefined {
  const text = memberText(request, name);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/** The request with members replaced, added (at the end) or, with `undefined`, removed. Values are JSON text. */
export function withMembers(
  request: ChatRequest,
  changes: Readonly<Record<string, JsonText | undefined>>,
): ChatRequest {
  const members = new Map(request.members);
  for (const [name, text] of Object.entries(changes)) {
    if (text === undefined) members.delete(name);
    else members.set(name, text);
  }
  return { members };
}

/** The elements of an array member as JSON text; none when it is absent, `null` or no array. */
export function readElements(request: ChatRequest, name: string): string[] {
  const text = memberText(request, name);
  return text?.startsWith('[') ? splitElements(text) : [];
}

/** Whether an array member has elements, without looking at all of them. */
export function hasElements(request: ChatRequest, name: string): boolean {
  const text = memberText(request, name);
  return text?.startsWith('[') === true && !isEmptyArray(text);
}

/** The request with an array member made of the given elements' JSON text. */
export function withElements(request: ChatRequest, name: string, elements: readonly string[]): ChatRequest {
  return withMembers(request, { [name]: joinElements(elements) });
}

/** The request with elements (JSON text) added at the end of an array member. */
export function appendElements(request: ChatRequest, name: string, added: readonly string[]): ChatRequest {
  if (added.length === 0) return request;
  return withMembers(request, { [name]: appendElement(request.members.get(name) ?? '[]', added.join(',')) });
}
