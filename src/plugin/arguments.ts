// From the text of a tool call's arguments to checked values, or to the error that the model reads (`openapi.md` section 6).
import type { Json } from '../openai/chat.ts';
import { findProblems, plainValue, satisfies, type Problem } from './argument-check.ts';
import { takesLong } from './argument-effort.ts';
import { parseArguments } from './argument-text.ts';
import { checkedSchema, emptyRecord, type CheckedSchema } from './checked-schema.ts';
import { coerce } from './coercion.ts';
import { withoutNulls } from './strict-arguments.ts';
import type { PluginFunction } from './function.ts';
import { errorResult } from './result.ts';

/** Values by argument name, in the order of the function's arguments, or the text of the tool result. */
type ReadArguments =
  | {
      readonly values: ReadonlyMap<string, Json>;
      /** Names that the function does not have; their values were dropped (A3). */
      readonly dropped: readonly string[];
    }
  | { readonly problem: string };

/** Reads the arguments of a tool call; in those of a `strict` one, `null` stands for what is left out (S8). */
export type ArgumentReader = (fn: PluginFunction, text: string, strict?: boolean) => Promise<ReadArguments>;

const maxProblems = 10;
const maxMessage = 2000;

/** Makes a reader. It keeps one prepared schema per function for as long as the function lives. */
export function createArgumentReader(): ArgumentReader {
  const prepared = new WeakMap<PluginFunction, CheckedSchema>();

  function schemaOf(fn: PluginFunction): CheckedSchema {
    const known = prepared.get(fn);
    if (known) return known;
    const schema = functionSchema(fn);
    prepared.set(fn, schema);
    return schema;
  }

  return async function readArguments(fn, text, strict = false) {
    const read = await parseArguments(text);
    if ('problem' in read) return { problem: invalidArguments(read.problem) };
    const schema = schemaOf(fn);
    const said = strict ? withoutNulls(read.value, schema) : read.value;
    const given = emptyRecord<Json | undefined>();
    const dropped: string[] = [];
    for (const [name, value] of Object.entries(said)) {
      if (fn.arguments.has(name)) given[name] = value;
      else dropped.push(name);
    }
    return checkValues(fn, given, dropped, schema);
  };
}

/** One object schema of all arguments. What is not declared was dropped before. */
function functionSchema(fn: PluginFunction): CheckedSchema {
  const properties = emptyRecord<CheckedSchema>();
  const required: string[] = [];
  for (const [name, argument] of fn.arguments) {
    properties[name] = checkedSchema(argument.schema);
    if (argument.required) required.push(name);
  }
  return { type: 'object', properties, required };
}

function checkValues(
  fn: PluginFunction,
  given: Record<string, Json | undefined>,
  dropped: readonly string[],
  schema: CheckedSchema,
): ReadArguments {
  const plain = plainValue(given);
  // Only what does not fit is read again: what the model got right goes on as it wrote it.
  const fits = takesLong(plain, schema) || satisfies(plain, schema);
  const values = fits ? given : (coerce(given, schema) as Record<string, Json | undefined>);
  const problems = fits ? [] : findProblems(plainValue(values), schema);
  if (problems.length > 0) return { problem: invalidArguments(wording(problems, dropped), problems) };
  const ordered = new Map<string, Json>();
  for (const name of fn.arguments.keys()) {
    const value = values[name];
    if (value !== undefined) ordered.set(name, value);
  }
  return { values: ordered, dropped };
}

function wording(problems: readonly Problem[], dropped: readonly string[]): string {
  const [first] = problems;
  const others = problems.length > maxProblems ? 'more' : `${problems.length - 1} more`;
  const more = problems.length > 1 ? `, and ${others}` : '';
  const unknown =
    dropped.length > 0 ? ` Unknown arguments were ignored: ${dropped.slice(0, 5).join(', ')}.` : '';
  return `The arguments do not fit: ${first?.at ?? ''} ${first?.problem ?? ''}${more}.${unknown} Correct them and call again.`;
}

/** The tool result of arguments that cannot be sent (A5): no request leaves. */
export function invalidArguments(message: string, problems: readonly Problem[] = []): string {
  const kept = problems.slice(0, maxProblems);
  for (;;) {
    const text = errorResult('invalid_arguments', {
      retryable: true,
      message: message.slice(0, maxMessage / 2),
      ...(kept.length > 0 ? { problems: kept.map((problem) => ({ ...problem })) } : {}),
    });
    if (text.length <= maxMessage || kept.length === 0) return text;
    kept.pop();
  }
}
