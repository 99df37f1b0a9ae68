// `plugin-gateway functions`: prints the function definitions exactly as the model gets them.
import type { FunctionForm, ProfileName } from '../openai/function-form.ts';
import { formFunction, type FormedFunction } from '../plugin/function-form.ts';
import type { PluginFunction } from '../plugin/function.ts';
import { profiles } from '../plugin/profile.ts';
import { countTokens } from '../plugin/token-count.ts';
import { readArguments, UsageError } from './arguments.ts';
import { readSettings, withSamples } from './config-file.ts';
import { loadPaths } from './load-plugins.ts';
import { nothingIn } from './check.ts';
import { drawDiagnostic, gravest } from './plugin-list.ts';
import { drawTable, wrap } from './table.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway functions PATH [--profile NAME] [--strict] [--json] [--offline] [--config FILE]

Prints the functions of a plugin, or of a folder of plugins, as the model gets them: names,
descriptions, arguments, and how many tokens each costs in a request.

  --profile NAME  as an upstream of this profile gets them: common (the default), openai, azure, gemini,
                  anthropic, mistral, groq, vllm, ollama
  --strict        as an upstream with "strict: true" gets them
  --json          prints the definitions as one array, byte for byte as they are injected into "tools"
  --offline       fetches nothing
  --config FILE   the configuration whose settings apply; default as for "serve"
`;

/** Runs the command. Exit code 1 when there is no function. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: {
      profile: { type: 'string', default: 'common' },
      strict: { type: 'boolean', default: false },
      json: { type: 'boolean' },
      offline: { type: 'boolean' },
      config: { type: 'string' },
    },
    positionals: ['PATH'],
  });
  const { offline = false } = values;
  const form: FunctionForm = { profile: readProfile(values.profile), strict: values.strict };
  const config = await readSettings(values.config, terminal);
  const found = await withSamples(config, () => loadPaths(positionals, { config, offline }));
  const made = found.flatMap(({ plugin }) =>
    plugin.functions.map((fn) => ({ fn, ...formFunction(fn, form) })),
  );
  const shown = made.flatMap(({ fn, formed }) => (formed ? [{ fn, formed }] : []));
  if (values.json) terminal.line(`[${shown.map(({ formed }) => formed.text).join(',\n')}]`);
  else for (const { fn, formed } of shown) drawFunction(fn, formed, terminal);
  if (found.length === 0) terminal.trouble(nothingIn(positionals));
  const findings = [
    ...found.flatMap(({ plugin }) => gravest(plugin)),
    ...made.flatMap(({ diagnostics }) => diagnostics),
  ];
  for (const finding of findings) terminal.trouble(drawDiagnostic(finding, terminal));
  return shown.length > 0 ? 0 : 1;
}

function readProfile(name: string): ProfileName {
  const known = Object.keys(profiles) as ProfileName[];
  const found = known.find((one) => one === name);
  if (found === undefined) throw new UsageError(`There is no profile "${name}", but ${known.join(', ')}.`);
  return found;
}

function drawFunction(fn: PluginFunction, formed: FormedFunction, terminal: Terminal): void {
  const { method, path } = fn.operation;
  const { description, parameters } = formed.definition.function;
  const notes = [`${countTokens(formed.text)} tokens`, ...(formed.strict ? ['strict'] : [])].join('  ');
  terminal.line(`${terminal.paint('bold', fn.name)}  ${method} ${path}  ${notes}`);
  terminal.line(wrap(description, terminal.columns, '  '));
  const properties = Object.entries(
    (parameters['properties'] ?? {}) as Record<string, Record<string, unknown>>,
  );
  const rows = properties.map(([name, schema]) => [
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
  const types = [type].flat().filter((one) => typeof one === 'string');
  const kind = Array.isArray(values) ? values.join(' | ') : types.join(' | ') || 'any';
  const form = typeof format === 'string' ? ` (${format})` : '';
  return `${kind}${form}${preset === undefined ? '' : ` = ${JSON.stringify(preset)}`}`;
}
