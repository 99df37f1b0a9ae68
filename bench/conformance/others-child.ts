// Runs one converter over one document after another, as its parent asks; what the converter does to the process is its own.
import { countTokens } from '../../src/plugin/token-count.ts';
import { readText } from './data.ts';
import { declaredOperations, siteOf, type Declared } from './declared.ts';
import { factsOf } from './facts.ts';
import { addTally, emptyTally, tally, type Tally } from './kept.ts';
import { refusedByOpenAi } from './legal.ts';
import { converters, type Converter, type OtherFunction } from './others.ts';
import { parseTree } from './tree.ts';

/** What the parent asks for. */
export interface Question {
  readonly converter: string;
  /** Unpacked. */
  readonly file: string;
}

/** What came out of one document. */
export interface Outcome {
  readonly operations: number;
  readonly functions: number;
  /** Functions that OpenAI's API takes, of another name than all before, for an operation that exists. */
  readonly accepted: number;
  /** Why the others are not: how many for which reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly kept: Tally;
  readonly tokens: number;
  readonly error: string | null;
}

/** A text longer than this is measured by its length: counting would take longer than converting. */
const mostCounted = 4_000_000;

/** A document with more operations is converted, but its facts are not counted: that alone would take minutes. */
export const mostCountedOperations = 5000;

/** Says when the converter is through: what follows is not its time. */
async function run(converter: Converter, file: string, onConverted: () => void): Promise<Outcome> {
  const text = readText(file);
  const declared = new Map(declaredOperations(parseTree(text)).map((one) => [siteOf(one), one]));
  const nothing = {
    operations: declared.size,
    functions: 0,
    accepted: 0,
    refused: {},
    kept: emptyTally(),
    tokens: 0,
  };
  try {
    const functions = await converter.convert(text, file);
    onConverted();
    if (functions.length === 0) return { ...nothing, error: 'no function' };
    return { ...nothing, ...judge(converter, functions, declared), error: null };
  } catch (error) {
    return { ...nothing, error: String(error).slice(0, 200) };
  }
}

function judge(
  converter: Converter,
  functions: readonly OtherFunction[],
  declared: ReadonlyMap<string, Declared>,
): Omit<Outcome, 'operations' | 'error'> {
  const names = new Set<string>();
  const refused: Record<string, number> = {};
  const kept = emptyTally();
  let accepted = 0;
  let tokens = 0;
  const bySite = new Map(functions.map((fn) => [fn.site, fn]));
  for (const fn of functions) {
    const one = declared.get(fn.site ?? '');
    const reason =
      one === undefined ? 'no operation' : names.has(fn.name) ? 'name taken' : refusedByOpenAi(fn);
    names.add(fn.name);
    if (reason === null) accepted += 1;
    else refused[reason] = (refused[reason] ?? 0) + 1;
    tokens += tokensOf(fn);
  }
  for (const [site, one] of declared.size > mostCountedOperations ? [] : declared) {
    const fn = bySite.get(site) ?? null;
    addTally(kept, tally(factsOf(one), fn, fn?.origins ?? converter.origins));
  }
  return { functions: functions.length, accepted, refused, kept, tokens };
}

function tokensOf({ name, description, parameters }: OtherFunction): number {
  const text = JSON.stringify({ type: 'function', function: { name, description, parameters } });
  return text.length > mostCounted ? Math.round(text.length / 4) : countTokens(text);
}

function listen(): void {
  // libraries talk to the console
  for (const name of ['log', 'warn', 'error', 'info', 'debug'] as const) console[name] = () => {};
  process.on('message', ({ converter: name, file }: Question) => {
    const converter = converters.find((one) => one.name === name);
    if (!converter) throw new Error(`there is no converter ${name}`);
    void run(converter, file, () => process.send?.('converted')).then((outcome) => process.send?.(outcome));
  });
}

if (import.meta.main) listen();
