// The tables and plots of the benchmark.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawBars } from '../../bench/plot.ts';
import { aimsSection, inMarkdown, inTerminal } from '../../bench/report.ts';

const section = {
  title: 'Loops',
  text: 'Ten rounds.',
  columns: ['', 'ms'],
  rows: [
    ['nginx', '1.0'],
    ['gateway', '12.0'],
  ],
};

test('in a terminal the columns have equal widths', () => {
  assert.equal(inTerminal(section), '\nLoops\nTen rounds.\n\n           ms\nnginx     1.0\ngateway  12.0\n');
});

test('in Markdown a section is heading, words, plot and table', () => {
  assert.equal(
    inMarkdown(section, 'performance/loops.svg'),
    '## Loops\n\nTen rounds.\n\n![Loops](performance/loops.svg)\n\n|  | ms |\n| --- | ---: |\n| nginx | 1.0 |\n| gateway | 12.0 |\n',
  );
});

test('an aim says whether it was reached', () => {
  const { rows } = aimsSection([
    { what: 'of nginx', least: 0.2, figure: 0.21 },
    { what: 'memory', unit: 'MB', most: 95, figure: 96 },
    { what: 'broken', most: 0, figure: Number.NaN },
  ]);
  assert.deepEqual(rows, [
    ['of nginx', '≥ 0.2', '0.210', 'yes'],
    ['memory', '≤ 95 MB', '96.0 MB', 'no'],
    ['broken', '≤ 0', '-', 'no'],
  ]);
});

test('the longest bar with its spread fits, and names are escaped', () => {
  const figure = (median: number) => ({ median, least: median - 1, greatest: median + 1 });
  const drawn = drawBars({
    title: 'A <b> & c',
    unit: 'µs',
    bars: [
      { name: 'one', figure: figure(9), ours: true },
      { name: 'other', figure: figure(4), ours: false },
    ],
  });
  assert.match(drawn, /A &lt;b> &amp; c/);
  const ends = [...drawn.matchAll(/M[\d.]+ \d+H([\d.]+)/g)].map(([, end]) => Number(end));
  assert.deepEqual(ends, [400, 200]);
});
