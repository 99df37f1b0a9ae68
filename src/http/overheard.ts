// A stream's pieces, heard on their way by somebody who does not read them.
import type { Pieces, PieceSource } from '../openai/chat.ts';

/**
 * A source that tells what its reader gets, or its listener at once. By hand, as a generator in between would cost three
 * times as much.
 */
export function overheard(source: PieceSource, hear: (pieces: Pieces) => void, end: () => void): PieceSource {
  const said = source[Symbol.asyncIterator]();
  const iterator: AsyncIterator<Pieces> = {
    async next() {
      const result = await said.next();
      if (result.done) end();
      else hear(result.value);
      return result;
    },
    return: async () => (await said.return?.()) ?? { done: true, value: undefined },
  };
  const listen: PieceSource['listen'] =
    source.listen &&
    ((listener) =>
      source.listen?.({
        ready: listener.ready,
        hear(pieces) {
          hear(pieces);
          listener.hear(pieces);
        },
      }));
  return { listen, [Symbol.asyncIterator]: () => iterator };
}
