// The benchmark's table, for a terminal and for the documentation.
import type { FirstTextRow } from './first-text.ts';
import { quantile, type Measurement } from './load.ts';

/** Median and extremes over the rounds. */
export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

export interface Row {
  readonly name: string;
  readonly directRate: Summary;
  readonly throughRate: Summary;
  readonly directMedian: Summary;
  readonly throughMedian: Summary;
  readonly throughP99: Summary;
}

/** Median and extremes of one figure over the rounds. */
export function summarise(rounds: readonly Measurement[], figure: keyof Measurement): Summary {
  const sorted = rounds.map((round) => round[figure]).toSorted((one, other) => one - other);
  return {
    median: quantile(sorted, 0.5),
    least: sorted[0] ?? Number.NaN,
    greatest: sorted.at(-1) ?? Number.NaN,
  };
}

const titles = [
  'case',
  'direct, requests/s',
  'gateway, requests/s',
  'direct, ms',
  'gateway, ms',
  'added, ms',
  'gateway p99, ms',
];

function rate({ median, least, greatest }: Summary): string {
  return `${Math.round(median)} (${Math.round(least)}-${Math.round(greatest)})`;
}

function time({ median, least, greatest }: Summary): string {
  return `${median.toFixed(2)} (${least.toFixed(2)}-${greatest.toFixed(2)})`;
}

function cells(row: Row): string[] {
  return [
    row.name,
    rate(row.directRate),
    rate(row.throughRate),
    time(row.directMedian),
    time(row.throughMedian),
    (row.throughMedian.median - row.directMedian.median).toFixed(2),
    time(row.throughP99),
  ];
}

const firstTitles = ['from the upstream to the client', 'direct, ms', 'gateway, ms', 'added, ms'];

function firstCells({ name, direct, through }: FirstTextRow): string[] {
  return [name, ...[direct, through, through - direct].map((figure) => figure.toFixed(2))];
}

/** The table in columns of equal width. */
export function textTable(rows: readonly Row[]): string {
  return inColumns([titles, ...rows.map(cells)]);
}

/** The same for the first text of a stream. */
export function firstTextTable(rows: readonly FirstTextRow[]): string {
  return inColumns([firstTitles, ...rows.map(firstCells)]);
}

function inColumns(lines: readonly string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}

function inMarkdown([titles = [], ...rows]: readonly string[][]): string {
  const line = (parts: readonly string[]) => `| ${parts.join(' | ')} |`;
  const rule = titles.map((_, column) => (column === 0 ? '---' : '---:'));
  return [titles, rule, ...rows].map(line).join('\n');
}

/** The page of the documentation. */
export function markdownTable(
  rows: readonly Row[],
  firstRows: readonly FirstTextRow[],
  machine: string,
  method: string,
): string {
  return `# Performance

Written by \`npm run bench -- --write\`; measure on your own machine with \`npm run bench\` (or \`npm run bench -- quick\`).
The upstream answers at once, so the figures are the gateway's own cost: a real model takes seconds. Requests per second
with 16 clients, milliseconds with one. "One plugin call, direct" is a client that does the loop itself: two requests to
the upstream, one to the plugin.

${inMarkdown([titles, ...rows.map(cells)])}

The upstream writes the time into the first text of a stream; the client reads it on arrival. Text does not wait while the
name of a function that the model calls is still coming in.

${inMarkdown([firstTitles, ...firstRows.map(firstCells)])}

${machine}. ${method}
`;
}
