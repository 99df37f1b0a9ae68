// A terminal that keeps what a command writes.
import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from '../../src/command/terminal.ts';

export interface RecordingTerminal extends Terminal {
  /** Standard output so far. */
  readonly out: () => string;
  /** Standard error so far. */
  readonly err: () => string;
  /** Every line of progress, in order. */
  readonly steps: readonly string[];
  /** Sends the signal that a command waits for. */
  readonly stop: () => void;
}

/** Makes one without colour; the environment holds nothing but what is given. */
export function recordTerminal(environment: Record<string, string> = {}, columns = 100): RecordingTerminal {
  let out = '';
  let err = '';
  const steps: string[] = [];
  const stopped = Promise.withResolvers<void>();
  return {
    line: (text = '') => void (out += `${text}\n`),
    text: (text) => void (out += text),
    trouble: (text) => void (err += `${text}\n`),
    progress: (text) => void steps.push(text),
    paint: (_style, text) => text,
    columns,
    environment,
    steps,
    untilStopped: () => stopped.promise,
    out: () => stripVTControlCharacters(out),
    err: () => stripVTControlCharacters(err),
    stop: () => stopped.resolve(),
  };
}
