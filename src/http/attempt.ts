// One attempt at a run: the loop between its doors, said in pieces of text, as events or as one JSON body.
//
// What an upstream says passes: tape (run-tape.ts) -> run (completion/run.ts) -> event writer (openai/event-writer.ts), or
// fold -> log (event-log.ts, body-log.ts) -> response (event-stream.ts, chat-completions.ts).
import type { ServerResponse } from 'node:http';
import { answerId, keepSteps } from '../completion/continuity.ts';
import { fold } from '../completion/fold.ts';
import { legacyPart, toLegacy } from '../completion/legacy.ts';
import type { Injected } from '../completion/inject.ts';
import { lastMessageText, readMessages, type Origin, type ParkedPart } from '../completion/park.ts';
import { formatComesLast, run, type Doors } from '../completion/run.ts';
import { unchangedAnswer } from '../completion/unchanged.ts';
import type { Budget } from '../completion/budget.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import type { Pieces, PiecesListener, ToolCall, ToolResult, UpstreamAnswer } from '../openai/chat.ts';
import { createEventWriter } from '../openai/event-writer.ts';
import { readElements, readMember, type ChatRequest } from '../openai/request.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { AnswerIds } from './answer-ids.ts';
import { createBodyLog } from './body-log.ts';
import { LiveLog, type EventLog, type EventLogOptions, type Source } from './event-log.ts';
import type { Exchange, ExchangeOptions, UpstreamContext } from './exchange.ts';
import type { RefusedTools } from './refused-tools.ts';
import { RunRecorder, type RunFacts } from './run-record.ts';
import type { Attempt } from './run-records.ts';
import type { RunSignals, WatchedRun, WatchRun } from './run-signals.ts';
import type { RunTape, TapedDoors } from './run-tape.ts';
import { endOfTurn } from './turn.ts';

export interface AttemptOptions extends ExchangeOptions {
  readonly refusedTools: RefusedTools;
  readonly audit: Audit;
  readonly answerIds: Pick<AnswerIds, 'remember'>;
  readonly budget: Omit<Budget, 'callsPerStep' | 'badCalls'> & { readonly seconds: number };
  readonly watchRun: WatchRun;
}

/** Node's fetch waits 300 s for headers: a JSON answer must be there before (`wire.md` K5). */
const maxJsonSeconds = 290;

/** Calls of one step (F-U39), and calls that make no sense in one run (A1). */
const fixedLimits = { callsPerStep: 16, badCalls: 3 } as const;

/** What the run of one exchange works with. */
interface Work {
  readonly exchange: Exchange;
  readonly streamed: boolean;
  readonly signals: RunSignals;
  readonly tape: RunTape;
  readonly options: AttemptOptions;
  readonly recorder: RunRecorder;
  /** Headers of the answer. */
  readonly headers: Record<string, string>;
}

/** What an attempt is made of. */
interface AttemptParts {
  readonly id: string;
  readonly log: EventLog;
  readonly headers: Readonly<Record<string, string>>;
  readonly tape: RunTape;
  readonly watched: WatchedRun;
}

/** A run whose first step has been answered. */
interface Begun {
  readonly injected: Injected;
  readonly first: UpstreamAnswer;
  readonly doors: RunDoors;
}

/** Prepares an attempt. It begins when its log is read, and ends when no response waits for it any more. */
export function prepareAttempt(exchange: Exchange, tape: RunTape, options: AttemptOptions): Attempt {
  const streamed = isStreamed(exchange);
  const { seconds } = options.budget;
  const signals = options.watchRun(streamed ? seconds : Math.min(seconds, maxJsonSeconds), (reason) =>
    log.cut(reason),
  );
  const { signal } = signals;
  const headers: Record<string, string> = {};
  const recorder = createRecorder(exchange, streamed, options);
  const work: Work = { exchange, streamed, signals, tape, options, recorder, headers };
  const kept: EventLogOptions = {
    room: tape,
    onEnd(failure) {
      // When the signal ended the run, its reason is shown in place of what it led to.
      const shown = failure && { error: signal.aborted ? (signal.reason as unknown) : failure.error };
      recorder.end(shown);
      return shown?.error;
    },
  };
  const log: EventLog = streamed ? eventLogOf(work, kept) : createBodyLog(() => bodyOf(work), kept);
  return new StartedAttempt({ id: exchange.request.id, log, headers, tape, watched: signals });
}

