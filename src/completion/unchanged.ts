// The shortcut for most JSON answers: one that calls nothing, and already is what `fold(run())` would make of it, goes out
// as the bytes that came. Whatever else an answer is, the plain way takes it.
import { isUtf8 } from 'node:buffer';
import type { Json, UpstreamAnswer, Usage, WholeAnswer } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';

/** An answer that goes out as it came, and what the run's record has to know of it. */
export interface UnchangedAnswer {
  readonly bytes: Buffer;
  readonly usage: Usage | null;
  readonly id: string;
}

/** The answer of a run's first step if the client may have its bytes; `null`: the run has to read it. */
export function unchangedAnswer({ whole }: UpstreamAnswer): UnchangedAnswer | null {
  if (!whole || !isBareJson(whole) || mayCall(whole) || !isFolded(whole.value)) return null;
  const { usage, id } = whole.value;
  return {
    bytes: whole.bytes,
    usage: isJsonObject(usage) ? usage : null,
    id: typeof id === 'string' ? id : '',
  };
}

/** What every JSON reader takes as it stands: UTF-8, no byte order mark, no foreign blanks around. */
function isBareJson({ bytes }: WholeAnswer): boolean {
  const end = bytes.at(-1) === 0x0a ? bytes.at(-2) : bytes.at(-1);
  return bytes[0] === 0x7b && end === 0x7d && isUtf8(bytes);
}

/**
 * Searched for in the bytes: of a name that stands twice `JSON.parse` shows the last one alone, and another reader may
 * take the first.
 */
function mayCall({ bytes }: WholeAnswer): boolean {
  return bytes.includes('"tool_calls"') || bytes.includes('"function_call"');
}

/** Members that `fold` makes itself, or leaves out. */
const topNames = new Set(['obfuscation', 'x_groq']);
const choiceNames = new Set(['delta']);
const messageNames = new Set(['tool_calls', 'function_call']);

/** Whether a completion already is in the form of `fold`, which gives every member a value and drops what says nothing. */
function isFolded(value: WholeAnswer['value']): boolean {
  const { id, object, created, model, choices, usage, system_fingerprint, service_tier } = value;
  const [choice, further] = Array.isArray(choices) ? choices : [];
  return (
    isText(id) &&
    object === 'chat.completion' &&
    typeof created === 'number' &&
    created !== 0 &&
    isText(model) &&
    (system_fingerprint === undefined || isText(system_fingerprint)) &&
    (service_tier === undefined || isText(service_tier)) &&
    (usage === undefined || isJsonObject(usage)) &&
    further === undefined &&
    isFoldedChoice(choice) &&
    hasNone(value, topNames) &&
    survivesWriting(value)
  );
}

function isFoldedChoice(choice: Json | undefined): boolean {
  if (!isJsonObject(choice) || !isJsonObject(choice['message'])) return false;
  const { index, logprobs, finish_reason: reason } = choice;
  const { role, content, refusal, ...rest } = choice['message'];
  return (
    index === 0 &&
    (logprobs === null || isJsonObject(logprobs)) &&
    (reason === 'stop' || reason === 'length' || reason === 'content_filter') &&
    role === 'assistant' &&
    isText(content) &&
    refusal === null &&
    Object.values(rest).every((one) => one !== '') &&
    hasNone(choice, choiceNames) &&
    hasNone(rest, messageNames)
  );
}

function isText(value: Json | undefined): boolean {
  return typeof value === 'string' && value !== '';
}

// `for in`, here and below: an array of names for each object of each answer would cost more than the look.
function hasNone(value: object, names: ReadonlySet<string>): boolean {
  for (const name in value) if (names.has(name)) return false;
  return true;
}

/** Deeper values are left to the plain way. */
const maxDepth = 32;

/** Whether parsing and writing changes no value: `1e400` and `-0` are other numbers afterwards, `__proto__` is gone. */
function survivesWriting(value: Json | undefined, depth = 0): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === maxDepth) return false;
  if (Array.isArray(value)) return value.every((element) => survivesWriting(element, depth + 1));
  for (const name in value) {
    if (name === '__proto__' || !survivesWriting(value[name], depth + 1)) return false;
  }
  return true;
}
