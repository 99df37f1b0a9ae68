// Plots as SVG: horizontal bars, each with the spread of its rounds.
import { shortly, type Spread } from './figures.ts';

export interface Bars {
  readonly title: string;
  /** What the figures are, `CPU µs per request`; less is better unless it says so. */
  readonly unit: string;
  readonly bars: readonly { readonly name: string; readonly figure: Spread; readonly ours: boolean }[];
}

const width = 760;
const named = 270;
const valued = 90;
const line = 26;
const colours = { ours: '#3b6fb6', others: '#9aa5b1', text: '#57606a' };

/** Draws the bars, the longest over the whole width. Readable on light and dark pages. */
export function drawBars({ title, unit, bars }: Bars): string {
  const longest = Math.max(...bars.map(({ figure }) => figure.greatest));
  const at = (value: number) => ((value / longest) * (width - named - valued)).toFixed(1);
  const rows = bars.map(({ name, figure, ours }, row) => {
    const top = 48 + row * line;
    const middle = top + 9;
    return `  <text x="${named - 8}" y="${top + 13}" text-anchor="end">${escape(name)}</text>
  <rect x="${named}" y="${top}" width="${at(figure.median)}" height="18" fill="${ours ? colours.ours : colours.others}"/>
  <path d="M${at(figure.least)} ${middle}H${at(figure.greatest)}" transform="translate(${named})" stroke="${colours.text}"/>
  <text x="${width - 4}" y="${top + 13}" text-anchor="end">${shortly(figure.median)}</text>`;
  });
  const height = 56 + bars.length * line;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${colours.text}">
  <text x="4" y="18" font-size="15" font-weight="600">${escape(title)}</text>
  <text x="4" y="36">${escape(unit)}</text>
${rows.join('\n')}
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
