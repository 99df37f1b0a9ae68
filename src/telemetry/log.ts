// The log: JSON lines, each built field by field, without secrets.
import { destination } from 'pino';
import { createScrubber } from './secrets.ts';

/** What a record tells besides its message. Errors are reduced to type, code, message, stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** All that other rooms know of logging. */
export interface Log {
  readonly debug: (message: string, fields?: LogFields) => void;
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
  /** A log whose records all carry these fields. */
  readonly child: (fields: LogFields) => Log;
}

export interface LogOptions {
  /** `debug`, `info` (default), `warn`, `error`, `silent`: the environment variable LOG_LEVEL. */
  readonly level?: string | undefined;
  /** Secrets that must never be written: keys and credentials of the configuration. */
  readonly secrets?: Iterable<string>;
  /** Takes whole lines; when absent, `descriptor`. */
  readonly destination?: Pick<Output, 'write'>;
  /** 1 (default): standard output; 2: standard error. */
  readonly descriptor?: 1 | 2;
}

/** A log and the way to end it. */
export interface OpenLog {
  readonly log: Log;
  /** Writes what is still held back. */
  readonly close: () => Promise<void>;
}

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type Level = Exclude<(typeof levels)[number], 'silent'>;

/** A pipe that nobody reads must not fill the memory (F-G13): what exceeds this many bytes is dropped. */
const maxHeldBack = 16 * 1024 * 1024;

/** Lines are written together: once there are so many bytes, after so many milliseconds, and behind a warning. */
const together = { minLength: 4 * 1024, periodicFlush: 100 };

/** Opens the log. An unknown level reads as `info`, with a warning. */
export function createLog(options: LogOptions = {}): OpenLog {
  const wanted = options.level?.toLowerCase() || 'info';
  const level = levels.find((known) => known === wanted);
  const output: Output =
    options.destination ??
    destination({ dest: options.descriptor ?? 1, sync: false, maxLength: maxHeldBack, ...together });
  const log = createLines({
    output,
    scrub: createScrubber(options.secrets ?? []),
    least: levels.indexOf(level ?? 'info'),
    timeOf: createClock(),
    bound: {},
  });
  if (level === undefined) log.warn(`LOG_LEVEL is none of ${levels.join(', ')}; info is used`);
  const close = () =>
    new Promise<void>((resolve) => (output.flush ? output.flush(() => resolve()) : resolve()));
  return { log, close };
}

/** Takes whole lines. */
interface Output {
  readonly write: (line: string) => unknown;
  readonly flush?: (done?: () => void) => void;
}

/** What the lines of one log are made with. */
interface Lines {
  readonly output: Output;
  readonly scrub: (text: string) => string;
  /** Index of the lowest level that is written. */
  readonly least: number;
  readonly timeOf: (milliseconds: number) => string;
  /** Fields that all records carry. */
  readonly bound: LogFields;
}

function createLines(lines: Lines): Log {
  const { output, scrub, least, timeOf, bound } = lines;
  const write = (level: Level) => {
    if (levels.indexOf(level) < least) return () => {};
    return (msg: string, fields: LogFields = {}): void => {
      const record: Record<string, unknown> = { level, time: timeOf(Date.now()), ...bound };
      addFields(record, fields, scrub, 0);
      record['msg'] = shortText(msg, scrub);
      output.write(cleanLine(`${JSON.stringify(record)}\n`, scrub));
      if (level === 'warn' || level === 'error') output.flush?.();
    };
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child(fields) {
      const further = { ...bound };
      addFields(further, fields, scrub, 0);
      return createLines({ ...lines, bound: further });
    },
  };
}

/** Makes a writer of times (ISO 8601, UTC): within a second only the milliseconds change. */
function createClock(): (milliseconds: number) => string {
  let second = Number.NaN;
  let head = '';
  return (milliseconds) => {
    const part = milliseconds % 1_000;
    if (milliseconds - part !== second) {
      second = milliseconds - part;
      head = new Date(second).toISOString().slice(0, -'000Z'.length);
    }
    return `${head}${String(part).padStart(3, '0')}Z`;
  };
}

/** Writes nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

const maxText = 2_000;
const maxMembers = 50;
const maxDepth = 4;

/** Members whose value is a secret, whatever it is. */
const secretName =
  /^(proxy-)?authorization$|^(set-)?cookie$|api[-_]?key$|^key$|token$|secret$|password$|^credentials?$/i;

/** JSON escapes CR, LF and ESC; other controls a terminal may obey too. */
const controls = /[\u007f-\u009f]/g;

/** A line without secrets and controls. Nearly every line is clean: one look at the whole spares one at each field. */
function cleanLine(line: string, scrub: (text: string) => string): string {
  const cleanText = (text: string): string => scrub(text).replace(controls, '\uFFFD');
  if (cleanText(line) === line) return line;
  // Field by field: a secret of digits must not take a number's place, whose line nobody could read then.
  return `${JSON.stringify(cleanValue(JSON.parse(line) as unknown, cleanText))}\n`;
}

function cleanValue(value: unknown, cleanText: (text: string) => string): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, cleanText));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [cleanText(name), cleanValue(item, cleanText)]),
  );
}

/** Adds fields to a record, as plain values: texts capped, depth and width bounded, errors reduced (S5). */
function addFields(
  record: Record<string, unknown>,
  fields: object,
  scrub: (text: string) => string,
  depth: number,
): void {
  for (const [name, item] of Object.entries(fields).slice(0, maxMembers)) {
    const hidden = secretName.test(name) && item !== undefined;
    // `__proto__` would not become a member here.
    if (name !== '__proto__')
      record[shortText(name, scrub)] = hidden ? '[redacted]' : plainValue(item, scrub, depth + 1);
  }
}

function plainValue(value: unknown, scrub: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return shortText(value, scrub);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '[deeper]';
  if (value instanceof Error) return plainError(value, scrub, depth);
  if (value instanceof URL || value instanceof Date) return shortText(value.toJSON(), scrub);
  if (Array.isArray(value))
    return value.slice(0, maxMembers).map((item) => plainValue(item, scrub, depth + 1));
  const plain = {};
  addFields(plain, value, scrub, depth);
  return plain;
}

/** Only these members: libraries hang requests with their headers on errors. */
function plainError(error: Error, scrub: (text: string) => string, depth: number): object {
  const code =
    'code' in error && typeof error.code === 'string' ? { code: shortText(error.code, scrub) } : {};
  const cause = error.cause === undefined ? {} : { cause: plainValue(error.cause, scrub, depth + 1) };
  return {
    type: error.name,
    ...code,
    message: shortText(error.message, scrub),
    ...(error.stack === undefined ? {} : { stack: shortText(error.stack, scrub) }),
    ...cause,
  };
}

/** Scrubbed before it is cut, so that no half of a secret stays. */
function shortText(text: string, scrub: (text: string) => string): string {
  if (text.length <= maxText) return text;
  const clean = scrub(text.length > 100_000 ? text.slice(0, 100_000) : text);
  return clean.length <= maxText ? clean : `${clean.slice(0, maxText)}… (${clean.length} characters)`;
}
