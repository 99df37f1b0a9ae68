// The loop: ask, forward or hold, call, append, ask again. One generator for streamed and plain answers.
import type {
  JsonObject,
  Message,
  Pieces,
  PiecesListener,
  PluginCall,
  ToolCall,
  ToolResult,
  UpstreamAnswer,
  Usage,
} from '../openai/chat.ts';
import { appendElements, readMember, withMembers, type ChatRequest } from '../openai/request.ts';
import { Answer } from './answer.ts';
import { mustClose, tooFewTokens, type Budget, type Spent } from './budget.ts';
import { Caller } from './caller.ts';
import { merged } from './merge-streams.ts';
import { makePart, textOf, type ParkedPart } from './park.ts';
import {
  charactersOf,
  isBlank,
  silentChoice,
  Step,
  type StepChoice,
  type StepOptions,
  type StepOutcome,
} from './step.ts';
import type { AssemblerOptions, Owner } from './tool-calls.ts';
import { addUsage, completionTokens } from './usage.ts';

/** The two doors of the loop, and what it may know of the functions behind them. */
export interface Doors {
  /** One upstream answer, once it has begun. Throws when it fails, and so does its reading. */
  readonly ask: (request: ChatRequest, signal: AbortSignal) => Promise<UpstreamAnswer>;
  /** One plugin call. A plugin's failure is a result; throws only when the signal aborts. */
  readonly call: (toolCall: ToolCall, signal: AbortSignal) => Promise<ToolResult>;
  /** Whether a function of exactly this name was injected. */
  readonly owns: (name: string) => boolean;
  /** Keeps what a mixed step hides until the follow-up (`wire.md` P1, P2). Must not throw. */
  readonly park: (part: ParkedPart) => Promise<void>;
  /** Keeps what an answer hides: its steps, the text that the client has, that of the last step (M18). Must not throw. */
  readonly keep: (steps: { hidden: readonly Message[]; shown: string; said: string }) => Promise<void>;
}

export interface RunOptions {
  readonly budget: Budget;
  readonly signal: AbortSignal;
  /**
   * Fires when no new call may start and running ones end: time for the closing step (`wire.md` K5); or with `signal`.
   * A function, like `lastText` and `formatLast`: most runs never ask, and are spared a controller, a message to parse, a
   * look-up.
   */
  readonly callsUntil: () => AbortSignal;
  /** Names of the client's own functions: they win over the gateway's (`wire.md` M20). */
  readonly clientTools: ReadonlySet<string>;
  /** Text of the client's last message, before anything was put back or injected (`lastMessageText`). */
  readonly lastText: () => string;
  /** Whether a JSON `response_format` waits until the tools are gone: for a step of its own (`wire.md` M13). */
  readonly formatLast: () => boolean;
  readonly includeUsage: boolean;
  /** What of the plugin calls the answer carries (`x-plugin-trace`). */
  readonly trace: 'none' | 'summary' | 'full';
  /** Hears of each finished step: what it counted, and the upstream's id of the answer (M1). */
  readonly onStep: (usage: Usage | null, id: string) => void;
  /** Hears what the client sees at once, while the reader of the run waits; `null`: the reader gets everything. */
  readonly listener: PiecesListener | null;
  /** Unix seconds. */
  readonly created: number;
  /** That many random alphanumerics. */
  readonly newId: (length: number) => string;
}

interface Run extends RunOptions {
  readonly doors: Doors;
  readonly answer: Answer;
  /** Made when the run goes beyond its first answer: most do not. */
  caller: Caller | null;
  readonly assembler: AssemblerOptions;
  readonly first: ChatRequest;
  readonly holdText: boolean;
  readonly tokenMember: 'max_completion_tokens' | 'max_tokens' | null;
  tokensLeft: number | null;
  readonly spent: Spent;
  usage: Usage | null;
  readonly reports: PluginCall[];
  /** Choices that go on side by side; none during the first step, which is one answer. */
  choicesOpen: number;
}

const closingSentence = 'The tool calls for this answer reached their limit before an answer was written.';

/**
 * Runs a request to its final answer. `request` has its functions injected already, and has been asked: `first` is the
 * answer.
 */
export async function* run(
  request: ChatRequest,
  first: UpstreamAnswer,
  doors: Doors,
  options: RunOptions,
): AsyncGenerator<Pieces, void, undefined> {
  const state = start(request, doors, options);
  const outcome = yield* read(state, first, { choice: null, ignoreCalls: false, lastCharacter: undefined });
  state.choicesOpen = outcome.choices.length;
  const choices = outcome.choices.map((choice) => conclude(state, choice, outcome.top));
  const [only] = choices;
  // The usage of a lone choice goes out with its end, in one write.
  const end = only && choices.length === 1 ? yield* only : yield* merged(choices.map(withLast));
  const last = [...(end ?? []), ...state.answer.usage(state.usage)];
  if (last.length > 0) yield last;
}

