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

/** Where text is kept. An object, not a function: one made beside a run would hold the run for as long as the log is kept. */
export interface Room {
  /** Asks for room to keep that many characters (negative: gives it back). `false`: there is none. */
  readonly keep: (characters: number) => boolean;
}

export interface EventLogOptions {
  readonly room: Room;
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
 * The log of a source. Nothing runs ahead: the source gives its next piece when the reader that is farthest asks for it, so
 * that a slow client slows the run (`wire.md` K10) and one that has died does not hold up another. The source may also say
 * a piece at once (`PiecesListener`), not asked for it, while its one reader waits.
 *
 * A class, like all that lives as long as a stream: of thousands at once, closures would take more room than what they do.
 */
export class LiveLog implements EventLog {
  readonly #room: Room;
  readonly #maxKept: number;
  // Let go at the end: a log may be kept for minutes, and everything about its run and its client hangs on these.
  #source: Source | null;
  #onEnd: NonNullable<EventLogOptions['onEnd']>;
  #listener: LogListener | null = null;
  /** The reader whom the listener is of. */
  #listening: Reader | null = null;
  // Text, not bytes: a small buffer is cut from Node's pool, and each would hold 64 KB of it.
  #pieces: KeptText[] = [];
  /** The text of the last piece, for the reader who waits for it: it need not be made again from what is kept. */
  #newest: string | null = null;
  /** Pieces given up so far: the first that is held is the one of this number. */
  #dropped = 0;
  #size = 0;
  #whole = true;
  #state: LogState = 'open';
  #failure: unknown;
  #pulling: Promise<void> | null = null;
  #readers = 0;
  readonly #closed = Promise.withResolvers<void>();

  constructor(source: Source, { room, maxKept = maxKeptCharacters, onEnd = shownAsIs }: EventLogOptions) {
    this.#source = source;
    this.#room = room;
    this.#maxKept = maxKept;
    this.#onEnd = onEnd;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  state(): LogState {
    return this.#state;
  }

  whole(): boolean {
    return this.#whole;
  }

  said(): KeptText {
    return keepTogether(this.#pieces);
  }

  read(): LogReader {
    this.#readers += 1;
    return new Reader(this);
  }

  async all(): Promise<Uint8Array> {
    return bytesOf(await Array.fromAsync(this.read()));
  }

  cut(reason: unknown): void {
    // A source that waits ends after its wait, which the signal of the run ends.
    this.#source
      ?.return()
      .catch(() => undefined)
      .finally(() => this.#sourceEnded({ error: reason }));
    this.#end('cut', reason);
  }

  /** Whether a piece can be said at once: to the one reader, if it waits, that is has asked and has all pieces before. */
  ready(): boolean {
    const waits = this.#readers === 1 && this.#pulling !== null && this.#listening?.waits() === true;
    return waits && this.#listener?.ready() === true;
  }

  /** Says a piece at once. */
  hear(piece: LogPiece): void {
    const text = this.#add(piece);
    this.#newest = null; // nobody will ask for it
    this.#listening?.skip();
    this.#listener?.hear(text);
  }

  /** For readers: sets who takes pieces at once for one of them. */
  listen(reader: Reader, listener: LogListener): void {
    if (this.#state !== 'open') return; // it would be held for as long as the log is kept
    this.#listening = reader;
    this.#listener = listener;
  }

  /** For readers: whether the piece of this number may come yet. */
  mayCome(at: number): boolean {
    return this.#state === 'open' && at >= this.#dropped + this.#pieces.length;
  }

  /** For readers: waits until the source has given its next piece, or has ended. */
  more(): Promise<void> {
    return (this.#pulling ??= this.#pull());
  }

  /** For readers: the text of a piece that is there, `undefined` behind the last one. Throws as the source has. */
  textAt(at: number): string | undefined {
    if (at < this.#dropped) throw new Error('a reader fell too far behind');
    const isNewest = at === this.#dropped + this.#pieces.length - 1;
    const text =
      isNewest && this.#newest !== null ? this.#newest : this.#pieces[at - this.#dropped]?.toString();
    if (isNewest) this.#newest = null; // given once: it may be thirty times what is kept
    if (text === undefined && this.#state !== 'done') throw this.#failure;
    return text;
  }

  async #pull(): Promise<void> {
    try {
      const next = await this.#source?.next();
      if (next && !next.done) return void this.#add(next.value);
      this.#sourceEnded(null);
      this.#end('done');
    } catch (error) {
      this.#end('failed', this.#sourceEnded({ error }));
    } finally {
      this.#pulling = null;
    }
  }

  /** Gives the text of the piece. */
  #add(piece: LogPiece): string {
    const { text, kept } = typeof piece === 'string' ? { text: piece, kept: piece } : piece;
    this.#newest = text;
    this.#pieces.push(kept);
    this.#size += kept.length;
    if (this.#whole && (this.#size > this.#maxKept || !this.#room.keep(kept.length))) {
      this.#room.keep(kept.length - this.#size);
      this.#whole = false;
    }
    if (!this.#whole && this.#size > lag) this.#trim();
    return text;
  }

  /**
   * The newest piece stays: somebody is about to read it. Down to half of what may stay, so that the array is made anew once
   * for many pieces.
   */
  #trim(): void {
    let gone = 0;
    for (; gone < this.#pieces.length - 1 && this.#size > lag / 2; gone += 1)
      this.#size -= this.#pieces[gone]?.length ?? 0;
    this.#pieces = this.#pieces.slice(gone);
    this.#dropped += gone;
  }

  #sourceEnded(failure: { readonly error: unknown } | null): unknown {
    const shown = this.#onEnd(failure);
    this.#onEnd = shownAsIs;
    return shown;
  }

  #end(as: LogState, error?: unknown): void {
    if (this.#state !== 'open') return;
    this.#source = null;
    this.#listener = null;
    this.#listening = null;
    this.#newest = null;
    this.#state = as;
    this.#failure = error;
    this.#closed.resolve();
  }
}

/** By hand: between readers and a source, a generator would cost each piece its promises. */
class Reader implements LogReader {
  readonly #log: LiveLog;
  /** The number of the next piece. */
  #at = 0;

  constructor(log: LiveLog) {
    this.#log = log;
  }

  async next(): Promise<IteratorResult<string, void>> {
    while (this.waits()) await this.#log.more();
    const text = this.#log.textAt(this.#at);
    this.#at += 1;
    return text === undefined ? { done: true, value: undefined } : { done: false, value: text };
  }

  return(): Promise<IteratorResult<string, void>> {
    return Promise.resolve({ done: true, value: undefined });
  }

  listen(listener: LogListener): void {
    this.#log.listen(this, listener);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Whether it has all pieces so far. */
  waits(): boolean {
    return this.#log.mayCome(this.#at);
  }

  /** Its listener has the next piece. */
  skip(): void {
    this.#at += 1;
  }
}

/** What `onEnd` does when nobody listens. */
export function shownAsIs(failure: { readonly error: unknown } | null): unknown {
  return failure?.error;
}
