// The command line: finds the command, runs it, turns what it throws into one clear line and an exit code.
import { UsageError } from './command/arguments.ts';
import { processTerminal, type Terminal } from './command/terminal.ts';
import { ConfigError } from './config/problem.ts';

/** What the file of a command exports. */
interface CommandModule {
  /** The text of `--help`. */
  readonly help: string;
  /** Runs it to its end and gives the exit code. */
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

/** A command: one line about it, and its file, read only when it is called. */
interface Command {
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

const commands = new Map<string, Command>([
  ['serve', { summary: 'run the gateway', load: () => import('./command/serve.ts') }],
  [
    'check',
    { summary: 'say what is wrong with manifests and documents', load: () => import('./command/check.ts') },
  ],
  [
    'functions',
    { summary: 'print the functions as the model sees them', load: () => import('./command/functions.ts') },
  ],
  ['call', { summary: 'call one operation of a plugin by hand', load: () => import('./command/call.ts') }],
  [
    'approve',
    { summary: 'approve a changed version of a plugin', load: () => import('./command/approve.ts') },
  ],
  [
    'chat',
    { summary: 'send one message through a running gateway', load: () => import('./command/chat.ts') },
  ],
  [
    'demo',
    { summary: 'show everything at work, without key or network', load: () => import('./command/demo.ts') },
  ],
]);

/** Exit codes, as in `sysexits.h`. */
const exit = { failed: 1, usage: 64, config: 78 } as const;

/** Runs the command line. Gives the exit code; never throws. */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const [name = 'help', ...rest] = args;
  if (name === '--version' || name === '-v') return printVersion(terminal);
  if (name === 'help' || name === '--help' || name === '-h') return printHelp(rest[0], terminal);
  const command = commands.get(name);
  if (!command) {
    terminal.trouble(
      `plugin-gateway: there is no command "${name}". The commands are ${[...commands.keys()].join(', ')}.`,
    );
    return exit.usage;
  }
  if (rest.includes('--help') || rest.includes('-h')) return printHelp(name, terminal);
  try {
    const { run } = await command.load();
    return await run(rest, terminal);
  } catch (error) {
    return explain(error, name, terminal);
  }
}

function explain(error: unknown, name: string, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.trouble(
      `plugin-gateway ${name}: ${error.message} "plugin-gateway ${name} --help" shows how to call it.`,
    );
    return exit.usage;
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) terminal.trouble(problem);
    return exit.config;
  }
  terminal.trouble(`plugin-gateway ${name}: ${error instanceof Error ? error.message : String(error)}`);
  // An entry of an allow-list is read only where it is used, not where the configuration is.
  if (error instanceof Error && error.name === 'AllowListError') return exit.config;
  if (terminal.environment['PLUGIN_GATEWAY_DEBUG'] && error instanceof Error)
    terminal.trouble(error.stack ?? '');
  return exit.failed;
}

async function printHelp(name: string | undefined, terminal: Terminal): Promise<number> {
  const command = name === undefined ? undefined : commands.get(name);
  if (command) {
    terminal.line((await command.load()).help.trim());
    return 0;
  }
  terminal.line('plugin-gateway: an OpenAI-compatible proxy that lets any model use ChatGPT plugins.\n');
  terminal.line('Usage: plugin-gateway COMMAND [ARGUMENTS]\n');
  for (const [key, { summary }] of commands) terminal.line(`  ${key.padEnd(10)} ${summary}`);
  terminal.line('\n"plugin-gateway COMMAND --help" tells more about a command.');
  return name === undefined ? 0 : exit.usage;
}

async function printVersion(terminal: Terminal): Promise<number> {
  const { version } = await import('./command/version.ts');
  terminal.line(version);
  return 0;
}
