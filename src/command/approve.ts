// `plugin-gateway approve`: adopts a changed version of a plugin, through the store that a running gateway shares.
import { existsSync } from 'node:fs';
import { readReasons } from '../plugin/version.ts';
import { createPluginVersions, type PluginVersion } from '../store/plugin-versions.ts';
import { readArguments, UsageError } from './arguments.ts';
import { readConfig } from './config-file.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway approve [PLUGIN [HASH]] [--config FILE]

Lists the changed versions of remote plugins that wait for approval, and why. With PLUGIN, approves
the one of that plugin; with HASH (its beginning will do), only if it is still that version.

A running gateway adopts it within two seconds, another one at its next start. Both must use the same
store, a sqlite one: what a gateway with "memory:" knows cannot be seen from here.

  --config FILE  the configuration; default as for "serve"
`;

/** Runs the command. Exit code 1 when there is nothing to approve. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: { config: { type: 'string' } },
    positionals: ['[PLUGIN]', '[HASH]'],
  });
  const [plugin, hash = ''] = positionals;
  const { url } = (await readConfig(values.config, terminal)).config.store;
  if (url === 'memory:')
    throw new UsageError(
      'store.url is "memory:", which ends with its gateway. Approval needs a sqlite store.',
    );
  const waiting = readWaiting(url);
  if (plugin === undefined) return listWaiting(waiting, terminal);
  const found = waiting.filter(({ name, source }) => name === plugin || source === plugin);
  const [version, another] = found;
  if (!version) {
    terminal.trouble(`Nothing of ${plugin} waits for approval.`);
    return 1;
  }
  if (another) {
    const sources = found.map(({ source }) => source).join(', ');
    throw new UsageError(`Several plugins are called ${plugin}. Name one by its source: ${sources}.`);
  }
  if (!version.hash.startsWith(hash.toLowerCase()) || !approve(url, version)) {
    terminal.trouble(
      `Another version of ${plugin} waits by now: ${version.hash}. Look at its reasons first.`,
    );
    return 1;
  }
  draw(version, terminal);
  terminal.line(`Approved. A running gateway adopts it within two seconds.`);
  return 0;
}

function readWaiting(url: string): PluginVersion[] {
  // Looking should make no store.
  if (!existsSync(url.replace(/^sqlite:/, ''))) return [];
  const versions = createPluginVersions({ url });
  try {
    return versions.waiting();
  } finally {
    versions.close();
  }
}

function approve(url: string, { source, hash }: PluginVersion): boolean {
  const versions = createPluginVersions({ url });
  try {
    return versions.approve(source, hash);
  } finally {
    versions.close();
  }
}

function listWaiting(waiting: readonly PluginVersion[], terminal: Terminal): number {
  if (waiting.length === 0) terminal.line('Nothing waits for approval.');
  for (const version of waiting) draw(version, terminal);
  return 0;
}

function draw(version: PluginVersion, terminal: Terminal): void {
  const { name, source, hash, since } = version;
  terminal.line(`${terminal.paint('bold', name)}  ${source}`);
  terminal.line(`  version ${hash}, since ${new Date(since).toISOString()}`);
  for (const { code, message } of readReasons(version)) terminal.line(`  ${code}: ${message}`);
}