/**
 * One that failed or was cut is kept as it is, for minutes and with a thousand others (T6), so it holds what is needed
 * then and no more. One that ended well becomes an `EndedAttempt`.
 */
class StartedAttempt implements Attempt {
  readonly id: string;
  readonly log: EventLog;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tape: RunTape;
  readonly #watched: WatchedRun;
  #delivered = false;

  constructor({ id, log, headers, tape, watched }: AttemptParts) {
    this.id = id;
    this.log = log;
    this.#headers = headers;
    this.#tape = tape;
    this.#watched = watched;
  }

  get released(): Promise<void> {
    return this.#watched.left;
  }

  headers(): Readonly<Record<string, string>> {
    // T1: a client must not repeat what has had an effect.
    const isFinal = this.log.state() === 'failed' && this.#tape.hadSideEffect();
    return isFinal ? { ...this.#headers, 'x-should-retry': 'false' } : this.#headers;
  }

  serve(response: ServerResponse): void {
    this.#watched.serve(response);
    response.once('close', () => {
      this.#delivered ||= response.writableFinished && this.log.state() === 'done';
    });
  }

  delivered(): boolean {
    return this.#delivered;
  }
}

/** Whether the client asked for a stream. */
export function isStreamed({ client }: Exchange): boolean {
  return readMember(client, 'stream') === true;
}

/** The log of a stream. Its events are asked for one by one, or said at once while its reader waits for them. */
function eventLogOf(work: Work, options: EventLogOptions): EventLog {
  const write = createEventWriter();
  let answer: AsyncGenerator<Pieces, void, undefined> | null = null;
  // By hand: one more generator around the run's would cost each piece its promises.
  const source: Source = {
    async next() {
      answer ??= goOn(work, await begin(work), listener);
      const { done, value } = await answer.next();
      return done ? { done, value: undefined } : { done: false, value: write(value) };
    },
    async return() {
      await answer?.return();
      return { done: true, value: undefined };
    },
  };
  const log = new LiveLog(source, options);
  // At once (`PiecesListener`) and asked for: one writer for both, so that the events are the same and in one order.
  const listener: PiecesListener = {
    ready: () => log.ready(),
    hear: (pieces) => log.hear(write(pieces)),
  };
  return log;
}

async function bodyOf(work: Work): Promise<Buffer> {
  const begun = await begin(work);
  const unchanged = mayStayUnchanged(work, begun) ? unchangedAnswer(begun.first) : null;
  if (unchanged) work.recorder.onStep(unchanged.usage, unchanged.id);
  const body = unchanged?.bytes ?? Buffer.from(JSON.stringify(await fold(goOn(work, begun))));
  const calls = work.recorder.pluginCalls();
  work.headers['x-plugin-calls'] = String(calls);
  // Answers of one turn go out together (as in chat-completions.ts), but those of runs with calls, which is known here
  // alone: their clients would begin the next runs together, and of runs in step each costs 10 % more, as measured.
  if (calls === 0) await endOfTurn();
  return body;
}

/** Neither has the answer to be made again in its format (M13), nor does it carry a trace (E8). */
function mayStayUnchanged({ exchange }: Work, { injected }: Begun): boolean {
  const traced = traceOf(exchange.request.headers['x-plugin-trace']) !== 'none';
  return !traced && !formatComesLast(injected.request, { formatLast: () => formatLast(exchange, injected) });
}

function formatLast({ upstream }: Exchange, { request }: Injected): boolean {
  return upstream.capabilities.of(request).jsonWithTools === 'deferred';
}

/** C2, C3: a request that was refused may have been refused for the injected functions: once more without them. */
async function begin(work: Work): Promise<Begun> {
  const { exchange, options, recorder } = work;
  const { upstream, model, injected, bare, request } = exchange;
  const { refusedTools, log } = options;
  try {
    const begun = await ask(work, injected);
    refusedTools.taken(exchange);
    return begun;
  } catch (error) {
    const refused = !recorder.answered() && injected.names.size > 0;
    if (!refused || !refusedTools.mayBeRefusal(error)) throw error;
    const begun = await ask(work, bare);
    refusedTools.refused(exchange, error);
    const answer = error.body;
    log.warn('injection_rejected', { requestId: request.id, upstream: upstream.name, model, answer });
    return begun;
  }
}

/** Opens the doors of a run, and asks the upstream for the first step. */
async function ask(work: Work, injected: Injected): Promise<Begun> {
  const doors = new RunDoors(work, injected);
  return { injected, doors, first: await doors.ask(injected.request, work.signals.signal) };
}

/**
 * The doors of a run: to the upstream and the plugins through its tape, and to where it leaves what its answer hides. It is
 * also what the upstream is told of the client: one object for both, as thousands are live at once.
 */
class RunDoors implements Doors, UpstreamContext {
  readonly headers: UpstreamContext['headers'];
  readonly authorization: string | null;
  readonly toolsIn: UpstreamContext['toolsIn'];
  readonly #work: Work;
  readonly #names: ReadonlySet<string>;
  readonly #taped: TapedDoors;

