// The table behind `token-count.ts`, in a file of its own so that it can be left out of memory.
export { countTokens, isWithinTokenLimit } from 'gpt-tokenizer/encoding/o200k_base';
