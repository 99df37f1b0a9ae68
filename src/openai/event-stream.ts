// The event-stream codec: bytes of `text/event-stream` to the data of its events, and back.

/** An event larger than the cap: nothing more is read (`wire.md` D3). */
export class EventTooLargeError extends RangeError {
  override readonly name = 'EventTooLargeError';
}

/** Takes the bytes of a stream as they come. */
export interface EventDecoder {
  /** The data of each event that ends in these bytes. Throws {@link EventTooLargeError}, after what came before it. */
  readonly push: (bytes: Uint8Array) => string[];
  /** The bytes are over: the last event counts without its blank line (`wire.md` D2). */
  readonly end: () => string[];
}

/**
 * Decodes LF, CRLF and CR, data lines with or without a blank, several data lines, comments, a byte order mark, any
 * split of the bytes (`wire.md` D1). `maxEventBytes` bounds one event, counted in UTF-16 units.
 */
export function createEventDecoder({ maxEventBytes }: { readonly maxEventBytes: number }): EventDecoder {
  const decoder = new TextDecoder();
  const lines = createLineSplitter();
  let data: string | null = null;
  let size = 0;

  // Wherever the bytes are cut, the same event is too large: each line counts, and what waits for its end.
  const isTooLarge = (length: number): boolean => size + length > maxEventBytes;

  function take(text: string): string[] {
    const events: string[] = [];
    let tooLarge = false;
    for (const line of lines.push(text)) {
      tooLarge = isTooLarge(line.length);
      if (tooLarge) break;
      size += line.length;
      if (line === '') {
        if (data !== null) events.push(data);
        data = null;
        size = 0;
      } else if (line.startsWith('data:')) {
        const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
        data = data === null ? value : `${data}\n${value}`;
      }
    }
    if (tooLarge || isTooLarge(lines.pending())) {
      if (events.length === 0) throw new EventTooLargeError(`an event is larger than ${maxEventBytes} bytes`);
      size = Infinity; // what comes next throws
    }
    return events;
  }

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true })),
    end: () => take(`${decoder.decode()}\n\n`),
  };
}

/** Splits text into lines as it comes; a CRLF that is cut in the middle is one line end. */
function createLineSplitter() {
  let waiting: string[] = [];
  let length = 0;
  let afterReturn = false;

  /** The line that ends here, with what waited for its end. */
  function whole(end: string): string {
    if (waiting.length === 0) return end;
    const line = waiting.join('') + end;
    waiting = [];
    length = 0;
    return line;
  }

  return {
    pending: () => length,
    push(text: string): string[] {
      const found: string[] = [];
      let start = afterReturn && text.startsWith('\n') ? 1 : 0;
      if (text !== '') afterReturn = false;
      let feed = text.indexOf('\n', start);
      let back = text.indexOf('\r', start);
      while (feed >= 0 || back >= 0) {
        const end = back < 0 || (feed >= 0 && feed < back) ? feed : back;
        found.push(whole(text.slice(start, end)));
        start = end + 1;
        if (end === back) {
          afterReturn = start === text.length;
          if (text.charCodeAt(start) === 0x0a) start += 1;
          back = text.indexOf('\r', start);
        }
        if (feed >= 0 && feed < start) feed = text.indexOf('\n', start);
      }
      if (start < text.length) {
        waiting.push(text.slice(start));
        length += text.length - start;
      }
      return found;
    },
  };
}

/** One event. The data must not hold a line end: JSON text never does. */
export function encodeEvent(data: string): string {
  return `data: ${data}\n\n`;
}

/** Ends a stream (`wire.md` E7). */
export const doneEvent = encodeEvent('[DONE]');

/** Keeps a silent stream open; no client reads it (`wire.md` E9). */
export const keepAliveComment = ': keep-alive\n\n';
