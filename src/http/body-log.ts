// What a run says when it says one JSON body: the log of `event-log.ts` without its pieces.
import {
  maxKeptCharacters,
  shownAsIs,
  type EventLog,
  type EventLogOptions,
  type LogState,
} from './event-log.ts';

const nothing = Buffer.alloc(0);

/** Makes the log of a body, which is begun when somebody first asks for it. */
export function createBodyLog(
  begin: () => Promise<Buffer>,
  { room, maxKept = maxKeptCharacters, ...options }: EventLogOptions,
): EventLog {
  const closed = Promise.withResolvers<void>();
  // Let go once used: a log may be kept for minutes, and everything about its run hangs on these.
  let source: typeof begin | null = begin;
  let onEnd = options.onEnd ?? shownAsIs;
  let body = Promise.withResolvers<Buffer>();
  let said: Buffer = nothing;
  let state: LogState = 'open';
  let whole = true;

  function settle(as: LogState, say: () => void): void {
    if (state !== 'open') return;
    state = as;
    say();
    closed.resolve();
  }

  function fail(as: 'failed' | 'cut', error: unknown): void {
    settle(as, () => {
      // Nobody may be waiting.
      body.promise.catch(() => undefined);
      body.reject(error);
    });
  }

  function all(): Promise<Buffer> {
    const { promise } = body;
    if (source) void run(source());
    source = null;
    return promise;
  }

  async function run(answer: Promise<Buffer>): Promise<void> {
    try {
      const bytes = await answer;
      onEnd(null);
      done(bytes);
    } catch (error) {
      fail('failed', onEnd({ error }));
    } finally {
      onEnd = shownAsIs;
    }
  }

  function done(bytes: Buffer): void {
    settle('done', () => {
      body.resolve(bytes);
      whole = bytes.length <= maxKept && room.keep(bytes.length);
      if (whole) {
        said = bytes;
        return;
      }
      // The promise would hold the bytes: who comes later gets an error.
      body = Promise.withResolvers();
      body.promise.catch(() => undefined);
      body.reject(new Error('the answer was too large to keep'));
    });
  }

  return {
    state: () => state,
    whole: () => whole,
    closed: closed.promise,
    said: () => said,
    all,
    async *read() {
      yield (await all()).toString();
    },
    cut: (reason) => fail('cut', reason),
  };
}
