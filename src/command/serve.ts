// `plugin-gateway serve`: runs the gateway, with the samples' API beside it while it is configured.
import { createApp } from '../app.ts';
import type { Config } from '../config/schema.ts';
import { ConfigError } from '../config/problem.ts';
import { configSecrets } from '../config/secrets.ts';
import { createSamplesApi } from '../http/samples-api.ts';
import { createLog } from '../telemetry/log.ts';
import { readArguments } from './arguments.ts';
import { readConfig } from './config-file.ts';
import { drawPlugins } from './plugin-list.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway serve [--config FILE] [--host HOST] [--port PORT]

Runs the gateway until it gets SIGINT or SIGTERM; then it finishes what is under way and ends.

  --config FILE  the configuration; default PLUGIN_GATEWAY_CONFIG, else config/gateway.yaml if there
  --host HOST    address to listen on; default the variable HOST, else listen.host (127.0.0.1)
  --port PORT    port to listen on, 0 for a free one; default the variable PORT, else listen.port (8080)

With OPENAI_API_KEY set and no upstreams configured, it serves https://api.openai.com/v1. Without
a key, the embedded demo model answers.
`;

/** Runs the command. Ends with code 0 after a signal, 78 when the configuration or a port cannot be used. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = readArguments(args, {
    options: { config: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' } },
    positionals: [],
  });
  const environment = {
    ...terminal.environment,
    ...named('HOST', values.host),
    ...named('PORT', values.port),
  };
  const { config, file } = await readConfig(values.config, { ...terminal, environment });
  const stopped = terminal.untilStopped();
  const level = environment['LOG_LEVEL'];
  const { log, close: closeLog } = createLog({ level, secrets: configSecrets(config), descriptor: 2 });
  const samples = await startSamples(config);
  try {
    const app = await createApp(config, { log });
    try {
      const url = await listening(() => app.listen(), 'listen.port (or PORT)', config.listen.port);
      printStart(url, file, config, app.registry, terminal);
      await stopped;
      terminal.line('Stopping: what is under way may finish.');
    } finally {
      await app.close();
    }
  } finally {
    await samples?.close();
    await closeLog();
  }
  return 0;
}

function named(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

async function startSamples(config: Config): Promise<ReturnType<typeof createSamplesApi> | null> {
  if (!config.samples) return null;
  const { port } = config.samples;
  const api = createSamplesApi();
  await listening(() => api.listen({ host: '127.0.0.1', port }), 'samples.port', port);
  return api;
}

/** Listens; a port that cannot be had is a fault of the configuration, told in one line. */
async function listening<T>(listen: () => Promise<T>, key: string, port: number): Promise<T> {
  try {
    return await listen();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const reasons = new Map([
      ['EADDRINUSE', 'is in use, perhaps by another gateway'],
      ['EACCES', 'needs more rights than this process has'],
      ['EADDRNOTAVAIL', 'cannot be had: the host is no address of this machine'],
      ['ENOTFOUND', 'cannot be had: the host is not known'],
    ]);
    const reason = reasons.get(code ?? '');
    if (reason === undefined) throw cause;
    throw new ConfigError([`${key}: port ${port} ${reason}. Choose another one.`], { cause });
  }
}

type Registry = Awaited<ReturnType<typeof createApp>>['registry'];

function printStart(
  url: string,
  file: string | null,
  config: Config,
  registry: Registry,
  terminal: Terminal,
): void {
  const { plugins } = registry.current();
  const upstreams = config.upstreams.map((upstream) => `${upstream.name} (${upstream.url})`);
  terminal.line(`plugin-gateway listens on ${terminal.paint('bold', `${url}/v1`)}`);
  terminal.line(`  configuration  ${file ?? 'none: the defaults hold'}`);
  terminal.line(
    `  upstreams      ${upstreams.join(', ') || 'none: the embedded demo model answers (set OPENAI_API_KEY for a real one)'}`,
  );
  const { folder } = config.plugins;
  terminal.line(
    `  plugins        ${plugins.length > 0 ? `${plugins.length} in ${folder}/` : `none: there is no manifest (*.json) in ${folder}/`}`,
  );
  if (plugins.length > 0) terminal.line(`\n${drawPlugins(plugins, terminal)}`);
  terminal.line('');
  terminal.line('Try it:');
  terminal.line(`  ${curl(url, config)}`);
  terminal.line(`Point an OpenAI client at it: OPENAI_BASE_URL=${url}/v1`);
  terminal.line(`What is installed: ${url}/plugins   Stop: Ctrl+C`);
}

/** A line for a POSIX shell: the body has no apostrophe, so apostrophes quote it. */
function curl(url: string, config: Config): string {
  const content = config.samples
    ? 'Add milk to my shopping list, then show my shopping list'
    : 'What can you do?';
  const model = config.upstreams.length === 0 ? 'demo-model' : 'gpt-4o-mini';
  const body = JSON.stringify({ model, messages: [{ role: 'user', content }] });
  const key = keyHint(config);
  const headers = [
    "-H 'content-type: application/json'",
    ...(key ? [`-H "authorization: Bearer ${key}"`] : []),
  ];
  return `curl ${url}/v1/chat/completions ${headers.join(' ')} -d '${body}'`;
}

/** The variable that holds the key which the caller has to show; `null` when none is needed. */
function keyHint(config: Config): string | null {
  if (config.access.consumers.length > 0) return '$PLUGIN_GATEWAY_KEY';
  return config.upstreams.some((upstream) => upstream.key === undefined) ? '$OPENAI_API_KEY' : null;
}
