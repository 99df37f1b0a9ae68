// Continuity: puts the plugin calls of earlier answers back into the history of a client that never saw them (M18).
import { hash } from 'node:crypto';
import type { Message } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { readElements, withElements, type ChatRequest } from '../openai/request.ts';
import { canonicalArguments } from './canonical.ts';
import { callsOf, parseMessage, textOf, verbatimFor, type Origin } from './park.ts';

/** What an answer hides: the messages between the client's last one and the answer's text. Plain JSON. */
export interface KeptSteps extends Partial<Origin> {
  /** Whole steps: an assistant message with calls, and their results. The oldest may be missing. */
  readonly hidden: Message[];
  /** The text of the last step, where the client was shown that of earlier steps before it. */
  readonly lastText: string | null;
}

/** Characters of hidden messages that one request gets back. */
const maxRestored = 100_000;

/** The steps of an answer as they are kept: the newest that can ever be restored. `shown` is the text of the answer. */
export function keepSteps(
  { hidden, shown, said }: { hidden: readonly Message[]; shown: string; said: string },
  origin: Origin,
): KeptSteps {
  const steps = newestSteps(stepsOf(hidden), maxRestored);
  const whole = steps.flat().length === hidden.length;
  const interim = whole && said !== '' && said !== shown && shown.endsWith(said);
  return { ...origin, hidden: steps.flat(), lastText: interim ? said : null };
}

/**
 * The answers in a client's history: place of the message, and the id of the history up to and including it. Two
 * histories have the same id when they say the same; an edit anywhere before makes another one.
 */
export function answersIn(history: readonly Message[]): Map<number, string> {
  const answers = new Map<number, string>();
  // What stands behind the last answer gets no id, so it is not put into words either: it may be megabytes.
  const last = history.findLastIndex(isAnswer);
  let said = '';
  for (const [place, message] of history.slice(0, last + 1).entries()) {
    said += wordsOf(message);
    if (!isAnswer(message)) continue;
    // Each id is made of the one before it and of what was said since.
    said = hash('sha256', said, 'base64url');
    answers.set(place, said);
  }
  return answers;
}

/** The id of a client's history once this text has been its answer. */
export function answerId(history: readonly Message[], shown: string): string {
  return answersIn([...history, { role: 'assistant', content: shown }]).get(history.length) ?? '';
}

/**
 * Puts kept steps back before their answers, by the answers' places; the newest first, whole steps only, as many as
 * `maxRestored` allows. The bytes are those that the upstream has seen, so that its prompt cache goes on.
 */
export function restoreSteps(
  request: ChatRequest,
  kept: ReadonlyMap<number, KeptSteps>,
  origin: Origin,
): ChatRequest {
  // Each in a list of its own, so that what is put before one does not move the places of the others.
  const elements = readElements(request, 'messages').map((text) => [text]);
  let left = maxRestored;
  for (const [place, { hidden, lastText, ...from }] of [...kept].toSorted(([a], [b]) => b - a)) {
    const texts = stepsOf(verbatimFor(hidden, from, origin)).map((step) =>
      step.map((message) => JSON.stringify(message)),
    );
    const steps = newestSteps(texts, left);
    const [answer = ''] = elements[place] ?? [];
    const whole = steps.length === texts.length;
    elements[place] = [...steps.flat(), whole && lastText !== null ? reworded(answer, lastText) : answer];
    if (!whole) break;
    left -= sizeOf(steps.flat());
  }
  return withElements(request, 'messages', elements.flat());
}

/** The messages in steps: each begins with an assistant message. */
function stepsOf(messages: readonly Message[]): Message[][] {
  const steps: Message[][] = [];
  for (const message of messages) {
    if (message.role === 'assistant') steps.push([message]);
    else steps.at(-1)?.push(message);
  }
  return steps;
}

/** The newest steps that fit together, counted from the last one on. */
function newestSteps<Step extends readonly unknown[]>(steps: readonly Step[], characters: number): Step[] {
  let left = characters;
  let from = steps.length;
  for (; from > 0; from -= 1) {
    left -= sizeOf(steps[from - 1] ?? []);
    if (left < 0) break;
  }
  return steps.slice(from);
}

function sizeOf(messages: readonly unknown[]): number {
  return messages.reduce<number>((size, message) => size + lengthOf(message), 0);
}

function lengthOf(message: unknown): number {
  return typeof message === 'string' ? message.length : JSON.stringify(message).length;
}

/** The client's message with the text of the last step alone: what was said before stands in the steps again. */
function reworded(answer: string, text: string): string {
  return JSON.stringify({ ...parseMessage(answer), content: text });
}

function isAnswer({ role }: Message): boolean {
  return role === 'assistant';
}

/** What a message says, whatever form a client gives it: text as one piece or in parts, with blanks around or not. */
function wordsOf(message: Message): string {
  const { role, content, name, refusal, tool_call_id: answers } = message;
  const parts = Array.isArray(content)
    ? content.filter((part) => !isJsonObject(part) || typeof part['text'] !== 'string')
    : [];
  const calls = callsOf(message).map(({ id, function: fn }) => [
    id,
    fn?.name,
    canonicalArguments(fn?.arguments ?? ''),
  ]);
  const rest = [
    role,
    parts,
    calls,
    name ?? null,
    refusal || null,
    answers ?? null,
    message['function_call'] ?? null,
  ];
  // The text, most of a history, is not escaped like the rest: its length keeps it apart from what follows.
  const text = textOf(content).trim();
  return `${text.length} ${text}${JSON.stringify(rest)}\n`;
}