  constructor(work: Work, { names }: Injected) {
    const { upstream, tools, context, toolsIn } = work.exchange;
    this.headers = context.headers;
    this.authorization = context.authorization;
    this.toolsIn = names.size > 0 ? toolsIn : undefined;
    this.#work = work;
    this.#names = names;
    this.#taped = work.tape.play({ ask: upstream.ask(this), call: tools.call }, work.signals.signal);
  }

  ask(request: ChatRequest, signal: AbortSignal): Promise<UpstreamAnswer> {
    return this.#taped.ask(request, signal);
  }

  onAnswer(shown: Readonly<Record<string, string>>, id: string | null): void {
    Object.assign(this.#work.headers, shown);
    this.#work.recorder.onAnswer(id);
  }

  owns(name: string): boolean {
    return this.#names.has(name);
  }

  async call(toolCall: ToolCall, signal: AbortSignal): Promise<ToolResult> {
    const result = await this.#taped.call(toolCall, signal);
    if (result.call) this.#work.recorder.onPluginCall();
    return result;
  }

  async park(part: ParkedPart): Promise<void> {
    const { exchange, options } = this.#work;
    const { client, consumer, legacy } = exchange;
    const asked = legacy
      ? legacyPart(part, readElements(client, 'messages').length, lastMessageText(client))
      : part;
    const kept = { ...asked, ...this.#origin() };
    await options.parked.put(consumer.partition, kept.visible, kept);
  }

  async keep(steps: KeptAnswer): Promise<void> {
    const { exchange, options } = this.#work;
    const id = answerId(readMessages(exchange.client), steps.shown);
    await options.steps?.put(exchange.consumer.partition, [id], keepSteps(steps, this.#origin()));
  }

  newId(length: number): string {
    return this.#taped.newId(length);
  }

  /** Asked late: another upstream may have stood in. */
  #origin(): Origin {
    const { upstream, model } = this.#work.exchange;
    return { upstream: upstream.name, model };
  }
}

type KeptAnswer = Parameters<Doors['keep']>[0];

/** The run from the answer of its first step on. */
function goOn(
  { exchange, streamed, signals, tape, options, recorder }: Work,
  { injected, first, doors }: Begun,
  listener: PiecesListener | null = null,
): AsyncGenerator<Pieces, void, undefined> {
  const { client, legacy, request } = exchange;
  const answer = run(injected.request, first, doors, {
    signal: signals.signal,
    callsUntil: () => signals.callsUntil(),
    budget: { ...options.budget, ...fixedLimits },
    clientTools: injected.clientTools,
    lastText: () => lastMessageText(client),
    formatLast: () => formatLast(exchange, injected),
    includeUsage: !streamed || wantsUsage(client),
    trace: traceOf(request.headers['x-plugin-trace']),
    onStep: (usage, id) => recorder.onStep(usage, id),
    // What a legacy client gets has to be translated first.
    listener: legacy ? null : listener,
    created: tape.created,
    newId: (length) => doors.newId(length),
  });
  return legacy ? toLegacy(answer) : answer;
}

function createRecorder(exchange: Exchange, streamed: boolean, options: AttemptOptions): RunRecorder {
  const { request, consumer, upstream, model } = exchange;
  const facts: RunFacts = {
    id: request.id,
    consumer: consumer.name,
    upstream,
    model,
    stream: streamed,
  };
  const { audit, answerIds } = options;
  return new RunRecorder(facts, {
    run(record) {
      answerIds.remember(consumer.partition, record.completionIds, record.upstream);
      audit.run(record);
    },
  });
}

function wantsUsage(client: ChatRequest): boolean {
  const given = readMember(client, 'stream_options');
  return isJsonObject(given) && given['include_usage'] === true;
}

function traceOf(asked: string | string[] | undefined): 'none' | 'summary' | 'full' {
  return asked === 'full' || asked === 'summary' ? asked : 'none';
}
