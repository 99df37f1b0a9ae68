// `plugin-gateway functions`: prints the function definitions exactly as the model gets them.
import type { PluginFunction } from '../plugin/function.ts';
import { readArguments } from './arguments.ts';
import { readSettings, withSamples } from './config-file.ts';
import { loadPaths } from './load-plugins.ts';
import { nothingIn } from './check.ts';
import { drawDiagnostic, gravest } from './plugin-list.ts';
import { drawTable, wrap } from './table.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway functions PATH [--json] [--offline] [--config FILE]

Prints the functions of a plugin, or of a folder of plugins, as the model gets them: names,
descriptions, arguments, and how many tokens each costs in a request.

  --json         prints the definitions as one array, byte for byte as they are injected into "tools"
  --offline      fetches nothing
  --config FILE  the configuration whose settings apply; default as for "serve"
`;

/** Runs the command. Exit code 1 when there is no function. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: { json: { type: 'boolean' }, offline: { type: 'boolean' }, config: { type: 'string' } },
    positionals: ['PATH'],
  });
  const { offline = false } = values;
  const config = await readSettings(values.config, terminal);
  const found = await withSamples(config, () => loadPaths(positionals, { config, offline }));
  const functions = found.flatMap(({ plugin }) => plugin.functions);
  if (values.json) terminal.line(`[${functions.map((fn) => fn.text).join(',\n')}]`);
  else for (const fn of functions) drawFunction(fn, terminal);
  if (found.length === 0) terminal.trouble(nothingIn(positionals));
  for (const finding of found.flatMap(({ plugin }) => gravest(plugin)))
    terminal.trouble(drawDiagnostic(finding, terminal));
  return functions.length > 0 ? 0 : 1;
}

function drawFunction(fn: PluginFunction, terminal: Terminal): void {
  const { method, path } = fn.operation;
  const { description, parameters } = fn.definition.function;
  terminal.line(`${terminal.paint('bold', fn.name)}  ${method} ${path}  ${fn.tokens} tokens`);
  terminal.line(wrap(description, terminal.columns, '  '));
  const shown = Object.entries((parameters['properties'] ?? {}) as Record<string, Record<string, unknown>>);
  const rows = shown.map(([name, schema]) => [
    `  ${name}`,
    fn.arguments.get(name)?.required ? 'required' : '',
    typeOf(schema),
    typeof schema['description'] === 'string' ? schema['description'] : '',
  ]);
  const columns = [
    { title: '  argument', width: 22 },
    { title: '', width: 9 },
    { title: 'type', width: 24 },
    { title: 'description' },
  ];
  if (rows.length > 0) terminal.line(drawTable(columns, rows, terminal));
  terminal.line();
}

function typeOf(schema: Readonly<Record<string, unknown>>): string {
  const { enum: values, type, format, default: preset } = schema;
  const kind = Array.isArray(values) ? values.join(' | ') : typeof type === 'string' ? type : 'any';
  const form = typeof format === 'string' ? ` (${format})` : '';
  return `${kind}${form}${preset === undefined ? '' : ` = ${JSON.stringify(preset)}`}`;
}
