// Fills a path template so that no value can leave its segment (`openapi.md` B2, security A3, A4).
import type { Json } from '../openai/chat.ts';
import { isExactNumber } from '../openai/exact-json.ts';
import { percentEncode, scalarText, UnsendableValue } from '../openapi/serialize.ts';

const maxDecodings = 3;

/** Two and more bytes for what one byte says; lenient decoders take them for `.`, `/` and `\`. */
const overlong: readonly (readonly [form: RegExp, sign: string])[] = [
  [/%c0%ae|%e0%80%ae|%f0%80%80%ae/gi, '.'],
  [/%c0%af|%e0%80%af|%f0%80%80%af/gi, '/'],
  [/%c1%9c|%e0%81%9c|%f0%80%81%9c/gi, '\\'],
];

function decodeOnce(text: string): string {
  const shortened = overlong.reduce((result, [form, sign]) => result.replaceAll(form, sign), text);
  // Byte for byte: only ASCII is looked at afterwards.
  return shortened.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) =>
    String.fromCharCode(parseInt(code, 16)),
  );
}

/** The text and what decoders on the way may make of it: nothing else where no `%` is left. */
function readings(text: string, decodings: number): string[] {
  const result = [text];
  for (let last = text; last.includes('%') && result.length <= decodings;) {
    last = decodeOnce(last);
    result.push(last);
  }
  return result;
}

function hasDotSegment(text: string): boolean {
  return text.split(/[/\\]/).some((piece) => /^\.{1,2}(?:;|$)/.test(piece));
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Throws unless every text of a path value is safe in any reading of it (A3). */
function assertPathText(text: string): void {
  if (text === '') throw new UnsendableValue('must not be empty');
  for (const reading of readings(text, maxDecodings)) {
    if (hasControlCharacter(reading)) throw new UnsendableValue('must not hold control characters');
    if (hasDotSegment(reading)) throw new UnsendableValue('must not be or hold a path segment "." or ".."');
  }
}

/** Throws {@link UnsendableValue} unless a value may stand in a path: each of its names and texts is judged. */
export function assertPathValue(value: Json): void {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) {
    assertPathText(scalarText(value));
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) assertPathValue(item);
    return;
  }
  for (const [name, item] of Object.entries(value)) {
    assertPathText(name);
    if (item !== undefined) assertPathValue(item);
  }
}

/** The names of the variables of a template, in order. */
export function templateVariables(template: string): string[] {
  return Array.from(template.matchAll(/\{([^{}]*)\}/g), (match) => match[1] ?? '');
}

/**
 * The path with every occurrence of every variable filled (B3). `variables` holds encoded text by name. Throws
 * {@link UnsendableValue} when the result has another shape than the template.
 */
export function fillPath(template: string, variables: ReadonlyMap<string, string>): string {
  const path = template
    .split(/(\{[^{}]*\})/)
    .map((piece) =>
      piece.startsWith('{') ? (variables.get(piece.slice(1, -1)) ?? '') : encodeLiteral(piece),
    )
    .join('');
  const shape = template.replaceAll(/\{[^{}]*\}/g, 'x');
  // Values were judged one by one; together, or with the template's own text, they may still make up a `..`.
  const folds = readings(path, maxDecodings + 1).some(hasDotSegment);
  if (folds || path.split('/').length !== shape.split('/').length) {
    throw new UnsendableValue('would change the path of the operation');
  }
  return path;
}

/** A template's own text: what a path cannot hold is encoded, what is encoded stays. */
function encodeLiteral(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._~!$&'()*+,;=:@/%-]/gu, (sign) => percentEncode(sign));
}
