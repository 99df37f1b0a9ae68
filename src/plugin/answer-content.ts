// What the bytes of an answer are: JSON, text, or something that a model cannot read (`openapi.md` R1, R4 to R6, R9).
import { isUtf8 } from 'node:buffer';
import { minifyJson } from '../openai/exact-json.ts';
import { htmlText } from './html-text.ts';

/** The content of an answer. JSON is minified; `bytes` is the size of what is not shown. */
export type AnswerContent =
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly type: string; readonly bytes: number };

/** First bytes (latin-1) that settle what follows. */
const signatures: readonly (readonly [start: string, type: string])[] = [
  ['%PDF-', 'application/pdf'],
  ['\x89PNG\r\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF8', 'image/gif'],
  ['RIFF', 'application/octet-stream'],
  ['PK\x03\x04', 'application/zip'],
  ['\x1f\x8b', 'application/gzip'],
  ['OggS', 'application/ogg'],
  ['ID3', 'audio/mpeg'],
  ['\x7fELF', 'application/octet-stream'],
];

/** Looks at what is there and only then at what it is called: types lie (R9). */
export function readAnswer(contentType: string, body: Uint8Array): AnswerContent {
  const [declared = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const type = declared.toLowerCase();
  const binary = binaryType(type, body, charsetOf(parameters));
  if (binary !== null) return { kind: 'binary', type: binary, bytes: body.length };
  const text = decode(body, charsetOf(parameters));
  const json = readJson(type, text);
  if (json !== null) return { kind: 'json', text: json };
  if (isReadable(type) || isUtf8(body)) return { kind: 'text', text: plainText(type, text) };
  return { kind: 'binary', type: type || 'application/octet-stream', bytes: body.length };
}

function isReadable(type: string): boolean {
  return type.startsWith('text/') || /(?:json|xml|yaml|csv|javascript|x-www-form-urlencoded)$/.test(type);
}

function charsetOf(parameters: readonly string[]): string | null {
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter));
  return charset?.slice('charset='.length).replaceAll('"', '').trim().toLowerCase() ?? null;
}

/** The type of bytes that are no text, by their first ones, or by NUL bytes among them. */
function binaryType(type: string, body: Uint8Array, charset: string | null): string | null {
  const start = bufferOf(body).toString('latin1', 0, 1024);
  const signature = signatures.find(([bytes]) => start.startsWith(bytes))?.[1];
  const isMedia = /^(?:image|audio|video|font)\//.test(type) && !type.endsWith('xml');
  if (signature !== undefined)
    return isMedia || type.startsWith('application/') ? mostExact(type, signature) : signature;
  const wide = charset?.startsWith('utf-16') === true || /^(?:\xff\xfe|\xfe\xff)/.test(start);
  if (start.includes('\0') && !wide)
    return type === '' || isReadable(type) ? 'application/octet-stream' : type;
  return null;
}

/** A declared type may say more than a signature (`application/vnd...` for a zip), but not when it promises text. */
function mostExact(type: string, signature: string): string {
  return isReadable(type) || type === 'application/octet-stream' ? signature : type;
}

/** The same bytes, not a copy of them. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The charset as declared, else by its mark, else UTF-8; what it cannot read becomes U+FFFD (R9). */
function decode(body: Uint8Array, charset: string | null): string {
  const wide =
    body[0] === 0xff && body[1] === 0xfe
      ? 'utf-16le'
      : body[0] === 0xfe && body[1] === 0xff
        ? 'utf-16be'
        : null;
  return decoder(wide ?? charset ?? 'utf-8').decode(body);
}

/** Made once, as nearly every answer is UTF-8. */
const utf8 = new TextDecoder('utf-8');

function decoder(charset: string): TextDecoder {
  if (charset === 'utf-8') return utf8;
  try {
    return new TextDecoder(charset);
  } catch {
    return utf8;
  }
}

/** JSON by its type, or by its looks under another one (R1, R9). */
function readJson(type: string, text: string): string | null {
  if (!/\bjson$/.test(type) && !/^\s*[{[]/.test(text)) return null;
  try {
    JSON.parse(text);
    return minifyJson(text);
  } catch {
    return null;
  }
}

function plainText(type: string, text: string): string {
  if (type === 'text/event-stream') return eventData(text);
  const start = text.slice(0, 256).trimStart().toLowerCase();
  if (/^(?:<!doctype html|<html)/.test(start) || type === 'text/html' || type === 'application/xhtml+xml') {
    return htmlText(text);
  }
  return text;
}

/** The data of an event stream, one event after the other (R5). */
function eventData(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).replace(/^ /, ''))
    .filter((data) => data !== '[DONE]')
    .join('\n');
}
