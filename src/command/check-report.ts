// What `check` prints for people: one row per plugin, then what is wrong with each, where, and what to do.
import { basename } from 'node:path';
import type { Diagnostic } from '../openapi/diagnostic.ts';
import { rateUsability } from '../plugin/usability.ts';
import type { FoundPlugin } from './load-plugins.ts';
import { colours, drawDiagnostic, sumTokens } from './plugin-list.ts';
import { drawTable, shorten, wrap } from './table.ts';
import type { Terminal } from './terminal.ts';

type Ink = Pick<Terminal, 'columns' | 'paint'>;

/** Beyond so many plugins infos and the reasons of scores are left out, unless all is asked for. */
export const longList = 10;
/** Findings of one code that are shown of one plugin, unless all is asked for. */
const ofOneKind = 3;

/** The whole report. `all`: every finding, however many there are. */
export function drawReport(found: readonly FoundPlugin[], all: boolean, terminal: Ink): string {
  const brief = !all && found.length > longList;
  const details = found
    .map((one) => drawDetails(one, { all, brief }, terminal))
    .filter((text) => text !== '');
  return [found.length > 0 ? drawOverview(found, terminal) : '', ...details, drawCounts(found)]
    .filter((text) => text !== '')
    .join('\n\n');
}

function drawOverview(found: readonly FoundPlugin[], terminal: Ink): string {
  const columns = [
    { title: 'plugin', width: 28 },
    { title: 'state', width: 12 },
    { title: 'functions', width: 10 },
    { title: 'tokens', width: 7 },
    { title: 'score', width: 6 },
    { title: 'findings' },
  ];
  const rows = found.map(({ plugin }) => [
    plugin.name.length > 27 ? `${plugin.name.slice(0, 26)}\u2026` : plugin.name,
    terminal.paint(colours[plugin.state], plugin.state),
    String(plugin.functions.length),
    String(sumTokens(plugin)),
    String(rateUsability(plugin.functions).score ?? '-'),
    countFindings(plugin.diagnostics),
  ]);
  return drawTable(columns, rows, terminal);
}

/** The gravest ones, counted. */
function countFindings(diagnostics: readonly Diagnostic[]): string {
  for (const severity of ['error', 'warning'] as const) {
    const count = diagnostics.filter((finding) => finding.severity === severity).length;
    if (count > 0) return `${count} ${severity}${count === 1 ? '' : 's'}`;
  }
  return '';
}

interface Detail {
  readonly all: boolean;
  readonly brief: boolean;
}

/** What there is to say about one plugin; empty when nothing is. */
function drawDetails({ path, plugin }: FoundPlugin, { all, brief }: Detail, terminal: Ink): string {
  const shown = plugin.diagnostics.filter(({ severity }) => !brief || severity !== 'info');
  const kinds = Map.groupBy(shown, ({ severity, code }) => `${severity} ${code}`);
  const lines = [...kinds.values()].flatMap((kind) => {
    const some = all || kind.length <= ofOneKind ? kind : kind.slice(0, ofOneKind);
    const left = kind.length - some.length;
    return [
      ...some.map((finding) => drawFinding(finding, terminal)),
      ...(left > 0 ? [`    ${left} more of this kind; --all shows them`] : []),
    ];
  });
  if (!brief) lines.push(...drawScore(plugin, terminal));
  const head = `${terminal.paint('bold', plugin.name)}  ${shorten(path, Math.max(20, terminal.columns - plugin.name.length - 2))}`;
  return lines.length === 0 ? '' : [head, ...lines].join('\n');
}

/** The path of the plugin stands above: the file alone is enough here. */
function drawFinding(finding: Diagnostic, terminal: Ink): string {
  const { source } = finding;
  const file = /^https?:/.test(source) ? source : basename(source);
  return drawDiagnostic({ ...finding, source: file }, terminal);
}

function drawScore({ functions }: FoundPlugin['plugin'], terminal: Ink): string[] {
  const { score, reasons } = rateUsability(functions);
  if (score === null || reasons.length === 0) return [];
  const lines = reasons.map(({ points, message }) =>
    wrap(`-${points}: ${message}`, terminal.columns, '    '),
  );
  return [`  score ${score} of 100`, ...lines];
}

function drawCounts(found: readonly FoundPlugin[]): string {
  const count = (state: string) => found.filter(({ plugin }) => plugin.state === state).length;
  const states = ['ok', 'warning', 'needs-oauth', 'error'].filter((state) => count(state) > 0);
  const counts = states.map((state) => `${count(state)} ${state}`).join(', ');
  return `${found.length} ${found.length === 1 ? 'plugin' : 'plugins'}: ${counts || 'none found'}`;
}
