// Streams of text, event by event the same but for a few words: known by their text, without a parser (a shortcut).
import type { Chunk, ChunkChoice, JsonObject, MoreText, Piece, Pieces } from './chat.ts';
import { eventEnd, eventStart } from './event-stream.ts';
import { isJsonObject } from './exact-json.ts';
import { stringEnd } from './json-text.ts';

/** Tells a chunk from a piece that stands for several. A chunk has choices, beside whatever its upstream adds. */
export function isMoreText(piece: Piece): piece is MoreText {
  return !('choices' in piece);
}

/** The chunks that a piece stands for. */
export function chunksOf(piece: Piece): Chunk[] {
  if (!isMoreText(piece)) return [piece];
  const { like, texts, obfuscations } = piece;
  return texts.map((text, at) => withText(like, text, obfuscations?.[at]));
}

/** The chunk with other texts. */
export function withText(like: Chunk, content: string, obfuscation: string | undefined): Chunk {
  const choice = { ...like.choices[0], delta: { content } } as ChunkChoice;
  return { ...like, ...(obfuscation !== undefined && { obfuscation }), choices: [choice] };
}

/** Pieces gathered for later, in few objects: texts that came one by one are one piece when their chunks are alike. */
export class GatheredPieces {
  readonly #pieces: Piece[] = [];
  #last: { like: Chunk; texts: string[]; obfuscations: string[] | null } | null = null;

  get pieces(): Pieces {
    return this.#pieces;
  }

  add(piece: Piece): void {
    if (!isMoreText(piece)) {
      this.#last = null;
      this.#pieces.push(piece);
      return;
    }
    const { like, texts, obfuscations } = piece;
    if (this.#last?.like === like) {
      this.#last.texts.push(...texts);
      this.#last.obfuscations?.push(...(obfuscations ?? []));
      return;
    }
    this.#last = { like, texts: [...texts], obfuscations: obfuscations && [...obfuscations] };
    this.#pieces.push(this.#last);
  }
}

/** An event around its texts. */
interface Frame {
  readonly like: Chunk;
  /** Up to the content. */
  readonly head: string;
  /** Between content and obfuscation; `null` when there is none. */
  readonly middle: string | null;
  /** Behind the last text. */
  readonly tail: string;
}

/** Lessons without use after which a stream counts as one that has no frame. */
const mostLessons = 8;

/** Events that follow one another, and the place behind them. */
export interface FoundText {
  readonly piece: MoreText;
  readonly next: number;
}

/** Finds, in the text of one stream, events that are the chunk before with other texts. */
export class TextFinder {
  readonly #maxEventLength: number;
  #frame: Frame | null = null;
  #lessons = 0;

  /** Events have so many characters at most. */
  constructor(maxEventLength: number) {
    this.#maxEventLength = maxEventLength;
  }

  /** Such events from this place on, one behind the other; `null`: there is none. */
  find(stream: string, at: number): FoundText | null {
    const found = this.#frame && findIn(this.#frame, stream, at, this.#maxEventLength);
    if (found) this.#lessons = 0;
    return found;
  }

  /** Learns from data that was parsed: `value` is what it says, `chunk` what became of it. */
  learn(data: string, value: JsonObject, chunk: Chunk): void {
    if (this.#lessons >= mostLessons || !isPlainText(value)) return;
    this.#lessons += 1;
    this.#frame = frameOf(data, value, chunk);
  }
}

// Slices are compared, which V8 does word by word; `startsWith` goes letter by letter.
function findIn(frame: Frame, stream: string, at: number, maxLength: number): FoundText | null {
  const { like, head, middle, tail } = frame;
  if (stream.slice(at, at + head.length) !== head) return null;
  // The end of one event and the beginning of the next, compared in one go.
  const seam = tail + head;
  // The cap is on the whole event (D3): its frame is taken off once.
  const room = maxLength - seam.length - (middle?.length ?? 0);
  const texts: string[] = [];
  const obfuscations: string[] = [];
  let next = at;
  for (let from = at + head.length; ;) {
    const text = plainText(stream, from);
    if (text === null || text === '') break; // an empty one is shown differently: it is left to the parser
    let end = from + text.length;
    let padding = '';
    if (middle !== null) {
      if (stream.slice(end, end + middle.length) !== middle) break;
      const found = plainText(stream, end + middle.length);
      if (found === null) break;
      padding = found;
      end += middle.length + padding.length;
    }
    const goesOn = stream.slice(end, end + seam.length) === seam;
    if (text.length + padding.length > room || (!goesOn && stream.slice(end, end + tail.length) !== tail))
      break;
    texts.push(text);
    if (middle !== null) obfuscations.push(padding);
    next = end + tail.length;
    if (!goesOn) break;
    from = next + head.length;
  }
  if (texts.length === 0) return null;
  // A text that came alone is copied: as a slice it would hold all that was read, in each of thousands of slow streams.
  const single = texts.length === 1;
  const held = (some: string[]) => (single ? some.map(copied) : some);
  return {
    piece: { like, texts: held(texts), obfuscations: middle === null ? null : held(obfuscations) },
    next,
  };
}

/** The same text as one that does not hold what it was cut from. */
function copied(text: string): string {
  return text.length < shortestSlice ? text : Buffer.from(text).toString();
}

/** V8 makes slices from this length on; shorter ones are copies already. */
const shortestSlice = 13;

/** The string that goes on at `at`, up to its quote; `null` when it has none yet, or something in it needs an escape. */
function plainText(stream: string, at: number): string | null {
  const end = stream.indexOf('"', at);
  const text = stream.slice(at, end);
  // oxlint-disable-next-line no-control-regex -- JSON escapes them
  return end < 0 || /[\\\u0000-\u001f]/.test(text) ? null : text;
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
export const stand = '\u00A4';

/** The frame of an event, proved: other texts in its places are read as nothing but these texts. */
function frameOf(data: string, value: JsonObject, like: Chunk): Frame | null {
  const head = upTo(data, 'content');
  if (head === null) return null;
  // Each begins with the quote behind a text.
  const behind = data.slice(stringEnd(data, head.length - 1) - 1);
  const middle = upTo(behind, 'obfuscation');
  const isPadded = value['obfuscation'] !== undefined;
  if (isPadded !== (middle !== null)) return null;
  const tail = middle === null ? behind : behind.slice(stringEnd(behind, middle.length - 1) - 1);
  if (!isProved({ head, middle, tail }, value)) return null;
  return { like, head: eventStart + head, middle, tail: tail + eventEnd };
}

/** The text up to the opening quote of a member's string, the quote too. */
function upTo(text: string, name: string): string | null {
  const found = new RegExp(`"${name}": ?"`).exec(text);
  return found && text.slice(0, found.index + found[0].length);
}

function isProved({ head, middle, tail }: Omit<Frame, 'like'>, value: JsonObject): boolean {
  const probe = `${head}${stand}1${middle === null ? '' : `${middle}${stand}2`}${tail}`;
  const [choice] = value['choices'] as JsonObject[];
  const expected = {
    ...value,
    choices: [{ ...choice, delta: { content: `${stand}1` } }],
    ...(middle !== null && { obfuscation: `${stand}2` }),
  };
  try {
    return JSON.stringify(JSON.parse(probe)) === JSON.stringify(expected);
  } catch {
    return false;
  }
}
