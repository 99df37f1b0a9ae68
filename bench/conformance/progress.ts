// Progress in the terminal: one line that is written over where there is a terminal, else one line per part.
export interface Progress {
  readonly step: (what?: string) => void;
  readonly end: () => void;
}

/** Starts the line of one part of the run. */
export function startProgress(title: string, total: number): Progress {
  const started = performance.now();
  const isTerminal = process.stderr.isTTY;
  let done = 0;
  let shown = 0;
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(0);
  return {
    step(what = '') {
      done += 1;
      const now = performance.now();
      if (!isTerminal || (now - shown < 100 && done < total)) return;
      shown = now;
      process.stderr.write(
        `\r\u001b[2K${title}: ${String(done)} of ${String(total)}, ${seconds()} s ${what.slice(0, 60)}`,
      );
    },
    end() {
      process.stderr.write(`${isTerminal ? '\r\u001b[2K' : ''}${title}: ${String(done)} in ${seconds()} s\n`);
    },
  };
}
