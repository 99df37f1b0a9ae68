// Tokens of a text (o200k). The table behind it takes 150 ms and 60 MB, so it is loaded when first asked for.
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type * as tokenTable from './token-table.ts';

const require = createRequire(import.meta.url);

/** The number of tokens of a text, whatever it contains: markers such as `<|endoftext|>` count as plain text. */
export function countTokens(text: string): number {
  return loadTable().countTokens(text, { disallowedSpecial: new Set() });
}

function loadTable(): typeof tokenTable {
  // In a checkout this file is TypeScript, in a release JavaScript; the table's is of the same kind.
  return require(`./token-table${extname(import.meta.url)}`);
}

/**
 * Whether a text has more than `most` tokens. A token has a byte at least, so short texts are not counted; texts of
 * more than 8 characters per token are too long uncounted; of the others no more tokens are counted than `most`.
 */
export function exceedsTokens(text: string, most: number): boolean {
  if (Buffer.byteLength(text) <= most) return false;
  if (text.length > most * 8) return true;
  return loadTable().isWithinTokenLimit(text, most, { disallowedSpecial: new Set() }) === false;
}