/** A choice with its last pieces. */
async function* withLast(
  choice: AsyncGenerator<Pieces, Pieces, undefined>,
): AsyncGenerator<Pieces, void, undefined> {
  yield yield* choice;
}

function start(request: ChatRequest, doors: Doors, options: RunOptions): Run {
  const tokenMember = ['max_completion_tokens', 'max_tokens'].find(
    (name) => options.budget.tokens === 'perRun' && typeof readMember(request, name) === 'number',
  );
  const model = readMember(request, 'model');
  return {
    ...options,
    doors,
    first: request,
    answer: new Answer({
      model: typeof model === 'string' ? model : '',
      includeUsage: options.includeUsage,
      created: options.created,
      newId: options.newId,
    }),
    caller: null,
    assembler: new CallRules(doors, options),
    holdText: wantsJson(request),
    tokenMember: (tokenMember ?? null) as Run['tokenMember'],
    tokensLeft: tokenMember === undefined ? null : (readMember(request, tokenMember) as number),
    spent: { steps: 0, calls: 0, badCalls: 0 },
    usage: null,
    reports: [],
    choicesOpen: 0,
  };
}

/** What the assemblers of a run share. A class: most runs see no call, and are spared the closures and the set. */
class CallRules implements AssemblerOptions {
  readonly #doors: Doors;
  readonly #options: RunOptions;
  #usedIds: Set<string> | undefined;

  constructor(doors: Doors, options: RunOptions) {
    this.#doors = doors;
    this.#options = options;
  }

  get clientHasTools(): boolean {
    return this.#options.clientTools.size > 0;
  }

