// `plugin-gateway check`: says what is wrong with manifests and documents, where, and what to do.
import type { FoundPlugin } from './load-plugins.ts';
import { loadPaths } from './load-plugins.ts';
import { readArguments } from './arguments.ts';
import { readSettings, withSamples } from './config-file.ts';
import { colours, drawDiagnostic, sumTokens } from './plugin-list.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway check PATH... [--json] [--offline] [--config FILE]

Loads plugins and says what is wrong with them. A PATH is a manifest, an OpenAPI document, a folder
of manifests, a tree with manifests, or the URL of a manifest. An ai-plugin.json with an openapi.yaml
or openapi.json beside it uses that file as if it were served from its api.url.

  --json         prints an array of { path, name, state, functions, tokens, diagnostics }
  --offline      fetches nothing: a document that is a URL is an error then
  --config FILE  the configuration whose settings apply; default as for "serve"

Exit code 1 when there is an error.
`;

/** Runs the command. Exit code 1 when one of the plugins has an error. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: { json: { type: 'boolean' }, offline: { type: 'boolean' }, config: { type: 'string' } },
    positionals: ['PATH...'],
  });
  const { offline = false } = values;
  const config = await readSettings(values.config, terminal);
  const found = await withSamples(config, () => loadPaths(positionals, { config, offline }));
  if (values.json) terminal.line(JSON.stringify(found.map(describe), null, 2));
  else draw(found, terminal);
  return found.some(({ plugin }) => hasError(plugin)) ? 1 : 0;
}

/** What `--json` prints of a plugin (`architecture.md` section 5). */
function describe({ path, plugin }: FoundPlugin) {
  return {
    path,
    name: plugin.name,
    state: plugin.state === 'needs-oauth' ? 'warning' : plugin.state,
    functions: plugin.functions.length,
    tokens: sumTokens(plugin),
    diagnostics: plugin.diagnostics.map(({ code, severity, pointer, line, message, source }) => ({
      code,
      severity,
      pointer,
      line,
      message,
      source,
    })),
  };
}

function hasError(plugin: FoundPlugin['plugin']): boolean {
  return plugin.state === 'error' || plugin.diagnostics.some((finding) => finding.severity === 'error');
}

function draw(found: readonly FoundPlugin[], terminal: Terminal): void {
  for (const { path, plugin } of found) {
    const state = terminal.paint(colours[plugin.state], plugin.state);
    const size = `${plugin.functions.length} functions, ${sumTokens(plugin)} tokens`;
    terminal.line(`${state}  ${terminal.paint('bold', plugin.name)}  ${path}  ${size}`);
    for (const finding of plugin.diagnostics) terminal.line(drawDiagnostic(finding, terminal));
  }
  const count = (state: string) => found.filter(({ plugin }) => plugin.state === state).length;
  const states = ['ok', 'warning', 'needs-oauth', 'error'].filter((state) => count(state) > 0);
  const counts = states.map((state) => `${count(state)} ${state}`).join(', ');
  terminal.line(`${found.length} ${found.length === 1 ? 'plugin' : 'plugins'}: ${counts || 'none found'}`);
}
