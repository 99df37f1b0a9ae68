// Takes valid JSON text apart at its top level without reading it, and puts it together again.

/** JSON text, whole or in pieces: a text of megabytes is not copied to say something before or behind it. */
export type JsonText = string | readonly string[];

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The index behind the white space that starts at `at`. */
function skipBlank(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/**
 * The index behind the string whose opening quote is at `at`; all of the text when it does not end. From quote to quote by
 * `indexOf`, which is native: most of a request is inside long strings.
 */
export function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

/** The index behind the value that starts at `at`. */
function skipValue(text: string, at: number): number {
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (Number.isNaN(code)) return at;
    if (code === quote) {
      at = stringEnd(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === comma || code <= 0x20)) return at;
    at += 1;
  }
}

/**
 * The members of a JSON object as text, in order. Names are unescaped. The text must be valid JSON with an object at
 * its root, else the result is undefined. Throws `SyntaxError` on a name that stands twice: two readers could take
 * two different values for it (`security.md` W3).
 */
export function splitMembers(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipBlank(text, skipBlank(text, 0) + 1);
  while (text.charCodeAt(at) === quote) {
    const nameEnd = stringEnd(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    if (members.has(name)) throw new SyntaxError(`the member ${JSON.stringify(name)} stands twice`);
    const start = skipBlank(text, skipBlank(text, nameEnd) + 1);
    const end = skipValue(text, start);
    members.set(name, text.slice(start, end));
    at = skipBlank(text, skipBlank(text, end) + 1);
  }
  return members;
}

/**
 * The text of one member of a JSON object of which only the beginning may be there; `undefined` when the member is not
 * whole in it, and for text that is no JSON.
 */
export function findMember(text: string, name: string): string | undefined {
  try {
    let at = skipBlank(text, skipBlank(text, 0) + 1);
    while (text.charCodeAt(at) === quote) {
      const nameEnd = stringEnd(text, at);
      const start = skipBlank(text, skipBlank(text, nameEnd) + 1);
      const end = skipValue(text, start);
      if (end >= text.length) return undefined;
      if (JSON.parse(text.slice(at, nameEnd)) === name) return text.slice(start, end);
      at = skipBlank(text, skipBlank(text, end) + 1);
    }
  } catch {
    // It is no JSON.
  }
  return undefined;
}

/** The elements of a JSON array as text, in order. The text must be valid JSON with an array at its root. */
export function splitElements(text: string): string[] {
  const elements: string[] = [];
  let at = skipBlank(text, skipBlank(text, 0) + 1);
  while (at < text.length && text.charCodeAt(at) !== closeBracket) {
    const end = skipValue(text, at);
    elements.push(text.slice(at, end));
    at = skipBlank(text, skipBlank(text, end) + 1);
  }
  return elements;
}

/** The first element of a JSON array as text, `""` when it has none, and all the text behind it. */
export function splitFirst(text: string): { text: string; rest: string } {
  const at = skipBlank(text, skipBlank(text, 0) + 1);
  const end = text.charCodeAt(at) === closeBracket ? at : skipValue(text, at);
  return { text: text.slice(at, end), rest: text.slice(end) };
}

/** Whether a JSON array, which the text must be, has no elements. */
export function isEmptyArray(text: string): boolean {
  return text.charCodeAt(skipBlank(text, skipBlank(text, 0) + 1)) === closeBracket;
}

/** The array with the text of one more element, or of several with commas between, at its end. */
export function appendElement(array: JsonText, added: string): JsonText {
  const pieces = piecesOf(array);
  const last = pieces.at(-1) ?? '';
  const head = last.slice(0, last.lastIndexOf(']')).trimEnd();
  const between = pieces.length === 1 && head === '[' ? '' : ',';
  return [...pieces.slice(0, -1), head, `${between}${added}]`];
}

/** The text in one piece. */
export function joinText(text: JsonText): string {
  return typeof text === 'string' ? text : text.join('');
}

/** Texts one behind the other, in UTF-8; joined first, megabytes would be copied once more. */
export function bytesOf(texts: readonly string[]): Buffer {
  const bytes = Buffer.allocUnsafe(texts.reduce((size, text) => size + Buffer.byteLength(text), 0));
  let at = 0;
  for (const text of texts) at += bytes.write(text, at);
  return bytes;
}

function piecesOf(text: JsonText): readonly string[] {
  return typeof text === 'string' ? [text] : text;
}

/** The object made of members' text. */
export function joinMembers(members: ReadonlyMap<string, JsonText>): string {
  return joinedPieces(members).join('');
}

/** The same in pieces: the members' text is not copied. */
export function joinedPieces(members: ReadonlyMap<string, JsonText>): string[] {
  const pieces: string[] = [];
  for (const [name, value] of members)
    pieces.push(`${pieces.length === 0 ? '{' : ','}${JSON.stringify(name)}:`, ...piecesOf(value));
  return pieces.length === 0 ? ['{}'] : [...pieces, '}'];
}

/** The array made of elements' text. */
export function joinElements(elements: readonly string[]): string {
  return `[${elements.join(',')}]`;
}
