// Shows installed plugins: state, functions, and what is wrong with them.
import type { Diagnostic } from '../openapi/diagnostic.ts';
import type { Plugin } from '../plugin/registry.ts';
import { fixOf } from './fixes.ts';
import { drawTable, shorten, wrap } from './table.ts';
import type { Style, Terminal } from './terminal.ts';

/** Colour of a state or a severity. */
export const colours: Readonly<Record<Plugin['state'] | Diagnostic['severity'], Style>> = {
  ok: 'green',
  warning: 'yellow',
  'needs-oauth': 'yellow',
  error: 'red',
  info: 'dim',
};

/** One row per plugin, below it the errors. Tokens are not counted: `check` does, and a gateway holds no table for it. */
export function drawPlugins(
  plugins: readonly Plugin[],
  terminal: Pick<Terminal, 'columns' | 'paint'>,
): string {
  const table = drawTable(
    [
      { title: 'plugin', width: 28 },
      { title: 'state', width: 13 },
      { title: 'functions', width: 10 },
      { title: 'for people' },
    ],
    plugins.map((plugin) => [
      plugin.name,
      terminal.paint(colours[plugin.state], plugin.state),
      String(plugin.functions.length),
      plugin.manifest?.nameForHuman ?? '',
    ]),
    terminal,
  );
  const errors = plugins.flatMap(gravest).map((finding) => drawDiagnostic(finding, terminal));
  return [table, ...errors].join('\n');
}

/** The errors of a plugin; of one that cannot be used and has none, why that is. */
export function gravest({
  state,
  diagnostics,
}: Pick<Plugin, 'state' | 'diagnostics'>): readonly Diagnostic[] {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return errors.length > 0 || state !== 'error' ? errors : diagnostics.slice(-1);
}

/** Tokens that the functions of a plugin cost in each request. */
export function sumTokens(plugin: Pick<Plugin, 'functions'>): number {
  return plugin.functions.reduce((sum, fn) => sum + fn.tokens, 0);
}

/** A finding as `severity code  file:line  pointer`, below it the message and what to do. */
export function drawDiagnostic(finding: Diagnostic, terminal: Pick<Terminal, 'columns' | 'paint'>): string {
  const { severity, code, source, line, pointer, message } = finding;
  const room = Math.max(40, terminal.columns - severity.length - code.length - 5);
  const at = line === null ? '' : `:${line}`;
  const place = `${shorten(source, room - at.length)}${at}`;
  // of a pointer too long for the line the end says most; it is whole in --json
  const left = room - place.length - 2;
  const within = pointer === '' || left < 12 ? '' : `  ${shorten(pointer, left)}`;
  const fix = fixOf(code);
  return [
    `  ${terminal.paint(colours[severity], severity)} ${code}  ${place}${within}`,
    wrap(message, terminal.columns, '    '),
    ...(fix === null ? [] : [wrap(`Fix: ${fix}`, terminal.columns, '    ')]),
  ].join('\n');
}
