// What a part of the benchmark found: a table with its words, a plot, and the aims that it speaks of.
import { shortly } from './figures.ts';
import type { Bars } from './plot.ts';

/** One table with its words. */
export interface Section {
  readonly title: string;
  /** What was done and how the figures read, in a few sentences. */
  readonly text: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly plot?: Bars;
  readonly aims?: readonly Aim[];
}

/** A figure that was to be reached. */
export interface Aim {
  readonly what: string;
  readonly unit?: string;
  readonly least?: number;
  readonly most?: number;
  readonly figure: number;
}

const aimColumns = ['aim', 'wanted', 'measured', ''];

function aimRow({ what, unit = '', least, most, figure }: Aim): string[] {
  const reached = (least === undefined || figure >= least) && (most === undefined || figure <= most);
  const wanted = least === undefined ? `≤ ${most}` : `≥ ${least}`;
  return [what, `${wanted} ${unit}`.trim(), `${shortly(figure)} ${unit}`.trim(), reached ? 'yes' : 'no'];
}

/** The aims as a table of their own. */
export function aimsSection(aims: readonly Aim[]): Section {
  return { title: 'Aims', text: 'What was to be reached.', columns: aimColumns, rows: aims.map(aimRow) };
}

/** The section for a terminal: columns of equal width. */
export function inTerminal({ title, text, columns, rows, aims = [] }: Section): string {
  const goals = aims.map(aimRow).map(([what, wanted, figure, reached]) => {
    return `${reached === 'yes' ? '✓' : '✗'} ${what}: ${figure} (${wanted})\n`;
  });
  return `\n${title}\n${text}\n\n${inColumns([columns, ...rows])}\n${goals.join('')}`;
}

function inColumns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (cell: string, at: number) =>
    at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return lines.map((line) => line.map(pad).join('  ')).join('\n');
}

/** The section for the documentation; the plot is a file of its own. */
export function inMarkdown({ title, text, columns, rows }: Section, plotFile: string | null): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, at) => (at === 0 ? '---' : '---:'));
  const plot = plotFile === null ? '' : `![${title}](${plotFile})\n\n`;
  return `## ${title}\n\n${text}\n\n${plot}${[columns, rule, ...rows].map(line).join('\n')}\n`;
}
