// Reads the arguments of a command, or says what is wrong with them.
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** A command was called in a way that it does not have: exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** What a command takes. */
export interface Expected<T extends Options> {
  readonly options: T;
  /** Names of the positional arguments; `[NAME]` may be absent, a last `NAME...` may come several times. */
  readonly positionals: readonly string[];
}

/** Reads arguments by `node:util` parseArgs. Throws {@link UsageError}. */
export function readArguments<T extends Options>(args: readonly string[], expected: Expected<T>) {
  const { options, positionals: names } = expected;
  const parsed = parse(args, options);
  const given = parsed.positionals.length;
  const missing = names[given];
  if (missing !== undefined && !missing.startsWith('['))
    throw new UsageError(`The argument ${missing} is missing.`);
  if (given > names.length && !names.at(-1)?.endsWith('...')) {
    throw new UsageError(`The argument "${parsed.positionals[names.length]}" is one too many.`);
  }
  return parsed;
}

function parse<T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // parseArgs explains itself; what follows its first sentence is advice for another situation.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${message.split('. ')[0]}.`, { cause: error });
  }
}
