// Draws tables and paragraphs that fit the terminal.
import Table from 'cli-table3';
import type { Terminal } from './terminal.ts';

/** A column: its title, and its width in characters; without a width it gets its share of what is left. */
export interface Column {
  readonly title: string;
  readonly width?: number;
}

const lines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
} as const;

/** The rows as text, one column beside the other, long cells wrapped at words. */
export function drawTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  terminal: Pick<Terminal, 'columns' | 'paint'>,
): string {
  const fixed = columns.reduce((sum, column) => sum + (column.width ?? 0), 0);
  const open = columns.filter((column) => column.width === undefined).length;
  const share = Math.floor((terminal.columns - fixed - columns.length + 1) / Math.max(1, open));
  const table = new Table({
    head: columns.map((column) => terminal.paint('bold', column.title)),
    colWidths: columns.map((column) => column.width ?? share),
    chars: lines,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
    wordWrap: true,
    wrapOnWordBoundary: true,
  });
  table.push(...rows.map((row) => row.map((cell) => ({ content: cell }))));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A text without its middle, where it is longer than the width: begin and end of a path say most. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const end = Math.ceil(((width - 1) * 2) / 3);
  return `${text.slice(0, width - 1 - end)}\u2026${text.slice(text.length - end)}`;
}

/** A text wrapped at blanks to the width, each line after `indent`; lines of the text stay lines. */
export function wrap(text: string, width: number, indent = ''): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, Math.max(20, width - indent.length), indent))
    .join('\n');
}

function wrapLine(text: string, width: number, indent: string): string {
  const margin = /^ */.exec(text)?.[0] ?? '';
  const out: string[] = [];
  let line = '';
  for (const word of text.trim().split(/ +/)) {
    if (line !== '' && margin.length + line.length + 1 + word.length > width) {
      out.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  out.push(line);
  return out.map((part) => `${indent}${margin}${part}`.trimEnd()).join('\n');
}
