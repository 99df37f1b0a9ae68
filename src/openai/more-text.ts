// Streams of text, event by event the same but for a few words: known by their bytes, without a parser (a shortcut).
import type { Chunk, ChunkChoice, JsonObject, MoreText, Piece } from './chat.ts';
import { isJsonObject } from './exact-json.ts';

/** Tells a chunk from a piece that stands for one. */
export function isMoreText(piece: Piece): piece is MoreText {
  return 'like' in piece;
}

/** The chunk that a piece stands for. */
export function chunkOf(piece: Piece): Chunk {
  if (!isMoreText(piece)) return piece;
  const { like, text, obfuscation } = piece;
  const choice = { ...like.choices[0], delta: { content: text } } as ChunkChoice;
  return { ...like, ...(obfuscation !== null && { obfuscation }), choices: [choice] };
}

/** Finds, in the data of events, the chunk before with another text. */
export interface TextFinder {
  /** The piece that the data stands for; `null`: it has to be parsed. */
  readonly find: (data: string) => MoreText | null;
  /** Learns from data that was parsed: `value` is what it says, `chunk` what became of it. */
  readonly learn: (data: string, value: JsonObject, chunk: Chunk) => void;
}

/** The data of an event around its texts. */
interface Frame {
  readonly like: Chunk;
  readonly head: string;
  /** Between the content and the obfuscation; without one, all that is left. */
  readonly middle: string;
  /** Behind the obfuscation; `null` when there is none. */
  readonly tail: string | null;
}

/** Lessons without use after which a stream counts as one that has no frame. */
const mostLessons = 8;

/** Makes the finder of one stream. */
export function createTextFinder(): TextFinder {
  let frame: Frame | null = null;
  let lessons = 0;
  return {
    find(data) {
      const found = frame && findIn(frame, data);
      if (found) lessons = 0;
      return found;
    },
    learn(data, value, chunk) {
      if (lessons >= mostLessons || !isPlainText(value)) return;
      lessons += 1;
      frame = frameOf(data, value, chunk);
    },
  };
}

// Slices are compared, which V8 does word by word; `startsWith` goes letter by letter.
function findIn({ like, head, middle, tail }: Frame, data: string): MoreText | null {
  if (data.slice(0, head.length) !== head) return null;
  const end = plainEnd(data, head.length);
  const next = end + middle.length;
  if (end <= head.length || data.slice(end, next) !== middle) return null;
  const text = data.slice(head.length, end);
  if (tail === null) return next === data.length ? { like, text, obfuscation: null } : null;
  const last = plainEnd(data, next);
  if (last < 0 || data.slice(last) !== tail) return null;
  return { like, text, obfuscation: data.slice(next, last) };
}

/** Where the string that goes on at `at` ends, at its quote; -1 when something in it needs an escape. */
function plainEnd(data: string, at: number): number {
  for (; at < data.length; at += 1) {
    const code = data.charCodeAt(at);
    if (code === 0x22) return at;
    if (code === 0x5c || code < 0x20) return -1;
  }
  return -1;
}

/** Whether an event brings text and nothing else that may change from event to event. */
function isPlainText(value: JsonObject): boolean {
  const { choices, usage, error, obfuscation } = value;
  if (!Array.isArray(choices) || choices.length !== 1 || usage || error) return false;
  if (obfuscation !== undefined && typeof obfuscation !== 'string') return false;
  const [choice] = choices;
  if (!isJsonObject(choice) || choice['finish_reason'] || choice['logprobs']) return false;
  const { delta } = choice;
  return isJsonObject(delta) && Object.keys(delta).join() === 'content' && isText(delta['content']);
}

function isText(content: unknown): boolean {
  return typeof content === 'string' && content !== '';
}

/** Stands for a text. Latin-1, as one letter beyond it would make strings of a stream twice as wide, and slow to write. */
const stand = '\u00A4';

/** The frame of an event, proved: other texts in its places are read as nothing but these texts. */
function frameOf(data: string, value: JsonObject, like: Chunk): Frame | null {
  const head = upTo(data, '"content":', 0);
  if (head === null) return null;
  const end = stringEnd(data, head.length);
  const behind = data.slice(end);
  const before = upTo(behind, '"obfuscation":', 0);
  const hidden = value['obfuscation'] !== undefined;
  if (hidden !== (before !== null)) return null;
  const tail = before === null ? null : behind.slice(stringEnd(behind, before.length));
  const frame = { like, head, middle: before ?? behind, tail };
  return isProved(frame, value) ? frame : null;
}

/** The text up to the opening quote of a member's string, the quote too. */
function upTo(text: string, name: string, from: number): string | null {
  const quote = new RegExp(`${name} ?"`, 'g');
  quote.lastIndex = from;
  const found = quote.exec(text);
  return found && text.slice(0, found.index + found[0].length);
}

/** Where the string that goes on at `at` ends, escapes or not. */
function stringEnd(text: string, at: number): number {
  for (; at < text.length && text.charCodeAt(at) !== 0x22; at += 1) {
    if (text.charCodeAt(at) === 0x5c) at += 1;
  }
  return at;
}

function isProved({ head, middle, tail }: Frame, value: JsonObject): boolean {
  const probe = `${head}${stand}1${middle}${tail === null ? '' : `${stand}2${tail}`}`;
  const [choice] = value['choices'] as JsonObject[];
  const expected = {
    ...value,
    choices: [{ ...choice, delta: { content: `${stand}1` } }],
    ...(tail !== null && { obfuscation: `${stand}2` }),
  };
  try {
    return JSON.stringify(JSON.parse(probe)) === JSON.stringify(expected);
  } catch {
    return false;
  }
}

/** The JSON of a chunk around its texts: every second part is the place of one. */
interface Written {
  readonly like: Chunk;
  readonly parts: readonly string[];
  readonly contentFirst: boolean;
}

/** Makes the writer of one stream: the JSON of each piece. What differs in its text alone is not written anew. */
export function createPieceWriter(): (piece: Piece) => string {
  let known: Written | null = null;
  return (piece) => {
    if (!isMoreText(piece)) return JSON.stringify(piece);
    if (known?.like !== piece.like) known = writtenOf(piece.like);
    const { text, obfuscation } = piece;
    const { parts, contentFirst } = known;
    const [head, middle, tail] = parts;
    if (obfuscation === null) return head + text + middle;
    return contentFirst
      ? head + text + middle + obfuscation + tail
      : head + obfuscation + middle + text + tail;
  };
}

function writtenOf(like: Chunk): Written {
  const plain = JSON.stringify(like);
  let sign = stand;
  while (plain.includes(sign)) sign += stand;
  const hidden = like['obfuscation'] !== undefined;
  const probe = JSON.stringify(chunkOf({ like, text: `${sign}1`, obfuscation: hidden ? `${sign}2` : null }));
  const parts = probe.split(sign);
  const contentFirst = parts[1]?.startsWith('1') === true;
  return { like, parts: parts.map((part, at) => (at === 0 ? part : part.slice(1))), contentFirst };
}
