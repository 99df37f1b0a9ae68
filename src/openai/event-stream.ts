// The event-stream codec: bytes of `text/event-stream` to the data of its events, and back.

/** An event larger than the cap: nothing more is read (`wire.md` D3). */
export class EventTooLargeError extends RangeError {
  override readonly name = 'EventTooLargeError';
}

/**
 * Yields the data of each event. Takes LF, CRLF and CR, data lines with or without a blank, several data lines,
 * comments, a byte order mark, any split of the bytes (`wire.md` D1). The last event counts without its blank line
 * (D2). Throws {@link EventTooLargeError} when one event is longer than `maxEventBytes` (counted in UTF-16 units).
 */
export async function* decodeEvents(
  body: AsyncIterable<Uint8Array>,
  options: { readonly maxEventBytes: number },
): AsyncGenerator<string, void, undefined> {
  const lines = createLineSplitter();
  const decoder = new TextDecoder();
  let data: string | null = null;
  let size = 0;

  // Wherever the bytes are cut, the same event is too large: each line counts, and what waits for its end.
  function count(length: number): void {
    if (size + length <= options.maxEventBytes) return;
    throw new EventTooLargeError(`an event is larger than ${options.maxEventBytes} bytes`);
  }

  function* take(text: string): Generator<string, void, undefined> {
    for (const line of lines.push(text)) {
      count(line.length);
      size += line.length;
      if (line === '') {
        if (data !== null) yield data;
        data = null;
        size = 0;
      } else if (line.startsWith('data:')) {
        const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
        data = data === null ? value : `${data}\n${value}`;
      }
    }
    count(lines.pending());
  }

  for await (const bytes of body) yield* take(decoder.decode(bytes, { stream: true }));
  yield* take(`${decoder.decode()}\n\n`);
}

/** Splits text into lines as it comes; a CRLF that is cut in the middle is one line end. */
function createLineSplitter() {
  let parts: string[] = [];
  let length = 0;
  let afterReturn = false;
  return {
    pending: () => length,
    *push(text: string): Generator<string, void, undefined> {
      let start = 0;
      for (let at = 0; at < text.length; at += 1) {
        const code = text.charCodeAt(at);
        if (code !== 0x0a && code !== 0x0d) {
          afterReturn = false;
          continue;
        }
        if (code === 0x0a && afterReturn) {
          afterReturn = false;
          start = at + 1;
          continue;
        }
        afterReturn = code === 0x0d;
        const line = text.slice(start, at);
        start = at + 1;
        if (parts.length === 0) yield line;
        else {
          const whole = parts.join('') + line;
          parts = [];
          length = 0;
          yield whole;
        }
      }
      if (start < text.length) {
        parts.push(text.slice(start));
        length += text.length - start;
      }
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
