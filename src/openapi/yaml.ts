// The only reader of YAML and JSON text: bounded, and tolerant where that is asked for.
import { CORE_SCHEMA, load, mergeTag, YAMLException } from 'js-yaml';
import { parseDocument } from 'yaml';
import type { Json } from '../openai/chat.ts';
import { findJsonFault } from './json-fault.ts';

/** What a text may grow to. */
export interface TextLimits {
  /** Values of all kinds, every alias counted as often as it is used (`security.md` D4). */
  readonly nodes: number;
  /** Characters of all texts, counted alike. */
  readonly characters: number;
}

/** Collections inside each other; real documents reach 30 (D14). */
export const maxDepth = 100;
const maxAliases = 100;
const largestText: TextLimits = { nodes: 5_000_000, characters: 256 * 1024 * 1024 };

const yamlOptions = { schema: CORE_SCHEMA.withTags(mergeTag), maxDepth, maxAliases };

/** A text that cannot be read. `limit`: it could, but is too large, too deep or expands too far. */
export class TextError extends Error {
  readonly line: number;
  readonly column: number;
  readonly limit: boolean;

  constructor(message: string, line: number, column: number, limit = false) {
    super(message);
    this.name = 'TextError';
    this.line = line;
    this.column = column;
    this.limit = limit;
  }
}

/** A text as it was read. */
export interface ReadText {
  readonly value: Json;
  readonly format: 'json' | 'yaml';
  readonly repaired: boolean;
  /** Why it is not strict: what was repaired first, or what only YAML lets pass in a JSON text; else `null`. */
  readonly fault: TextError | null;
}

/** Decodes the bytes of a text: UTF-16 when its byte order mark says so, else UTF-8; the mark is dropped (D3). */
export function decodeText(bytes: Uint8Array): string {
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  return new TextDecoder().decode(bytes);
}

function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function errorAt(text: string, index: number, message: string): TextError {
  const before = text.slice(0, index);
  const line = before.split('\n').length;
  return new TextError(message, line, index - before.lastIndexOf('\n'));
}

/**
 * Reads JSON text strictly; a byte order mark is accepted.
 *
 * @throws {TextError} with line and column of the first fault.
 */
export function readJson(text: string, limits: TextLimits = largestText): Json {
  const source = withoutMark(text);
  let value: Json;
  try {
    value = JSON.parse(source) as Json;
  } catch (cause) {
    const fault = findJsonFault(source);
    throw errorAt(source, fault?.index ?? 0, fault?.message ?? String(cause));
  }
  return measured(value, limits);
}

function readYaml(text: string): Json {
  try {
    return load(text, yamlOptions) as Json;
  } catch (error) {
    if (!(error instanceof YAMLException)) throw new TextError('nested too deeply', 1, 1, true);
    // js-yaml names its limits in the message alone (verified with 5.5)
    const limit = /maxDepth|maxAliases|maxTotalMergeKeys/.test(error.reason);
    throw new TextError(error.reason, (error.mark?.line ?? 0) + 1, (error.mark?.column ?? 0) + 1, limit);
  }
}

/** Brackets or indentations open at once, at most: `yaml` overflows the stack near 1,000 (`security.md` D3). */
function deepestNesting(text: string): number {
  let deepest = 0;
  let brackets = 0;
  const indents: number[] = [];
  for (const line of text.split('\n')) {
    const start = line.search(/[^ \t-]/);
    if (start < 0) continue;
    while ((indents.at(-1) ?? -1) >= start) indents.pop();
    indents.push(start);
    const dashes = line.slice(0, start).split('-').length;
    for (const character of line) {
      if (character === '[' || character === '{') brackets += 1;
      else if ((character === ']' || character === '}') && brackets > 0) brackets -= 1;
      deepest = Math.max(deepest, brackets);
    }
    deepest = Math.max(deepest, indents.length + dashes);
  }
  return deepest;
}

// oxlint-disable-next-line no-control-regex -- these are what has to go
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/g;

function repairYaml(text: string, fault: TextError): Json {
  const clean = text
    .toWellFormed()
    .replace(unprintable, '')
    .replace(/^[ \t]*\t[ \t]*/gm, (blanks) => blanks.replaceAll('\t', '  '));
  if (fault.limit || deepestNesting(clean) > maxDepth * 2) throw fault;
  try {
    const document = parseDocument(clean, {
      uniqueKeys: false,
      strict: false,
      merge: true,
      logLevel: 'silent',
    });
    const harmless = new Set(['BAD_INDENT', 'TAB_AS_INDENT']);
    const faults = [...document.errors, ...document.warnings].filter((one) => !harmless.has(one.code));
    if (faults.length > 0) throw fault;
    return document.toJS({ maxAliasCount: maxAliases }) as Json;
  } catch {
    throw fault;
  }
}

/** Counts what a value expands to, without recursion: aliases make small texts huge, or endless (`security.md` D4). */
function measured(value: Json, limits: TextLimits): Json {
  const waiting: [Json | undefined, number][] = [[value, 0]];
  let nodes = 0;
  let characters = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [below, depth] = next;
    nodes += 1;
    if (typeof below === 'string') characters += below.length;
    if (nodes > limits.nodes) throw new TextError(`more than ${limits.nodes} values`, 1, 1, true);
    if (characters > limits.characters)
      throw new TextError(`more than ${limits.characters} characters`, 1, 1, true);
    if (typeof below !== 'object' || below === null) continue;
    if (depth >= maxDepth) throw new TextError(`nested deeper than ${maxDepth}`, 1, 1, true);
    for (const inner of Object.values(below)) waiting.push([inner, depth + 1]);
  }
  return value;
}

/**
 * Reads a JSON or YAML text by its content, tolerantly (D3 to D5): a text that starts with a bracket as JSON, then as
 * YAML; what `js-yaml` refuses is cleaned and given to `yaml`, where of duplicate keys the last wins.
 *
 * @throws {TextError} with the line and column of the first fault; what `beforeRepair` throws: a repair takes a second
 * for 64 KiB where reading takes some 30 ms.
 */
export function readText(
  text: string,
  limits: TextLimits = largestText,
  beforeRepair: () => void = () => {},
): ReadText {
  const source = withoutMark(text);
  let jsonFault: TextError | null = null;
  if (/^\s*[{[]/.test(source)) {
    try {
      return { value: readJson(source, limits), format: 'json', repaired: false, fault: null };
    } catch (error) {
      if (!(error instanceof TextError) || error.limit) throw error;
      jsonFault = error;
    }
  }
  try {
    return { value: measured(readYaml(source), limits), format: 'yaml', repaired: false, fault: jsonFault };
  } catch (error) {
    if (!(error instanceof TextError) || error.limit) throw error;
    beforeRepair();
    const fault = jsonFault ?? error;
    return { value: measured(repairYaml(source, fault), limits), format: 'yaml', repaired: true, fault };
  }
}

/**
 * Reads the operator's own YAML or JSON: nothing is repaired, duplicate keys are an error.
 *
 * @throws {TextError} with line and column.
 */
export function readStrict(text: string): Json {
  return measured(readYaml(withoutMark(text)), largestText);
}
