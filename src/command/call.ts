// `plugin-gateway call`: one operation by hand: the request as it would leave, and the result as the model reads it.
import type { Config } from '../config/schema.ts';
import { configSecrets } from '../config/secrets.ts';
import { createEgress } from '../egress/create-egress.ts';
import type { Egress } from '../egress/egress.ts';
import { createArgumentReader } from '../plugin/arguments.ts';
import { createPluginCall } from '../plugin/call.ts';
import type { Credential } from '../plugin/credential.ts';
import type { PluginFunction } from '../plugin/function.ts';
import { createRegistry, type Plugin } from '../plugin/registry.ts';
import { buildRequest, type BuiltRequest } from '../plugin/request.ts';
import { settleCredential } from '../plugin/settled.ts';
import { createAudit } from '../telemetry/audit.ts';
import { silentLog } from '../telemetry/log.ts';
import { readArguments, UsageError } from './arguments.ts';
import { readConfig, withSamples } from './config-file.ts';
import { drawDiagnostic, gravest } from './plugin-list.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

export const help = `
Usage: plugin-gateway call PLUGIN OPERATION [JSON] [--dry-run] [--user NAME] [--config FILE]

Calls one operation of an installed plugin with the given arguments, as the model would: prints the
request (secrets as ***) and the result as the model reads it. OPERATION is an operationId or the
name of a function.

  --dry-run      prints the request and sends nothing
  --user NAME    the consumer in whose name the call is made; default "anonymous"
  --config FILE  the configuration; default as for "serve"

Example: plugin-gateway call todo addTodo '{"title":"milk","X-List":"shopping"}' --dry-run
`;

/** Runs the command. Exit code 1 when there is no request, or the result is an error. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: {
      'dry-run': { type: 'boolean' },
      user: { type: 'string', default: 'anonymous' },
      config: { type: 'string' },
    },
    positionals: ['PLUGIN', 'OPERATION', '[JSON]'],
  });
  const [name = '', operation = '', text = '{}'] = positionals;
  const { config } = await readConfig(values.config, terminal);
  const userAgent = `plugin-gateway/${version}`;
  const egress = createEgress({ allow: config.egress.allow, own: () => [], instance: 'call' });
  const work = { config, egress, userAgent, user: values.user, terminal };
  try {
    return await withSamples(config, async () => {
      const found = await findFunction(name, operation, work);
      const read = await createArgumentReader()(found.fn, text);
      const built = 'problem' in read ? read : maskedRequest(found, read.values, work);
      if ('problem' in built) {
        terminal.line(built.problem);
        return 1;
      }
      drawRequest(built.request, terminal);
      return values['dry-run'] ? 0 : await send(found, text, work);
    });
  } finally {
    await egress.close();
  }
}

interface Work {
  readonly config: Config;
  readonly egress: Egress;
  readonly userAgent: string;
  readonly user: string;
  readonly terminal: Terminal;
}

interface Found {
  readonly plugin: Plugin;
  readonly fn: PluginFunction;
}

async function findFunction(name: string, operation: string, work: Work): Promise<Found> {
  const { config, egress, userAgent, terminal } = work;
  const { plugins } = config;
  const registry = await createRegistry({
    plugins,
    allow: config.egress.allow,
    egress,
    userAgent,
    log: silentLog,
  });
  const snapshot = registry.current();
  const plugin = snapshot.byName.get(name);
  if (!plugin) {
    const names = [...snapshot.byName.keys()].join(', ') || 'none';
    throw new UsageError(`There is no plugin "${name}" in ${plugins.folder}. There are: ${names}.`);
  }
  const fn = plugin.functions.find((one) => one.operation.id === operation || one.name === operation);
  if (fn) return { plugin, fn };
  for (const finding of gravest(plugin)) terminal.trouble(drawDiagnostic(finding, terminal));
  const names = plugin.functions.map((one) => one.operation.id).join(', ') || 'none';
  throw new UsageError(`The plugin "${name}" has no operation "${operation}". It has: ${names}.`);
}

/** The request with `***` for every secret. It is built so, rather than blotted afterwards: no spelling gets by (S1). */
function maskedRequest(
  { plugin, fn }: Found,
  values: Parameters<typeof buildRequest>[1],
  { config, userAgent, user }: Work,
): BuiltRequest {
  const { manifest, params, headers } = plugin;
  const settings = config.plugins.settings;
  const credential =
    manifest &&
    settleCredential(manifest, Object.hasOwn(settings, plugin.name) ? settings[plugin.name] : undefined);
  if (!credential)
    return { problem: `The plugin "${plugin.name}" needs each user to log in, which is not possible yet.` };
  const secrets = new Set(configSecrets(config));
  const masked = new Map(
    [...headers].map(([name, value]) => [
      name,
      name === 'authorization' || secrets.has(value) ? '***' : value,
    ]),
  );
  const userId = manifest?.userIdHeader ? { header: manifest.userIdHeader, value: user } : null;
  return buildRequest(fn, values, {
    params,
    headers: masked,
    userId,
    credential: mask(credential),
    userAgent,
  });
}

function mask(credential: Credential): Credential {
  const { manifest, schemes, shared } = credential;
  return {
    ...credential,
    manifest: manifest && { scheme: manifest.scheme, value: '***' },
    schemes: new Map([...schemes.keys()].map((name) => [name, '***'])),
    shared: shared === null ? null : '***',
  };
}

type PluginRequest = Extract<BuiltRequest, { request: unknown }>['request'];

function drawRequest(request: PluginRequest, terminal: Terminal): void {
  terminal.line(terminal.paint('bold', `${request.method} ${request.origin}${request.path}`));
  for (const [name, value] of Object.entries(request.headers)) terminal.line(`${name}: ${value}`);
  if (request.body === undefined) return;
  const { body } = request;
  terminal.line();
  terminal.line(typeof body === 'string' ? body : new TextDecoder().decode(body));
}

async function send({ plugin, fn }: Found, text: string, work: Work): Promise<number> {
  const { config, egress, userAgent, user, terminal } = work;
  const call = createPluginCall({
    send: (name, allow) => egress.plugin(name, allow),
    settings: config.plugins.settings,
    resultCharacters: config.budget.resultCharacters,
    secrets: configSecrets(config),
    userAgent,
    audit: createAudit({ log: silentLog }),
    log: silentLog,
  });
  const signal = AbortSignal.timeout(config.budget.seconds * 1000);
  const result = await call(fn, plugin, text, { consumer: { name: user }, signal });
  const { status, milliseconds } = result.call ?? { status: 'unknown', milliseconds: 0 };
  const good = typeof status === 'number' && status < 400;
  terminal.line();
  terminal.line(
    `${terminal.paint(good ? 'green' : 'red', String(status))} in ${milliseconds} ms. The model reads:`,
  );
  terminal.line(result.content);
  return good ? 0 : 1;
}
