// Tokens of a text (o200k). The table behind it takes 150 ms to load, so it is loaded when first asked for.
import { createRequire } from 'node:module';

interface Encoding {
  countTokens(text: string, options?: { disallowedSpecial?: Set<string> }): number;
}

const require = createRequire(import.meta.url);

/** The number of tokens of a text, whatever it contains: markers such as `<|endoftext|>` count as plain text. */
export function countTokens(text: string): number {
  const encoding = require('gpt-tokenizer/encoding/o200k_base') as Encoding;
  return encoding.countTokens(text, { disallowedSpecial: new Set() });
}

/** Whether a text may have more than `most` tokens; a token has a byte at least, so short texts are not counted. */
export function exceedsTokens(text: string, most: number): boolean {
  return Buffer.byteLength(text) > most && (text.length > most * 8 || countTokens(text) > most);
}
