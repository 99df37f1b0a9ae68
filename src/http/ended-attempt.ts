// What is kept of an attempt whose answer is whole, for a client that asks again (`wire.md` T6): its words, not its run.
import type { ServerResponse } from 'node:http';
import { partsOf, type KeptText } from '../openai/event-writer.ts';
import type { EventLog, LogReader } from './event-log.ts';

/** One promise for all that have ended. */
const ended = Promise.resolve();

/** What an attempt knows of itself when it has ended. */
interface Ended {
  readonly id: string;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly delivered: () => boolean;
}

/**
 * An attempt that has ended well. A thousand are kept, and the collector walks through each: so it is a few plain objects,
 * without the closures of its run.
 */
export class EndedAttempt implements Ended {
  readonly id: string;
  readonly log: EventLog;
  readonly released = ended;
  readonly #headers: Readonly<Record<string, string>>;
  #delivered: boolean;

  constructor(attempt: Ended, said: KeptText) {
    this.id = attempt.id;
    this.log = new EndedLog(said);
    this.#headers = attempt.headers();
    this.#delivered = attempt.delivered();
  }

  headers(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  serve(response: ServerResponse): void {
    response.once('close', () => (this.#delivered ||= response.writableFinished));
  }

  delivered(): boolean {
    return this.#delivered;
  }
}

class EndedLog implements EventLog {
  readonly closed = ended;
  readonly #said: KeptText;

  constructor(said: KeptText) {
    // Bytes are kept as text: a small buffer is cut from Node's pool, and would hold 64 KB of it.
    this.#said = Buffer.isBuffer(said) ? said.toString() : said;
  }

  state() {
    return 'done' as const;
  }

  whole() {
    return true;
  }

  said() {
    return this.#said;
  }

  async *read(): LogReader {
    // Part by part: the events made of a megabyte of words are thirty megabytes.
    for (const part of partsOf(this.#said)) yield part.toString();
  }

  async all(): Promise<Uint8Array> {
    return Buffer.from(this.#said.toString());
  }

  cut(): void {}
}
