// What the demo model does next: the calls that the message still wants, or the answer in words.
import type { JsonObject } from '../openai/chat.ts';
import { fillCalls, type Filled } from './demo-arguments.ts';
import { describeResult } from './demo-results.ts';
import { chooseTool, type Tool } from './demo-tools.ts';
import { readStages, reads, tokenize, type Clause } from './demo-words.ts';

/** A call that was made since the user's last message, with the text of its result. */
export interface PastCall {
  readonly name: string;
  readonly arguments: string;
  readonly result: string;
}

export interface NextCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

/** `calls` empty: everything is done, `notes` say what could not be. */
export interface Plan {
  readonly calls: readonly NextCall[];
  readonly notes: readonly string[];
}

/**
 * Works through the message's clauses in order and gives the calls that the history does not have yet. Stages wait for
 * each other, so that "add X, then list" works. A missing id is looked up with another function of the same plugin.
 */
export function planCalls(message: string, tools: readonly Tool[], history: readonly PastCall[]): Plan {
  const left = [...history];
  const results: string[] = [];
  const notes: string[] = [];
  let context = '';
  const take = (name: string): boolean => {
    const at = left.findIndex((call) => call.name === name);
    if (at < 0) return false;
    results.push(...left.splice(at, 1).map((call) => call.result));
    return true;
  };
  for (const stage of readStages(tokenize(message), new Set(tools.map((tool) => tool.verb)))) {
    const calls: NextCall[] = [];
    for (const clause of stage) {
      const tool = chooseTool(clause, tools, context);
      if (!tool) continue;
      // What reads after a change of the same plugin waits for the change.
      if (calls.length > 0 && tool.plugin === context && reads(tool.verb)) return { calls, notes };
      context = tool.plugin;
      calls.push(...planClause({ message, clause, tool, tools, results, notes, take }));
    }
    if (calls.length > 0) return { calls, notes };
  }
  return { calls: [], notes };
}

interface ClauseWork {
  readonly message: string;
  readonly clause: Clause;
  readonly tool: Tool;
  readonly tools: readonly Tool[];
  readonly results: readonly string[];
  readonly notes: string[];
  /** Takes a call of this name out of the history and adds its result to `results`; `false` if there is none. */
  readonly take: (name: string) => boolean;
}

function planClause(work: ClauseWork): NextCall[] {
  const { message, clause, tool, results } = work;
  const first = fillCalls(message, clause, tool, results);
  if (!isMissing(first)) return pending(first, work);
  const lookup = findLookup(work);
  if (lookup && !work.take(lookup.name)) return [lookup];
  const second = fillCalls(message, clause, tool, results);
  if (!isMissing(second)) return pending(second, work);
  const missing = second[0]?.missing.join(', ');
  work.notes.push(
    `${tool.name} needs ${missing}, which I cannot find in your message. Please write it in quotes.`,
  );
  return [];
}

function pending(calls: readonly Filled[], work: ClauseWork): NextCall[] {
  return calls
    .filter(() => !work.take(work.tool.name))
    .map((call) => ({ name: work.tool.name, arguments: call.arguments }));
}

function isMissing(calls: readonly Filled[]): boolean {
  return calls[0] === undefined || calls[0].missing.length > 0;
}

/** A reading function of the same plugin that needs nothing we do not have. */
function findLookup({ message, clause, tool, tools, results }: ClauseWork): NextCall | null {
  const readersOfPlugin = tools.filter(
    (other) => other !== tool && other.plugin === tool.plugin && reads(other.verb),
  );
  for (const reader of readersOfPlugin) {
    const [filled] = fillCalls(message, clause, reader, results);
    if (filled && filled.missing.length === 0) return { name: reader.name, arguments: filled.arguments };
  }
  return null;
}

/** The call that `tool_choice` forces: what the message gives, else plain values. */
export function forceCall(message: string, tools: readonly Tool[]): NextCall | null {
  const clause = { tokens: tokenize(message) };
  const tool = chooseTool(clause, tools, '') ?? tools[0];
  if (!tool) return null;
  const [filled] = fillCalls(message, clause, tool, []);
  const stand = (filled?.missing ?? []).map((name) => [name, message.slice(0, 200)]);
  return { name: tool.name, arguments: { ...filled?.arguments, ...Object.fromEntries(stand) } };
}

const standIn =
  'I am the demo model: a stand-in that matches words, not a language model. ' +
  'Set OPENAI_API_KEY, or configure an upstream, for a real one.';

/** The answer when there is nothing left to call. */
export function wordAnswer(
  history: readonly PastCall[],
  notes: readonly string[],
  tools: readonly Tool[],
): string {
  const parts = history.map(
    (call) => `${call.name} ${call.arguments} answered: ${describeResult(call.result)}`,
  );
  if (parts.length === 0 && notes.length === 0) parts.push(describeTools(tools));
  return [...parts, ...notes, standIn].join('\n\n');
}

function describeTools(tools: readonly Tool[]): string {
  if (tools.length === 0) return 'No plugin function was offered to me with this request.';
  const lines = tools.slice(0, 40).map((tool) => `- ${tool.name}: ${tool.summary}`);
  const rest = tools.length > 40 ? [`and ${tools.length - 40} more`] : [];
  return [
    'No function that I was offered fits the words of your message. I could use:',
    ...lines,
    ...rest,
  ].join('\n');
}
