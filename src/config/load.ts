// The configuration: from file and environment to one frozen value, or to a list of everything that is wrong.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fillDefaults } from './defaults.ts';
import { expandEnvironment, type Environment } from './environment.ts';
import { ConfigError, readablePath, type ConfigProblem } from './problem.ts';
import { configSchema, type Config, type UpstreamConfig } from './schema.ts';
import { validateConfig } from './validate.ts';

export interface LoadOptions {
  /** `--config`: the file to read. Relative paths, also those in the file, count from the working directory. */
  readonly file?: string | undefined;
  readonly environment: Environment;
  /** Reads YAML strictly; throws an error whose `line`, if it has one, says where. */
  readonly readStrict: (text: string) => { value: unknown };
  /** The 1-based line of a JSON pointer in the text; `null` when unknown. */
  readonly lineOf: (text: string, pointer: string) => number | null;
}

const defaultFile = 'config/gateway.yaml';

/** The file that will be read: `--config`, `PLUGIN_GATEWAY_CONFIG`, `config/gateway.yaml` if there; else `null`. */
export function findConfigFile(options: Pick<LoadOptions, 'file' | 'environment'>): string | null {
  const named = options.file ?? options.environment['PLUGIN_GATEWAY_CONFIG'];
  if (named !== undefined && named !== '') return named;
  return existsSync(defaultFile) ? defaultFile : null;
}

/**
 * Reads, checks and completes the configuration (`architecture.md` section 4). HOST and PORT win over the file.
 * Throws {@link ConfigError} with every fault found.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const file = findConfigFile(options);
  const text = file === null ? '' : await readText(file);
  const place = (problem: ConfigProblem) => describe(problem, file, options.lineOf(text, problem.pointer));

  const expanded = expandEnvironment(parse(text, file, options), options.environment);
  if (expanded.problems.length > 0) {
    const faults = validateConfig(configSchema, expanded.value);
    const unset = new Set(expanded.problems.map((problem) => problem.pointer));
    const others = faults.filter((fault) => !unset.has(fault.pointer));
    throw new ConfigError([...expanded.problems, ...others].map(place));
  }
  const faults = validateConfig(configSchema, expanded.value);
  if (faults.length > 0) throw new ConfigError(faults.map(place));

  const filled = fillDefaults(configSchema, expanded.value) as Omit<Config, 'upstreams'> & Partial<Config>;
  const upstreams = filled.upstreams ?? upstreamsOf(options.environment);
  const { listen, problems } = overrideListen(filled.listen, options.environment);
  const config: Config = Object.freeze({ ...filled, listen, upstreams });
  const conflicts = checkTogether(config).map(place);
  if (conflicts.length + problems.length > 0) throw new ConfigError([...conflicts, ...problems]);
  return config;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause);
    throw new ConfigError([`${file}: the configuration cannot be read: ${reason}`], { cause });
  }
}

function parse(text: string, file: string | null, { readStrict }: LoadOptions): unknown {
  const blank = text.split('\n').every((line) => /^\s*(#|$)/.test(line));
  if (file === null || blank) return {};
  try {
    return readStrict(text).value ?? {};
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const line = cause instanceof Error && 'line' in cause ? `:${String(cause.line)}` : '';
    throw new ConfigError([`${file}${line}: not valid YAML: ${reason}`], { cause });
  }
}

function describe(problem: ConfigProblem, file: string | null, line: number | null): string {
  const place = [file ?? 'configuration', ...(line === null ? [] : [line])].join(':');
  const path = readablePath(problem.pointer);
  return path === '' ? `${place}: ${problem.message}` : `${place}: ${path}: ${problem.message}`;
}

/** Without `upstreams`: OpenAI's API when its key is set, else none, which stands for the embedded demo model. */
function upstreamsOf(environment: Environment): readonly UpstreamConfig[] {
  const key = environment['OPENAI_API_KEY'];
  if (key === undefined || key === '') return Object.freeze([]);
  return Object.freeze([
    Object.freeze({ name: 'openai', url: 'https://api.openai.com/v1', key, models: Object.freeze(['*']) }),
  ]);
}

function overrideListen(
  listen: Config['listen'],
  environment: Environment,
): { listen: Config['listen']; problems: string[] } {
  const host = environment['HOST'] || listen.host;
  const given = environment['PORT'];
  if (given === undefined || given === '')
    return { listen: Object.freeze({ ...listen, host }), problems: [] };
  const port = /^\d{1,5}$/.test(given) ? Number(given) : Infinity;
  const problems =
    port <= 65_535 ? [] : ['environment variable PORT: must be a whole number from 0 to 65535'];
  return { listen: Object.freeze({ ...listen, host, port }), problems };
}

/** What no single value shows: names and keys used twice, and keys that would leak (S3). */
function checkTogether(config: Config): ConfigProblem[] {
  const { consumers } = config.access;
  const problems = [
    ...repeated(config.upstreams, (upstream) => upstream.name, '/upstreams', 'name'),
    ...repeated(consumers, (consumer) => consumer.name, '/access/consumers', 'name'),
    ...repeated(consumers, (consumer) => consumer.key, '/access/consumers', 'key'),
  ];
  if (config.store.url.startsWith('postgres') && config.store.key === undefined) {
    const message = 'lacks "key": replicas seal what they share with the same secret, 32 characters or more';
    problems.push({ pointer: '/store', message });
  }
  if (consumers.length === 0) return problems;
  const keyless = config.upstreams
    .map((upstream, at) => ({ upstream, at }))
    .filter(({ upstream }) => !upstream.key);
  return problems.concat(
    keyless.map(({ upstream, at }) => ({
      pointer: `/upstreams/${at}`,
      message:
        `the upstream "${upstream.name}" needs a key: with access.consumers a caller's key is a key of this gateway ` +
        'and is never sent upstream',
    })),
  );
}

function repeated<Item>(
  items: readonly Item[],
  read: (item: Item) => string,
  pointer: string,
  key: string,
): ConfigProblem[] {
  const first = new Map<string, number>();
  return items.flatMap((item, at) => {
    const earlier = first.get(read(item));
    if (earlier === undefined) first.set(read(item), at);
    return earlier === undefined
      ? []
      : [
          {
            pointer: `${pointer}/${at}/${key}`,
            message: `is the same as in entry ${earlier + 1}; it must be unique`,
          },
        ];
  });
}
