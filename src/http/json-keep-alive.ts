// A JSON answer that takes long, kept open with white space, which every JSON reader skips (`wire.md` K2).
import { Readable } from 'node:stream';
import { heartbeat, startsWithin } from './event-stream.ts';

/**
 * Waits for the body one heartbeat and gives it; else a stream that says a blank now and at each heartbeat, and the
 * body at last. A failure before is thrown. After, the status is gone: the stream fails, which cuts the connection.
 */
export async function openJson(body: Promise<Uint8Array>): Promise<Uint8Array | Readable> {
  if (await startsWithin(body, heartbeat)) return body;
  return Readable.from(blanksThen(body), { objectMode: false });
}

async function* blanksThen(body: Promise<Uint8Array>): AsyncGenerator<string | Uint8Array, void, undefined> {
  do yield ' ';
  while (!(await startsWithin(body, heartbeat)));
  yield await body;
}
