// `plugin-gateway check`: says what is wrong with manifests and documents, where, and what to do.
import { rateUsability } from '../plugin/usability.ts';
import { readArguments } from './arguments.ts';
import { drawReport, longList } from './check-report.ts';
import { readSettings, withSamples } from './config-file.ts';
import { fixOf } from './fixes.ts';
import { loadPaths, type FoundPlugin } from './load-plugins.ts';
import { sumTokens } from './plugin-list.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway check PATH... [--json] [--all] [--offline] [--config FILE]

Loads plugins and says what is wrong with them, what to do, and how well a model can use each: a
score of 0 to 100, explained in docs/plugin-author.md. A PATH is a manifest, an OpenAPI document, a
folder of manifests or of documents, a tree with manifests, or the URL of a manifest. An
ai-plugin.json with an openapi.yaml or openapi.json beside it uses that file as if it were served
from its api.url.

  --json         prints an array of { path, name, state, functions, tokens, diagnostics, usability }
  --all          shows every finding, however many there are
  --offline      fetches nothing: a document that is a URL is an error then
  --config FILE  the configuration whose settings apply; default as for "serve"

Exit code 1 when there is an error, or nothing to check.
`;

/** Runs the command. Exit code 1 when one of the plugins has an error, or there is none. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: {
      json: { type: 'boolean' },
      all: { type: 'boolean' },
      offline: { type: 'boolean' },
      config: { type: 'string' },
    },
    positionals: ['PATH...'],
  });
  const { offline = false, all = false } = values;
  const onProgress = (loaded: number, of: number): void => {
    if (of > longList) terminal.progress(`${loaded} of ${of} plugins read`);
  };
  const config = await readSettings(values.config, terminal);
  const found = await withSamples(config, () => loadPaths(positionals, { config, offline, onProgress }));
  terminal.progress('');
  if (found.length === 0) terminal.trouble(nothingIn(positionals));
  if (values.json) terminal.line(JSON.stringify(found.map(describe), null, 2));
  else terminal.line(drawReport(found, all, terminal));
  return found.length === 0 || found.some(({ plugin }) => hasError(plugin)) ? 1 : 0;
}

/** What is said of paths without any plugin. */
export function nothingIn(paths: readonly string[]): string {
  return `There is no manifest (*.json) and no OpenAPI document in ${paths.join(', ')}.`;
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
      fix: fixOf(code),
    })),
    usability: rateUsability(plugin.functions),
  };
}

function hasError(plugin: FoundPlugin['plugin']): boolean {
  return plugin.state === 'error' || plugin.diagnostics.some((finding) => finding.severity === 'error');
}
