// The bytes of an answer on their way from the socket to one reader. A stream of Node's would do it at ten times the cost.
import type { AnswerBytes, BytesListener } from './egress.ts';

/** What the reader's pace means to who fills the body. */
export interface BodyEvents {
  /** The reader has taken everything: more may come. */
  readonly onDrained: () => void;
  /** The reader stops before the end, and leaves that many bytes unread. */
  readonly onLeft: (unread: number) => void;
}

/** Bytes held for a slow reader before the peer is paused. */
const highWaterMark = 64 * 1024;

type Waiting = PromiseWithResolvers<IteratorResult<Uint8Array, undefined>>;

const ended: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/** A body, filled by one exchange and read once, in the pieces that came. */
export class AnswerBody implements AnswerBytes, AsyncIterator<Uint8Array, undefined> {
  readonly #events: BodyEvents;
  #pieces: Uint8Array[] = [];
  #held = 0;
  #waiting: Waiting | null = null;
  #listener: BytesListener | null = null;
  #state: 'open' | 'ended' | 'failed' | 'left' = 'open';
  #error: unknown;

  constructor(events: BodyEvents) {
    this.#events = events;
  }

  /** Adds a piece. `false`: the reader is slow, and {@link BodyEvents.onDrained} tells when more may come. */
  push(piece: Uint8Array): boolean {
    if (this.#waiting) {
      const heard = this.#listener?.ready() === true && this.#listener.hear(piece);
      if (!heard) this.#settle({ done: false, value: piece });
      return true;
    }
    this.#pieces.push(piece);
    this.#held += piece.length;
    return this.#held < highWaterMark;
  }

  /** No more pieces come. What is held can still be read. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#close('ended');
    if (this.#waiting) this.#settle(ended);
  }

  /** The reader gets the error in place of whatever it has not read. */
  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#close('failed');
    this.#error = error;
    this.#drop();
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }

  listen(listener: BytesListener): void {
    this.#listener = listener;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#held -= piece.length;
      if (this.#pieces.length === 0 && this.#state === 'open') this.#events.onDrained();
      return Promise.resolve({ done: false, value: piece });
    }
    if (this.#state === 'failed') return Promise.reject(this.#error);
    if (this.#state !== 'open') return Promise.resolve(ended);
    this.#events.onDrained();
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Ends the reading early. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    const unread = this.#held;
    this.#drop();
    if (this.#state === 'open') {
      this.#close('left');
      this.#events.onLeft(unread);
    }
    return Promise.resolve(ended);
  }

  #close(state: 'ended' | 'failed' | 'left'): void {
    this.#state = state;
    // Bodies live long enough to grow old; what an old one holds, the garbage collector takes for alive.
    this.#listener = null;
  }

  #settle(result: IteratorResult<Uint8Array, undefined>): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(result);
  }

  #drop(): void {
    this.#pieces = [];
    this.#held = 0;
  }
}
