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

/** Takes the bytes of a stream as they come. */
export interface EventDecoder {
  /** Throws {@link EventTooLargeError}, and what `onEvent` throws. */
  readonly push: (bytes: Uint8Array) => void;
  /** The bytes are over: the last event counts without its blank line (`wire.md` D2). */
  readonly end: () => void;
}

/**
 * Decodes LF, CRLF and CR, data lines with or without a blank, several data lines, comments, a byte order mark, any
 * split of the bytes (`wire.md` D1).
 */
export function createEventDecoder(options: EventDecoderOptions): EventDecoder {
  const { maxEventBytes, onEvent, shortcut } = options;
  const decode = createTextReader();
  const lines = createLineSplitter();
  let data: string | null = null;
  /** Characters of the event so far. */
  let size = 0;

  // Wherever the bytes are cut, the same event is too large: each line counts, and what waits for its end.
  function count(length: number): void {
    if (size + length > maxEventBytes)
      throw new EventTooLargeError(`an event is larger than ${maxEventBytes} bytes`);
  }

  function take(text: string): void {
    lines.open(text);
    for (;;) {
      // The shortcut: whole events that are known by their text skip the splitter and the parser.
      const fresh = shortcut && size === 0 ? lines.place() : null;
      if (fresh !== null) lines.skip(shortcut?.(text, fresh) ?? fresh);
      const line = lines.next();
      if (line === null) break;
      count(line.length);
      size += line.length;
      if (line === '') {
        const whole = data;
        data = null;
        size = 0;
        if (whole !== null) onEvent(whole);
      } else if (line.startsWith('data:')) {
        const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
        data = data === null ? value : `${data}\n${value}`;
      }
    }
    count(lines.waiting());
  }

  return {
    push: (bytes) => take(decode(bytes)),
    end: () => take(`${decode(null)}\n\n`),
  };
}

/** Makes a reader of UTF-8 as it comes; `null` ends it. ASCII, which most bytes are, is copied, three times as fast. */
function createTextReader(): (bytes: Uint8Array | null) => string {
  const decoder = new TextDecoder();
  // The decoder sees the beginning, where a byte order mark may be, and what follows half a character.
  let needed = true;
  return (bytes) => {
    if (bytes === null) return decoder.decode();
    if (!needed && isAscii(bytes))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    needed = (bytes.at(-1) ?? 0x80) >= 0x80;
    return decoder.decode(bytes, { stream: true });
  };
}

/** Splits text into lines as it comes; a CRLF that is cut in the middle is one line end. */
function createLineSplitter() {
  let text = '';
  let start = 0;
  /** The next line ends of both kinds, kept: text without CR would be searched whole for each line. -1: there is none. */
  let feed = -1;
  let back = -1;
  let begun: string[] = [];
  let length = 0;
  let afterReturn = false;

  /** The line that ends here, with what waited for its end. */
  function whole(end: string): string {
    if (begun.length === 0) return end;
    const line = begun.join('') + end;
    begun = [];
    length = 0;
    return line;
  }

  function skip(to: number): void {
    start = to;
    if (feed >= 0 && feed < start) feed = text.indexOf('\n', start);
    if (back >= 0 && back < start) back = text.indexOf('\r', start);
  }

  return {
    /** Characters that wait for the end of their line. */
    waiting: () => length,
    /** Where the next line begins in the text; `null`: it has begun before. */
    place: () => (length === 0 && start < text.length ? start : null),
    skip,
    open(more: string): void {
      text = more;
      start = afterReturn && text.startsWith('\n') ? 1 : 0;
      if (text !== '') afterReturn = false;
      feed = text.indexOf('\n', start);
      back = text.indexOf('\r', start);
    },
    /** The next line that ends in the text; `null`: the rest waits for its end. */
    next(): string | null {
      if (feed < 0 && back < 0) {
        if (start < text.length) begun.push(text.slice(start));
        length += text.length - start;
        // Let go: of thousands of slow streams, each would hold its last text until the next comes.
        text = '';
        start = 0;
        return null;
      }
      const end = back < 0 || (feed >= 0 && feed < back) ? feed : back;
      const line = whole(text.slice(start, end));
      afterReturn = end === back && end + 1 === text.length;
      skip(end === back && text.charCodeAt(end + 1) === 0x0a ? end + 2 : end + 1);
      return line;
    },
  };
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
