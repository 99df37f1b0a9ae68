// Several streams as one, each element as soon as it is there.

/**
 * Merges streams; the order within each is kept. The first failure ends the merged stream, and every stream that is
 * still open is closed when the reader stops.
 */
export async function* merged<T>(
  streams: readonly AsyncGenerator<T, void, undefined>[],
): AsyncGenerator<T, void, undefined> {
  const pending = new Map(streams.map((stream) => [stream, next(stream)]));
  try {
    while (pending.size > 0) {
      const { stream, result } = await Promise.race(pending.values());
      if (result.done) pending.delete(stream);
      else {
        yield result.value;
        pending.set(stream, next(stream));
      }
    }
  } finally {
    for (const [stream, open] of pending) {
      open.catch(() => undefined);
      stream.return().catch(() => undefined);
    }
  }
}

async function next<T>(stream: AsyncGenerator<T, void, undefined>) {
  return { stream, result: await stream.next() };
}
