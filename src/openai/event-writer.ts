// Writes pieces as the events that go out. Of events that differ in their text alone, the text alone is kept (a shortcut).
import type { Chunk, Piece, Pieces } from './chat.ts';
import { encodeEvent } from './event-stream.ts';
import { isMoreText, stand, withText } from './more-text.ts';

/** Text that is kept for later: a string, bytes, or something smaller that makes the text when it is asked for. */
export interface KeptText {
  /** Characters, or bytes, that it takes. */
  readonly length: number;
  readonly toString: () => string;
}

/** Pieces as text, and as they may be kept. */
export interface WrittenPieces {
  readonly text: string;
  readonly kept: KeptText;
}

/** The event of a chunk around its texts. */
interface Frame {
  readonly head: string;
  /** Between the two texts; `null` when there is one. */
  readonly middle: string | null;
  readonly tail: string;
  readonly contentFirst: boolean;
}

/** Makes the writer of one stream: the events of its pieces. What differs in its text alone is not written anew. */
export function createEventWriter(): (pieces: Pieces) => WrittenPieces {
  const write = createPieceWriter();
  return (pieces) => {
    const written = pieces.map(write);
    return {
      text: written.map(({ text }) => text).join(''),
      kept: keepTogether(written.map(({ kept }) => kept)),
    };
  };
}

function createPieceWriter(): (piece: Piece) => WrittenPieces {
  let like: Chunk | null = null;
  let frame: Frame | null = null;
  return (piece) => {
    if (!isMoreText(piece)) {
      const text = encodeEvent(JSON.stringify(piece));
      return { text, kept: text };
    }
    // Kept from piece to piece: most of a stream is like one chunk.
    if (frame === null || like !== piece.like) frame = frameOf(piece.like);
    like = piece.like;
    const { texts, obfuscations } = piece;
    return {
      text: eventsOf(frame, texts, obfuscations),
      kept: new AlikeEvents(frame, texts.join(separator), obfuscations?.join(separator) ?? null),
    };
  };
}

/** Stands in no text of these events: it would need an escape. */
const separator = '\n';

/**
 * Events with one frame: what is kept of each is a tenth of it. A class, as V8 gives each literal with a getter a hidden
 * class of its own.
 */
class AlikeEvents implements KeptText {
  readonly frame: Frame;
  readonly texts: string;
  readonly obfuscations: string | null;

  constructor(frame: Frame, texts: string, obfuscations: string | null) {
    this.frame = frame;
    this.texts = texts;
    this.obfuscations = obfuscations;
  }

  get length(): number {
    return this.texts.length + (this.obfuscations?.length ?? 0);
  }

  toString(): string {
    const { frame, texts, obfuscations } = this;
    return eventsOf(frame, texts.split(separator), obfuscations?.split(separator) ?? null);
  }
}

/** Kept texts one behind the other. */
class KeptTexts implements KeptText {
  readonly parts: readonly KeptText[];
  readonly length: number;

  constructor(parts: readonly KeptText[]) {
    this.parts = parts;
    this.length = parts.reduce((sum, { length }) => sum + length, 0);
  }

  toString(): string {
    return this.parts.join('');
  }
}

/** Characters kept as one text, so that there are few objects; thirty times as many are made of them at a time. */
const mostTogether = 4 * 1024;

/** Puts kept texts together, in few objects. */
export function keepTogether(texts: readonly KeptText[]): KeptText {
  const [only, further] = texts;
  if (only && !further) return only;
  const groups: [KeptText, ...KeptText[]][] = [];
  let size = 0;
  for (const text of texts.flatMap(partsOf)) {
    const group = groups.at(-1);
    size += text.length;
    if (group && size <= mostTogether && frameIn(group[0]) === frameIn(text)) group.push(text);
    else {
      groups.push([text]);
      size = text.length;
    }
  }
  return new KeptTexts(groups.map(joined));
}

/** The texts of which a kept text was put together. */
export function partsOf(text: KeptText): readonly KeptText[] {
  return text instanceof KeptTexts ? text.parts : [text];
}

function frameIn(text: KeptText): Frame | null {
  return text instanceof AlikeEvents ? text.frame : null;
}

/** Texts with one frame, or all without, as one. */
function joined(texts: readonly [KeptText, ...KeptText[]]): KeptText {
  const [first] = texts;
  if (texts.length === 1) return first;
  if (!(first instanceof AlikeEvents)) return texts.join('');
  const alike = texts.filter((text) => text instanceof AlikeEvents);
  const padding = first.obfuscations === null ? null : alike.map((one) => one.obfuscations).join(separator);
  return new AlikeEvents(first.frame, alike.map((one) => one.texts).join(separator), padding);
}

function eventsOf(
  { head, middle, tail, contentFirst }: Frame,
  texts: readonly string[],
  obfuscations: readonly string[] | null,
): string {
  const whole =
    obfuscations === null || middle === null
      ? texts
      : texts.map((text, at) =>
          contentFirst ? text + middle + obfuscations[at] : obfuscations[at] + middle + text,
        );
  return head + whole.join(tail + head) + tail;
}

function frameOf(like: Chunk): Frame {
  // Written once with a sign that stands nowhere else in it: where the signs are, the texts go (1 content, 2 obfuscation).
  const plain = JSON.stringify(like);
  let sign = stand;
  while (plain.includes(sign)) sign += stand;
  const padding = like['obfuscation'] === undefined ? undefined : `${sign}2`;
  const [head = '', ...parts] = encodeEvent(JSON.stringify(withText(like, `${sign}1`, padding))).split(sign);
  const contentFirst = parts[0]?.startsWith('1') === true;
  const [one = '', two] = parts.map((part) => part.slice(1));
  return two === undefined
    ? { head, middle: null, tail: one, contentFirst }
    : { head, middle: one, tail: two, contentFirst };
}
