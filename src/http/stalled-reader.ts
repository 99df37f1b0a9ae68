// Readers that take nothing of an answer that is there for them: they must not hold it for ever.
import type { ServerResponse } from 'node:http';

/**
 * Drops a reader that takes nothing for so many milliseconds, a minute unless said otherwise, while something waits to
 * be taken (`wire.md` K10, `security.md` F-C08). A run or an upstream that is silent is no fault of the reader.
 */
export function dropStalledReader(response: ServerResponse, milliseconds = 60_000): void {
  response.setTimeout(milliseconds, () => {
    const waits = response.writableNeedDrain || (response.writableEnded && !response.writableFinished);
    if (waits) response.destroy();
  });
}
