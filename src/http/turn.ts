// The end of a turn of the event loop, when the answers that are ready go out together.

let end: Promise<void> | null = null;

/**
 * Resolves when all input of this turn of the event loop has been handled. Answers go out then, in one burst: a client on
 * the same machine is woken once for all of them, not once for each, and its next requests come in one burst too.
 */
export function endOfTurn(): Promise<void> {
  end ??= new Promise((resolve) => {
    setImmediate(() => {
      end = null;
      resolve();
    });
  });
  return end;
}
