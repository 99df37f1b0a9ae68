// The end of a turn of the event loop, when the answers that are ready go out together.

let end: Promise<void> | null = null;

/**
 * Resolves when all that waited in this turn of the event loop has been looked at. Answers are sent then, one after the
 * other: the first write wakes a client on the same machine for all of them, where one write now and then would wake it
 * each time, and what arrives next arrives together too.
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
