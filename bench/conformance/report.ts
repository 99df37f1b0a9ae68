// The report: sections of docs/compatibility.md, each replaced by the run that measured it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** One part of the report. */
export interface Section {
  readonly name: string;
  readonly text: string;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function thousands(value: number): string {
  return value >= 10_000 ? `${count(Math.round(value / 1000))}k` : count(value);
}

/** `100 %` only where nothing is missing. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '-';
  if (part === whole) return '100 %';
  return `${(Math.floor((part / whole) * 1000) / 10).toFixed(1)} %`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const order = ['store', 'kept', 'profiles', 'general', 'others'];

/** Writes the sections into the file; those that were not measured this time stay as they are. */
export function writeReport(file: string, head: string, sections: readonly Section[]): void {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const parts = order.map((name) => {
    const fresh = sections.find((section) => section.name === name)?.text;
    const old = new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)\\n<!-- /${name} -->`).exec(before)?.[1];
    const text = fresh ?? old;
    return text === undefined ? '' : `<!-- ${name} -->\n${text}\n<!-- /${name} -->\n`;
  });
  writeFileSync(file, `${head}\n${parts.filter((part) => part !== '').join('\n')}`);
}