  get usedIds(): Set<string> {
    return (this.#usedIds ??= new Set());
  }

  ownerOf(name: string): Owner {
    if (this.#options.clientTools.has(name)) return 'client';
    return this.#doors.owns(name) ? 'gateway' : 'unknown';
  }

  newId(): string {
    return this.#options.newId(9);
  }
}

/** Reads the answer of one step; books what it spent. */
async function* read(
  run: Run,
  { pieces }: UpstreamAnswer,
  options: Pick<StepOptions, 'choice' | 'ignoreCalls' | 'lastCharacter'>,
): AsyncGenerator<Pieces, StepOutcome, undefined> {
  const { answer, assembler, holdText } = run;
  const step = new Step({ answer, assembler, holdText, ...options });
  const { listener } = run;
  // At once (`PiecesListener`): what comes while the reader waits goes to the listener in one call, as waking every promise
  // on the way would cost more than an event. Of choices that go on side by side, the reader alone keeps the order.
  if (listener && run.choicesOpen < 2 && 'listen' in pieces) {
    pieces.listen?.({
      ready: listener.ready,
      hear(some) {
        const visible = step.take(some);
        if (visible.length > 0) listener.hear(visible);
      },
    });
  }
  for await (const some of pieces) {
    const visible = step.take(some);
    if (visible.length > 0) yield visible;
  }
  const { visible, outcome } = step.end();
  if (visible.length > 0) yield visible;
  run.spent.steps += 1;
  run.onStep(outcome.usage, outcome.id);
  run.usage = addUsage(run.usage, outcome.usage);
  if (run.tokensLeft !== null) {
    run.tokensLeft -= completionTokens(outcome.usage) ?? Math.ceil(charactersOf(outcome) / 3);
  }
  return outcome;
}

/** Takes one choice from its first step to its end; returns its last pieces. */
async function* conclude(
  run: Run,
  choice: StepChoice,
  top: JsonObject,
): AsyncGenerator<Pieces, Pieces, undefined> {
  const hidden: Message[] = [];
  /** The same as JSON text, written once: each further step sends all of them. */
  const hiddenTexts: string[] = [];
  let request = run.first;
  let closing = false;
  for (;;) {
    const calls = choice.calls.filter(({ owner }) => owner !== 'client');
    const formatMissing = choice.calls.length === 0 && formatComesLast(run.first, run);
    // P2: earlier own steps are parked even when this step calls the client alone, else the model calls again.
    const handsOver = calls.length < choice.calls.length && calls.length + hidden.length > 0;
    if (closing || wasCut(choice) || (calls.length === 0 && !formatMissing && !handsOver)) break;
    if ((calls.length > 0 || formatMissing) && tooFewTokens(run.tokensLeft)) {
      return finish(run, choice, 'length', top, hidden);
    }
    run.caller ??= new Caller(run);
    const results = await run.caller.callAll(calls, choice.index);
    if (handsOver) {
      await run.doors.park(
        makePart(
          { hidden, message: withoutNulls(choice.message), calls: choice.calls, results },
          run.lastText(),
        ),
      );
      break;
    }
    // What was said without the format is dropped: the answer comes again, in it.
    if (!formatMissing) {
      const added = [withoutNulls(choice.message), ...results];
      hidden.push(...added);
      hiddenTexts.push(...added.map((message) => JSON.stringify(message)));
    }
    // A closing step is told to make no calls, and what it calls all the same is ignored.
    closing = formatMissing || mustClose(run.spent, run.budget) || run.callsUntil().aborted;
    request = nextRequest(run, hiddenTexts, closing);
    const answer = await run.doors.ask(request, run.signal);
    const { index, lastCharacter } = choice;
    const outcome = yield* read(run, answer, { choice: index, ignoreCalls: closing, lastCharacter });
    top = outcome.top;
    choice = outcome.choices[0] ?? silentChoice(choice);
  }
  if (closing && !choice.spoke) {
    const { index } = choice;
    const apart = isBlank(run.answer.textOf(index).at(-1)) ? '' : '\n\n';
    yield [run.answer.delta({ index, delta: { content: `${apart}${closingSentence}` } })];
    return finish(run, choice, 'length', top, hidden);
  }
  return finish(run, choice, finishReason(choice), top, hidden);
}

/** The pieces that waited for the end, and the finish chunk. What the answer hides is kept before it goes out. */
async function finish(
  run: Run,
  choice: StepChoice,
  reason: string,
  top: JsonObject,
  hidden: readonly Message[],
): Promise<Pieces> {
  const { index, held, structured, rest, message } = choice;
  const pieces = [...run.answer.open(index, null), ...held.map((piece) => run.answer.delta(piece))];
  if (Object.keys(structured).length > 0) pieces.push(run.answer.delta({ index, delta: structured }));
  if (hidden.length > 0 && reason !== 'tool_calls')
    await run.doors.keep({ hidden, shown: run.answer.textOf(index), said: textOf(message.content) });
  run.choicesOpen -= 1;
  const last = run.choicesOpen === 0;
  const trace = last ? tracedCalls(run) : {};
  pieces.push(run.answer.finish({ ...rest, index, delta: {}, finish_reason: reason }, { ...top, ...trace }));
  return pieces;
}

/** E8: what the plugin calls were, at the top level of the last finish chunk. */
function tracedCalls({ trace, reports }: Run): JsonObject {
  if (trace === 'none') return {};
  const calls = reports.map(({ result, ...summary }) =>
    trace === 'full' ? { ...summary, result } : summary,
  );
  return { plugin_calls: calls };
}

/** M13: while tools are offered, the answer cannot have its format. */
export function formatComesLast(
  request: ChatRequest,
  { formatLast }: Pick<RunOptions, 'formatLast'>,
): boolean {
  return request.members.has('tools') && wantsJson(request) && formatLast();
}

function wantsJson(request: ChatRequest): boolean {
  const format = readMember(request, 'response_format') as JsonObject | null | undefined;
  const type = format?.['type'];
  return typeof type === 'string' && type.startsWith('json');
}

/** M5: a truncated or filtered step, or a refusal, ends the run: its calls are never executed. */
function wasCut({ finishReason, message }: StepChoice): boolean {
  return finishReason === 'length' || finishReason === 'content_filter' || Boolean(message['refusal']);
}

/** M5: what the client reads; unknown words become `stop`. */
function finishReason({ finishReason: said, calls }: StepChoice): string {
  if (said === 'length' || said === 'content_filter') return said;
  return calls.some(({ owner }) => owner === 'client') ? 'tool_calls' : 'stop';
}

/** The request of the next step: messages are only appended, everything else stays (M9, M10, M12, M14, M16). */
function nextRequest(run: Run, messages: readonly string[], closing: boolean): ChatRequest {
  const choice = run.first.members.get('tool_choice');
  return withMembers(appendElements(run.first, 'messages', messages), {
    ...(run.first.members.has('n') && { n: '1' }),
    ...(run.tokenMember && { [run.tokenMember]: String(run.tokensLeft) }),
    ...(closing ? { tool_choice: '"none"' } : choice !== undefined && { tool_choice: '"auto"' }),
  });
}

/** M17: verbatim, but for members that say nothing; strict servers refuse those they do not know. */
function withoutNulls(message: Message): Message {
  const kept = Object.entries(message).filter(([name, value]) => value !== null || name === 'content');
  return Object.fromEntries(kept) as Message;
}
