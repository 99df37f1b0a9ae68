// What a part of the benchmark found, as a table for a terminal and for the documentation.

/** One table with its words. */
export interface Section {
  readonly title: string;
  /** What was done and how the figures read, in a few sentences. */
  readonly text: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The section for a terminal: columns of equal width. */
export function inTerminal({ title, text, columns, rows }: Section): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const table = lines.map((line) =>
    widths
      .map((width, at) => (at === 0 ? (line[at] ?? '').padEnd(width) : (line[at] ?? '').padStart(width)))
      .join('  '),
  );
  return `\n${title}\n${text}\n\n${table.join('\n')}\n`;
}

/** The section for the documentation. */
export function inMarkdown({ title, text, columns, rows }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, at) => (at === 0 ? '---' : '---:'));
  return `## ${title}\n\n${text}\n\n${[columns, rule, ...rows].map(line).join('\n')}\n`;
}
