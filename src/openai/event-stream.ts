// The event-stream codec: bytes of `text/event-stream` to the data of its events, and back.
import { isAscii } from 'node:buffer';

/** An event larger than the cap: nothing more is read (`wire.md` D3). */
export class EventTooLargeError extends RangeError {
  override readonly name = 'EventTooLargeError';
}

export interface EventDecoderOptions {
  /** Bounds one event, in UTF-16 units (`wire.md` D3). */
  readonly maxEventBytes: number;
  /** Gets the data of each event. */
  readonly onEvent: (data: string) => void;
  /** Takes whole events by their text, unsplit: is offered a place where an event begins, gives the one behind what it took. */
  readonly shortcut?: (text: string, at: number) => number;
}

/**
 * Takes the bytes of a stream as they come. Decodes LF, CRLF and CR, data lines with or without a blank, several data lines,
 * comments, a byte order mark, any split of the bytes (`wire.md` D1).
 */
export class EventDecoder {
  readonly #options: EventDecoderOptions;
  readonly #reader = new TextReader();
  readonly #lines = new LineSplitter();
  #data: string | null = null;
  /** Characters of the event so far. */
  #size = 0;

  constructor(options: EventDecoderOptions) {
    this.#options = options;
  }

  /** Throws {@link EventTooLargeError}, and what `onEvent` throws. */
  push(bytes: Uint8Array): void {
    this.#take(this.#reader.read(bytes));
  }

  /** The bytes are over: the last event counts without its blank line (`wire.md` D2). */
  end(): void {
    this.#take(`${this.#reader.end()}\n\n`);
  }

  #take(text: string): void {
    const options = this.#options;
    const lines = this.#lines;
    lines.open(text);
    for (;;) {
      // The shortcut: whole events that are known by their text skip the splitter and the parser.
      const fresh = options.shortcut && this.#size === 0 ? lines.place() : null;
      if (fresh !== null) lines.skip(options.shortcut?.(text, fresh) ?? fresh);
      const line = lines.next();
      if (line === null) break;
      this.#count(line.length);
      this.#takeLine(line);
    }
    this.#count(lines.waiting());
  }

  #takeLine(line: string): void {
    this.#size += line.length;
    if (line === '') {
      const whole = this.#data;
      this.#data = null;
      this.#size = 0;
      if (whole !== null) this.#options.onEvent(whole);
    } else if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    }
  }

  // Wherever the bytes are cut, the same event is too large: each line counts, and what waits for its end.
  #count(length: number): void {
    const { maxEventBytes } = this.#options;
    if (this.#size + length > maxEventBytes)
      throw new EventTooLargeError(`an event is larger than ${maxEventBytes} bytes`);
  }
}

/** Reads UTF-8 as it comes. ASCII, which most bytes are, is copied, three times as fast. */
class TextReader {
  readonly #decoder = new TextDecoder();
  // The decoder sees the beginning, where a byte order mark may be, and what follows half a character.
  #needed = true;

  read(bytes: Uint8Array): string {
    if (!this.#needed && isAscii(bytes))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    this.#needed = (bytes.at(-1) ?? 0x80) >= 0x80;
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left of half a character. */
  end(): string {
    return this.#decoder.decode();
  }
}

/** Splits text into lines as it comes; a CRLF that is cut in the middle is one line end. */
class LineSplitter {
  #text = '';
  #start = 0;
  /** The next line ends of both kinds, kept: text without CR would be searched whole for each line. -1: there is none. */
  #feed = -1;
  #back = -1;
  /** What waits for the end of its line. */
  #begun = '';
  #afterReturn = false;

  /** Characters that wait for the end of their line. */
  waiting(): number {
    return this.#begun.length;
  }

  /** Where the next line begins in the text; `null`: it has begun before. */
  place(): number | null {
    return this.#begun === '' && this.#start < this.#text.length ? this.#start : null;
  }

  skip(to: number): void {
    this.#start = to;
    if (this.#feed >= 0 && this.#feed < to) this.#feed = this.#text.indexOf('\n', to);
    if (this.#back >= 0 && this.#back < to) this.#back = this.#text.indexOf('\r', to);
  }

  open(text: string): void {
    this.#text = text;
    this.#start = this.#afterReturn && text.startsWith('\n') ? 1 : 0;
    if (text !== '') this.#afterReturn = false;
    this.#feed = text.indexOf('\n', this.#start);
    this.#back = text.indexOf('\r', this.#start);
  }

  /** The next line that ends in the text; `null`: the rest waits for its end. */
  next(): string | null {
    const [feed, back] = [this.#feed, this.#back];
    if (feed < 0 && back < 0) {
      this.#begun += this.#text.slice(this.#start);
      // Let go: of thousands of slow streams, each would hold its last text until the next comes.
      this.#text = '';
      this.#start = 0;
      return null;
    }
    const end = back < 0 || (feed >= 0 && feed < back) ? feed : back;
    const line = this.#begun + this.#text.slice(this.#start, end);
    this.#begun = '';
    this.#afterReturn = end === back && end + 1 === this.#text.length;
    this.skip(end === back && this.#text.charCodeAt(end + 1) === 0x0a ? end + 2 : end + 1);
    return line;
  }
}

/** One event. The data must not hold a line end: JSON text never does. */
export function encodeEvent(data: string): string {
  return eventStart + data + eventEnd;
}

/** What stands around the data of an event. */
export const eventStart = 'data: ';
export const eventEnd = '\n\n';

/** Ends a stream (`wire.md` E7). */
export const doneEvent = encodeEvent('[DONE]');

/** Keeps a silent stream open; no client reads it (`wire.md` E9). */
export const keepAliveComment = ': keep-alive\n\n';
