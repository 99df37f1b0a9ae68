// What a command writes to: lines out, lines about trouble, width, colour. Tests give their own.
import { styleText } from 'node:util';

/** A style of `node:util` styleText, or several. */
export type Style = Parameters<typeof styleText>[0];

/** Where a command writes, and what it may read of its surroundings. */
export interface Terminal {
  /** One line, or several, to standard output. */
  readonly line: (text?: string) => void;
  /** Text without a line end, as it streams in. */
  readonly text: (text: string) => void;
  /** One line to standard error. */
  readonly trouble: (text: string) => void;
  /** What is going on, in one line of standard error that the next one replaces; empty: gone. Only on a TTY. */
  readonly progress: (text: string) => void;
  /** The text in a style; as it is where there is no colour (not a TTY, NO_COLOR). */
  readonly paint: (style: Style, text: string) => string;
  /** Width for tables, 80 to 120. */
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends when the process is asked to stop (SIGINT, SIGTERM). Until it is called, such a signal ends the process. */
  readonly untilStopped: () => Promise<void>;
}

const unprintable =
  // oxlint-disable-next-line no-control-regex -- these are what has to go
  /\u001b(?!\[[0-9;]*m)|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Foreign texts may steer a terminal: of control characters only line ends, tabs and colours are written (D11, S5). */
export function printable(text: string): string {
  return text.replaceAll(unprintable, '\uFFFD');
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const colour = stdout.isTTY && stdout.hasColors();
  for (const stream of [stdout, stderr]) stream.on('error', ignoreClosedPipe);
  return {
    line: (text = '') => stdout.write(`${printable(text)}\n`),
    text: (text) => stdout.write(printable(text)),
    trouble: (text) => stderr.write(`${printable(text)}\n`),
    progress: (text) => void (stderr.isTTY && stderr.write(`\r\u001b[2K${printable(text)}`)),
    paint: (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text),
    columns: Math.min(120, Math.max(80, stdout.columns ?? (Number(process.env['COLUMNS']) || 100))),
    environment: process.env,
    untilStopped: () =>
      new Promise((resolve) => {
        process.once('SIGINT', () => resolve());
        process.once('SIGTERM', () => resolve());
      }),
  };
}

/** `plugin-gateway functions ... | head` closes the pipe early; what is left to write is lost, as it should be. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
