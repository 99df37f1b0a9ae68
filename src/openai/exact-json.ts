// JSON whose numbers keep the spelling that a JavaScript number would lose.
import type { Json, JsonObject } from './chat.ts';
import { stringEnd } from './json-text.ts';

/** A number as it was written. `JSON.stringify` writes it as it stands; everything else sees an object. */
export interface ExactNumber {
  readonly rawJSON: string;
}

type Reviver = (name: string, value: Json, context: { source?: string }) => Json;

// TypeScript's library does not know these yet; every Node that runs us has them.
const json = JSON as unknown as {
  parse(text: string, reviver: Reviver): Json;
  rawJSON(text: string): ExactNumber & Json;
  isRawJSON(value: unknown): boolean;
};

/** Tells a number that kept its spelling from every other value. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return json.isRawJSON(value);
}

/** Tells a JSON object from every other value: arrays, `null` and an {@link ExactNumber} are none. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

function keepSpelling(_name: string, value: Json, { source }: { source?: string }): Json {
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  // `5.0` and `1e2` say nothing that a number does not; seventeen digits may.
  return source.length > 15 || !Number.isFinite(value) ? json.rawJSON(source) : value;
}

/**
 * `JSON.parse`, but a number that a double cannot hold becomes an {@link ExactNumber}. Throws `SyntaxError`, and
 * `RangeError` on a text nested some thousand levels deep: limit the depth first.
 */
export function parseExact(text: string): Json {
  // Without a long run of digits or an exponent nothing can be lost, and the plain parser is several times faster.
  return /[0-9.]{16}|[0-9][eE]/.test(text) ? json.parse(text, keepSpelling) : (JSON.parse(text) as Json);
}

/** How deep arrays and objects of a JSON text are nested. Brackets inside strings do not count. */
export function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = stringEnd(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return deepest;
}

/** A valid JSON text without the blanks between its tokens, otherwise character for character. */
export function minifyJson(text: string): string {
  let compact = '';
  let copied = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = stringEnd(text, at);
    else {
      at += 1;
      // JSON knows no other character below 0x21 than its four blanks.
      if (code > 0x20) continue;
      compact += text.slice(copied, at - 1);
      copied = at;
    }
  }
  return copied === 0 ? text : compact + text.slice(copied);
}
