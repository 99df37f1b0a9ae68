// A stream's pieces, heard on their way by somebody who does not read them.
import type { Pieces, PiecesListener, PieceSource } from '../openai/chat.ts';

/** Who hears. */
export interface Hearer {
  readonly hear: (pieces: Pieces) => void;
  /** The reader has come to the end. */
  readonly end: () => void;
}

/**
 * A source that tells what its reader gets, or its listener at once. By hand, as a generator in between would cost three
 * times as much.
 */
export class Overheard implements PieceSource, AsyncIterator<Pieces> {
  readonly #source: PieceSource;
  readonly #said: AsyncIterator<Pieces>;
  readonly #hearer: Hearer;

  // A field: `then` gets it without its object.
  readonly #tell = (result: IteratorResult<Pieces>): IteratorResult<Pieces> => {
    if (result.done) this.#hearer.end();
    else this.#hearer.hear(result.value);
    return result;
  };

  constructor(source: PieceSource, hearer: Hearer) {
    this.#source = source;
    this.#said = source[Symbol.asyncIterator]();
    this.#hearer = hearer;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Pieces>> {
    return this.#said.next().then(this.#tell);
  }

  async return(): Promise<IteratorResult<Pieces>> {
    return (await this.#said.return?.()) ?? { done: true, value: undefined };
  }

  listen(listener: PiecesListener): void {
    this.#source.listen?.({
      ready: () => listener.ready(),
      hear: (pieces) => {
        this.#hearer.hear(pieces);
        listener.hear(pieces);
      },
    });
  }
}
