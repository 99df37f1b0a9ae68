// A log that a test can read, and wait for.
import type { Log, LogFields } from '../../src/telemetry/log.ts';

/** A log that keeps what it is told. */
export interface KeptLog {
  readonly log: Log;
  /** Resolves with the fields of the first `count` records of this message, as soon as there are as many. */
  readonly logged: (message: string, count?: number) => Promise<LogFields[]>;
  /** The fields of the records of this message so far. */
  readonly records: (message: string) => LogFields[];
}

export function createKeptLog(): KeptLog {
  const records: { message: string; fields: LogFields }[] = [];
  const waiting = new Set<() => void>();
  const write = (message: string, fields: LogFields = {}): void => {
    records.push({ message, fields });
    for (const look of waiting) look();
  };
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  const of = (message: string): LogFields[] =>
    records.filter((record) => record.message === message).map(({ fields }) => fields);
  return {
    log,
    records: of,
    logged: (message, count = 1) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = of(message);
          if (found.length < count) return;
          waiting.delete(look);
          resolve(found.slice(0, count));
        };
        waiting.add(look);
        look();
      }),
  };
}
