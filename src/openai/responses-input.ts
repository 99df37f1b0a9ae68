// The messages of a chat request as input items of `/v1/responses` (`wire.md` C4).
import type { Json, JsonObject } from './chat.ts';
import { isJsonObject, parseExact } from './exact-json.ts';
import { readElements, type ChatRequest } from './request.ts';

/** Output items of an answer of this run, by the id of any of its calls: they go back verbatim. */
export type KnownItems = (callId: string) => readonly JsonObject[] | undefined;

/** The conversation as input items; `null` when a message has no form there. */
export function inputItems(request: ChatRequest, itemsOf: KnownItems): JsonObject[] | null {
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
  const { role, content, name } = message;
  if (role === 'assistant') return assistantItems(message, customIds, itemsOf);
  const parts = inputContent(content);
  if (parts === null) return null;
  if (role === 'tool') {
    const { tool_call_id: id } = message;
    const type = customIds.has(id) ? 'custom_tool_call_output' : 'function_call_output';
    return [{ type, call_id: id, output: parts }];
  }
  if (role !== 'system' && role !== 'developer' && role !== 'user') return null;
  return [{ type: 'message', role, content: named(name, parts) }];
}

/** Who speaks has no member there, so the model is told in words. What an assistant's name adds it would repeat. */
function named(name: Json | undefined, parts: string | JsonObject[]): string | JsonObject[] {
  if (typeof name !== 'string' || name === '') return parts;
  const said = typeof parts === 'string' ? [{ type: 'input_text', text: parts }] : parts;
  return [{ type: 'input_text', text: `name: ${name}` }, ...said];
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
