// What is wrong with a configuration: all faults at once, each with its place.

/** One fault of the configuration. The message never repeats a value: it may come from a secret. */
export interface ConfigProblem {
  /** JSON pointer into the file; `""` is its root. */
  readonly pointer: string;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** The configuration cannot be used. `problems` are complete lines, each with file, line and key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options: { cause?: unknown } = {}) {
    super(problems.join('\n'), options);
    this.problems = problems;
  }
}

/** The JSON pointer of a member of what `pointer` names. */
export function memberPointer(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A JSON pointer as people write it: `/upstreams/0/url` is `upstreams[0].url`. */
export function readablePath(pointer: string): string {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.map((key, at) => (/^\d+$/.test(key) ? `[${key}]` : at === 0 ? key : `.${key}`)).join('');
}
