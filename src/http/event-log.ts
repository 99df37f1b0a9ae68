// What a run says, in the text that goes out, kept so that several may read it from its start: the first client, and one that comes back for it.
import { keepTogether, type KeptText, type WrittenPieces } from '../openai/event-writer.ts';
import { bytesOf } from '../openai/json-text.ts';

/** `cut`: nobody waited for it any more. */
export type LogState = 'open' | 'done' | 'failed' | 'cut';

/** The pieces of one answer, in order. */
export interface EventLog {
  readonly state: () => LogState;
  /** Whether a new reader would get every piece: the log has not outgrown what may be kept. */
  readonly whole: () => boolean;
  /** Resolves when the source has ended, however it did. */
  readonly closed: Promise<void>;
  /** All pieces from the first on, then those to come; ends, or throws, as the source does. */
  readonly read: () => LogReader;
  /** What was said so far, by a log that is whole. */
  readonly said: () => KeptText;
  /** All pieces together, as bytes. */
  readonly all: () => Promise<Uint8Array>;
  /** Ends the log for all readers with this reason, and the source. */
  readonly cut: (reason: unknown) => void;
}

/** A piece: text, or text of which something smaller is kept. */
export type LogPiece = string | WrittenPieces;

/** What is read piece by piece, and may be left before its end. */
export type Source = Pick<AsyncGenerator<LogPiece, void, undefined>, 'next' | 'return'>;

/** Reads a log from its first piece on. */
export interface LogReader extends AsyncIterableIterator<string, void> {
  /** Sets who takes pieces at once while this reader waits for them. */
  readonly listen?: (listener: LogListener) => void;
}

/** Takes the pieces of a log at once. */
export interface LogListener {
  /** Whether it can take one now. */
  readonly ready: () => boolean;
  readonly hear: (text: string) => void;
}

/** A log whose source may say a piece at once (`PiecesListener`), not asked for it, while its one reader waits. */
export interface LiveLog extends EventLog {
  readonly live: { readonly ready: () => boolean; readonly hear: (piece: LogPiece) => void };
}

export interface EventLogOptions {
  /** Asks for room to keep that many characters (negative: gives it back). `false`: there is none. */
  readonly keep: (characters: number) => boolean;
  /** Characters of one log that is kept whole. */
  readonly maxKept?: number;
  /** Hears that the source has ended, before any reader does; gives the error that they get for it. */
  readonly onEnd?: (failure: { readonly error: unknown } | null) => unknown;
}

/** Characters of one log that is kept whole, unless said otherwise (`wire.md` T6). */
export const maxKeptCharacters = 1024 * 1024;

/** Characters that stay for readers which lag behind the fastest, once the log is not kept whole. */
const lag = 64 * 1024;

/**
 * Makes the log of a source. Nothing runs ahead: the source gives its next piece when the reader that is farthest asks
 * for it, so that a slow client slows the run (`wire.md` K10) and one that has died does not hold up another.
 */
export function createEventLog(
  from: Source,
  { keep, maxKept = maxKeptCharacters, ...options }: EventLogOptions,
): LiveLog {
  // Let go at the end: a log may be kept for minutes, and everything about its run and its client hangs on these.
  let source: Source | null = from;
  let onEnd = options.onEnd ?? shownAsIs;
  let listener: LogListener | null = null;
  // Text, not bytes: a small buffer is cut from Node's pool, and each would hold 64 KB of it.
  let pieces: KeptText[] = [];
  /** The text of the last piece, for the reader who waits for it: it need not be made again from what is kept. */
  let newest: string | null = null;
  /** Pieces given up so far: `pieces[0]` is the one of this number. */
  let dropped = 0;
  let size = 0;
  let whole = true;
  let state: LogState = 'open';
  let failure: unknown;
  let pulling: Promise<void> | null = null;
  /** Readers so far. */
  let readers = 0;
  const closed = Promise.withResolvers<void>();

  function sourceEnded(failure: { readonly error: unknown } | null): unknown {
    const shown = onEnd(failure);
    onEnd = shownAsIs;
    return shown;
  }

  function end(as: LogState, error?: unknown): void {
    if (state !== 'open') return;
    source = null;
    listener = null;
    newest = null;
    state = as;
    failure = error;
    closed.resolve();
  }

  async function pull(): Promise<void> {
    try {
      const next = await source?.next();
      if (next && !next.done) return void add(next.value);
      sourceEnded(null);
      end('done');
    } catch (error) {
      end('failed', sourceEnded({ error }));
    } finally {
      pulling = null;
    }
  }

  /** Gives the text of the piece. */
  function add(piece: LogPiece): string {
    const { text, kept } = typeof piece === 'string' ? { text: piece, kept: piece } : piece;
    newest = text;
    pieces.push(kept);
    size += kept.length;
    if (whole && (size > maxKept || !keep(kept.length))) {
      keep(kept.length - size);
      whole = false;
    }
    if (!whole && size > lag) trim();
    return text;
  }

  function textAt(at: number): string | undefined {
    const isNewest = at === dropped + pieces.length - 1;
    const text = isNewest && newest !== null ? newest : pieces[at - dropped]?.toString();
    if (isNewest) newest = null; // given once: it may be thirty times what is kept
    return text;
  }

  /** The newest piece stays: somebody is about to read it. */
  function trim(): void {
    let gone = 0;
    for (; gone < pieces.length - 1 && size > lag / 2; gone += 1) size -= pieces[gone]?.length ?? 0;
    pieces = pieces.slice(gone);
    dropped += gone;
  }

  const mayCome = (at: number): boolean => state === 'open' && at >= dropped + pieces.length;

  function read(): LogReader {
    let at = 0;
    readers += 1;
    return {
      // By hand: between readers and a source, a generator would cost each piece its promises.
      async next() {
        while (mayCome(at)) await (pulling ??= pull());
        if (at < dropped) throw new Error('a reader fell too far behind');
        const text = textAt(at);
        at += 1;
        if (text !== undefined) return { done: false, value: text };
        if (state === 'done') return { done: true, value: undefined };
        throw failure;
      },
      return: () => Promise.resolve({ done: true, value: undefined }),
      listen({ ready, hear }) {
        if (state !== 'open') return; // it would be held for as long as the log is kept
        listener = {
          // At once, if this reader waits: `next` has been called, and all pieces before are taken.
          ready: () => pulling !== null && mayCome(at) && ready(),
          hear(text) {
            at += 1;
            hear(text);
          },
        };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  const live: LiveLog['live'] = {
    ready: () => readers === 1 && listener?.ready() === true,
    hear(piece) {
      const text = add(piece);
      newest = null; // nobody will ask for it
      listener?.hear(text);
    },
  };

  return {
    state: () => state,
    whole: () => whole,
    closed: closed.promise,
    said: () => keepTogether(pieces),
    read,
    live,
    all: async () => bytesOf(await Array.fromAsync(read())),
    cut(reason) {
      // A source that waits ends after its wait, which the signal of the run ends.
      source
        ?.return()
        .catch(() => undefined)
        .finally(() => sourceEnded({ error: reason }));
      end('cut', reason);
    },
  };
}

/** What `onEnd` does when nobody listens. */
export function shownAsIs(failure: { readonly error: unknown } | null): unknown {
  return failure?.error;
}
