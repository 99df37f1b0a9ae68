// Reads the body of an interpreted request: one JSON object, checked before anything believes it.
import { parse, scan } from 'secure-json-parse';
import { gatewayError } from '../errors.ts';
import type { Json, JsonObject, Message } from '../openai/chat.ts';
import { isJsonObject, nesting } from '../openai/exact-json.ts';
import { parseRequest, type ChatRequest } from '../openai/request.ts';

/** Bytes of a request body (`wire.md` K8). */
export const maxBodyBytes = 64 * 1024 * 1024;

/** Nesting of a request body; the deepest recorded one has 14. */
const maxDepth = 64;

/** W3: exactly JSON in UTF-8, and not compressed. Throws 415. */
export function checkContentType(headers: Readonly<Record<string, string | string[] | undefined>>): void {
  const type = headers['content-type'];
  if (typeof type !== 'string' || !/^application\/json *(?:; *charset="?utf-8"?)?$/i.test(type)) {
    throw gatewayError('unsupported_media_type', [JSON.stringify(type ?? 'none')]);
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw gatewayError('unsupported_media_type', [`content-encoding ${JSON.stringify(encoding)}`]);
  }
}

/** A request, and its messages as values: what else reads them need not parse them again. */
export interface ReadRequest {
  readonly request: ChatRequest;
  readonly messages: readonly Message[];
}

/** Reads the bytes as a chat request. Throws 400 `invalid_json` or `invalid_type` (`wire.md` Q8, `security.md` W3). */
export function readChatRequest(bytes: Uint8Array): ReadRequest {
  const text = decode(bytes);
  // F-C18: before parsing, so that nesting costs nothing.
  if (nesting(text) > maxDepth) {
    throw gatewayError('invalid_json', [`it is nested deeper than ${maxDepth} levels`]);
  }
  const value = readAs(() => parseSafely(text));
  if (!isJsonObject(value)) throw gatewayError('invalid_json', ['it is not an object']);
  checkTypes(value);
  return { request: readAs(() => parseRequest(text)), messages: value['messages'] as unknown as Message[] };
}

/** Up to so many characters, looking for forbidden names in the text is faster than in the objects made of it. */
const shortText = 8 * 1024;

/** The value of a text in which no name reaches an object's prototype. Throws `SyntaxError`. */
function parseSafely(text: string): Json {
  if (text.length <= shortText) return parse(text) as Json;
  const value = JSON.parse(text) as Json;
  return typeof value === 'object' && value !== null ? (scan(value) as Json) : value;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw gatewayError('invalid_json', ['it is not UTF-8'], { cause: error });
  }
}

/** Reads text; what the reader says against it is the client's to know. */
function readAs<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = error instanceof Error ? error.message : 'it cannot be parsed';
    throw gatewayError('invalid_json', [message.slice(0, 200)], { cause: error });
  }
}

/** Q8: what the gateway itself reads must have its type; everything else is judged by the upstream alone. */
function checkTypes(value: JsonObject): void {
  const { model, messages, stream, n, tools, functions } = value;
  // What is missing or null is the upstream's to refuse, or to choose: some serve one model alone.
  if (model !== undefined && model !== null && typeof model !== 'string')
    throw wrongType('model', 'a string', model);
  if (!Array.isArray(messages)) throw wrongType('messages', 'an array of messages', messages);
  messages.forEach((message, at) => {
    if (!isJsonObject(message)) throw wrongType(`messages[${at}]`, 'an object', message);
  });
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    throw wrongType('stream', 'a boolean', stream);
  if (n !== undefined && n !== null && !(Number.isInteger(n) && Number(n) >= 1 && Number(n) <= 128)) {
    throw wrongType('n', 'an integer from 1 to 128', n);
  }
  checkList('tools', tools, (tool) => typeof tool['type'] === 'string', 'type');
  checkList('functions', functions, (fn) => typeof fn['name'] === 'string', 'name');
}

function checkList(
  name: string,
  list: Json | undefined,
  fits: (element: JsonObject) => boolean,
  member: string,
): void {
  if (list === undefined || list === null) return;
  if (!Array.isArray(list)) throw wrongType(name, 'an array', list);
  list.forEach((element, at) => {
    if (!isJsonObject(element)) throw wrongType(`${name}[${at}]`, 'an object', element);
    if (!fits(element)) throw wrongType(`${name}[${at}].${member}`, 'a string', element[member]);
  });
}

function wrongType(field: string, expected: string, got: Json | undefined) {
  const kind =
    got === undefined ? 'nothing' : got === null ? 'null' : Array.isArray(got) ? 'an array' : describe(got);
  return gatewayError('invalid_type', [field, expected, kind], { param: field });
}

function describe(value: Json): string {
  return typeof value === 'object' ? 'an object' : `${typeof value} ${JSON.stringify(value).slice(0, 40)}`;
}
