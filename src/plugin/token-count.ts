// Tokens of a text (o200k). The table behind it takes 150 ms to load, so it is loaded when first asked for.
import { createRequire } from 'node:module';

interface Encoding {
  countTokens(text: string, options: { disallowedSpecial: Set<string> }): number;
  isWithinTokenLimit(text: string, most: number, options: { disallowedSpecial: Set<string> }): number | false;
}

const require = createRequire(import.meta.url);

/** The number of tokens of a text, whatever it contains: markers such as `<|endoftext|>` count as plain text. */
export function countTokens(text: string): number {
  return loadEncoding().countTokens(text, { disallowedSpecial: new Set() });
}

function loadEncoding(): Encoding {
  return require('gpt-tokenizer/encoding/o200k_base') as Encoding;
}

/**
 * Whether a text has more than `most` tokens. A token has a byte at least, so short texts are not counted; texts of
 * more than 8 characters per token are too long uncounted; of the others no more tokens are counted than `most`.
 */
export function exceedsTokens(text: string, most: number): boolean {
  if (Buffer.byteLength(text) <= most) return false;
  if (text.length > most * 8) return true;
  return loadEncoding().isWithinTokenLimit(text, most, { disallowedSpecial: new Set() }) === false;
}
