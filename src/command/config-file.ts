// Reads the configuration for a command, and runs the samples' API that it asks for.
import { fillDefaults } from '../config/defaults.ts';
import { findConfigFile, loadConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { configSchema, type Config } from '../config/schema.ts';
import { createSamplesApi } from '../http/samples-api.ts';
import { lineOf } from '../openapi/line.ts';
import { readStrict } from '../openapi/yaml.ts';
import type { Terminal } from './terminal.ts';

/** The configuration, and the file that it was read from; `null` when the defaults hold. */
export interface ReadConfig {
  readonly config: Config;
  readonly file: string | null;
}

/** Reads `--config`, else the file of the environment, else `config/gateway.yaml`. Throws `ConfigError`. */
export async function readConfig(
  file: string | undefined,
  { environment }: Pick<Terminal, 'environment'>,
): Promise<ReadConfig> {
  const config = await loadConfig({
    file,
    environment,
    readStrict: (text) => ({ value: readStrict(text) }),
    lineOf,
  });
  return { config, file: findConfigFile({ file, environment }) };
}

/**
 * The same for commands that can do without: a file that was not asked for and cannot be used, because a variable is
 * not set here for example, is reported, and the defaults hold.
 */
export async function readSettings(file: string | undefined, terminal: Terminal): Promise<Config> {
  try {
    return (await readConfig(file, terminal)).config;
  } catch (error) {
    if (file !== undefined || !(error instanceof ConfigError)) throw error;
    terminal.trouble(`The configuration is not used: ${error.problems.join('; ')}`);
    return fillDefaults(configSchema, { upstreams: [] }) as Config;
  }
}

/** Runs the samples' API during the work if it is configured; if its port is taken, a gateway runs it already. */
export async function withSamples<T>(config: Config, work: () => Promise<T>): Promise<T> {
  if (!config.samples) return work();
  const api = createSamplesApi();
  try {
    await api
      .listen({ host: '127.0.0.1', port: config.samples.port })
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error;
      });
    return await work();
  } finally {
    await api.close();
  }
}
