// `plugin-gateway approve`: adopts a changed version of a plugin, through the store that a running gateway shares.
import { existsSync } from 'node:fs';
import { readReasons } from '../plugin/version.ts';
import type { PluginVersion, PluginVersions } from '../store/plugin-versions.ts';
import { openStore } from '../store/store.ts';
import { readArguments, UsageError } from './arguments.ts';
import { readConfig } from './config-file.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway approve [PLUGIN [HASH]] [--config FILE]

Lists the changed versions of remote plugins that wait for approval, and why. With PLUGIN, approves
the one of that plugin; with HASH (its beginning will do), only if it is still that version.

A running gateway adopts it within two seconds, another one at its next start. Both must use the same
store, a sqlite or postgres one: what a gateway with "memory:" knows cannot be seen from here.

  --config FILE  the configuration; default as for "serve"
`;

/** Runs the command. Exit code 1 when there is nothing to approve. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: { config: { type: 'string' } },
    positionals: ['[PLUGIN]', '[HASH]'],
  });
  const { store } = (await readConfig(values.config, terminal)).config;
  if (store.url === 'memory:')
    throw new UsageError(
      'store.url is "memory:", which ends with its gateway. Approval needs a sqlite or postgres store.',
    );
  // Looking should make no store.
  const isThere = !store.url.startsWith('sqlite:') || existsSync(store.url.slice('sqlite:'.length));
  if (!isThere) return answer([], positionals, terminal, async () => false);
  const { versions, close } = await openStore(store);
  try {
    return await answer(await versions.waiting(), positionals, terminal, versions.approve);
  } finally {
    await close();
  }
}

async function answer(
  waiting: readonly PluginVersion[],
  [plugin, hash = '']: readonly string[],
  terminal: Terminal,
  approve: PluginVersions['approve'],
): Promise<number> {
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
  if (!version.hash.startsWith(hash.toLowerCase()) || !(await approve(version.source, version.hash))) {
    terminal.trouble(
      `Another version of ${plugin} waits by now: ${version.hash}. Look at its reasons first.`,
    );
    return 1;
  }
  draw(version, terminal);
  terminal.line(`Approved. A running gateway adopts it within two seconds.`);
  return 0;
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
