// One attempt at a run: the loop between its doors, said in pieces of text, as events or as one JSON body.
import { answerId, keepSteps } from '../completion/continuity.ts';
import { fold } from '../completion/fold.ts';
import { legacyPart, toLegacy } from '../completion/legacy.ts';
import { lastMessageText } from '../completion/park.ts';
import { run } from '../completion/run.ts';
import type { Budget } from '../completion/budget.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import type { Completion, Pieces } from '../openai/chat.ts';
import { encodeEvent } from '../openai/event-stream.ts';
import { createPieceWriter } from '../openai/more-text.ts';
import { readElements, readMember, type ChatRequest } from '../openai/request.ts';
import { isGatewayError } from '../errors.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { AnswerIds } from './answer-ids.ts';
import { createEventLog } from './event-log.ts';
import type { Exchange, ExchangeOptions } from './exchange.ts';
import type { RefusedTools } from './refused-tools.ts';
import { createRunRecorder, type RunFacts, type RunRecorder } from './run-record.ts';
import type { Attempt } from './run-records.ts';
import { watchRun, type RunSignals } from './run-signals.ts';
import type { RunTape } from './run-tape.ts';

export interface AttemptOptions extends ExchangeOptions {
  readonly refusedTools: RefusedTools;
  readonly audit: Audit;
  readonly answerIds: Pick<AnswerIds, 'remember'>;
  readonly budget: Omit<Budget, 'callsPerStep' | 'badCalls'> & { readonly seconds: number };
  /** Fires when the process stops: runs end with an error. */
  readonly stopping: AbortSignal;
}

/** Node's fetch waits 300 s for headers: a JSON answer must be there before (`wire.md` K5). */
const maxJsonSeconds = 290;

/** Calls of one step (F-U39), and calls that make no sense in one run (A1). */
const fixedLimits = { callsPerStep: 16, badCalls: 3 } as const;

type Answer = AsyncGenerator<Pieces, void, undefined>;

/** What the run of one exchange works with. */
interface Work {
  readonly exchange: Exchange;
  readonly streamed: boolean;
  readonly signals: RunSignals;
  readonly tape: RunTape;
  readonly options: AttemptOptions;
  /** Headers of the answer. */
  readonly headers: Record<string, string>;
}

/** Prepares an attempt. It begins when its log is read, and ends when no response waits for it any more. */
export function prepareAttempt(exchange: Exchange, tape: RunTape, options: AttemptOptions): Attempt {
  const streamed = isStreamed(exchange);
  const { budget, stopping } = options;
  const watched = watchRun(streamed ? budget.seconds : Math.min(budget.seconds, maxJsonSeconds), stopping);
  const headers: Record<string, string> = {};
  const work: Work = { exchange, streamed, signals: watched, tape, options, headers };
  const { keep } = tape;
  const log = streamed
    ? createEventLog(answerOf(work), { keep, write: createEventWriter() })
    : createEventLog(bodyOf(work), { keep, write: (body) => JSON.stringify(body) });
  watched.signal.addEventListener('abort', () => {
    const { reason } = watched.signal as { reason: unknown };
    if (isGatewayError(reason) && reason.wireCode === 'client_closed_request') log.cut(reason);
  });
  let delivered = false;
  return {
    id: exchange.request.id,
    log,
    // T1: a client must not repeat what has had an effect.
    headers: () =>
      log.state() === 'failed' && tape.hadSideEffect() ? { ...headers, 'x-should-retry': 'false' } : headers,
    serve(response) {
      watched.serve(response);
      response.once('close', () => (delivered ||= response.writableFinished && log.state() === 'done'));
    },
    delivered: () => delivered,
    released: watched.left,
  };
}

/** Whether the client asked for a stream. */
export function isStreamed({ client }: Exchange): boolean {
  return readMember(client, 'stream') === true;
}

async function* bodyOf(work: Work): AsyncGenerator<Completion, void, undefined> {
  yield await fold(answerOf(work));
}

function answerOf(work: Work): Answer {
  const recorder = createRecorder(work);
  return recorder.watch(askWithOrWithout(work, recorder), work.signals.signal);
}

/** C2, C3: a request that was refused may have been refused for the injected functions: once more without them. */
async function* askWithOrWithout(work: Work, recorder: RunRecorder): Answer {
  const { exchange, options, streamed, headers } = work;
  const { upstream, model, injected, bare, request } = exchange;
  const { refusedTools, log } = options;
  try {
    yield* startRun(work, recorder);
    if (!streamed) headers['x-plugin-calls'] = String(recorder.pluginCalls());
    refusedTools.taken(exchange);
  } catch (error) {
    const refused = !recorder.answered() && injected.names.size > 0;
    if (!refused || !refusedTools.mayBeRefusal(error)) throw error;
    yield* startRun({ ...work, exchange: { ...exchange, injected: bare } }, recorder);
    if (!streamed) headers['x-plugin-calls'] = '0';
    refusedTools.refused(exchange, error);
    const answer = error.body;
    log.warn('injection_rejected', { requestId: request.id, upstream: upstream.name, model, answer });
  }
}

function createRecorder({ exchange, streamed, options }: Work): RunRecorder {
  const { request, consumer, upstream, model } = exchange;
  const facts: RunFacts = {
    id: request.id,
    consumer: consumer.name,
    // Read when the record is written: another upstream may have stood in.
    get upstream() {
      return upstream.name;
    },
    model,
    stream: streamed,
  };
  const { audit, answerIds } = options;
  return createRunRecorder(facts, {
    run(record) {
      answerIds.remember(consumer.partition, record.completionIds, record.upstream);
      audit.run(record);
    },
  });
}

function startRun(
  { exchange, streamed, signals, tape, options, headers }: Work,
  recorder: RunRecorder,
): Answer {
  const { injected, upstream, tools, consumer, client, legacy, request, model } = exchange;
  const lastText = lastMessageText(client);
  const place = readElements(client, 'messages').length;
  const origin = () => ({ upstream: upstream.name, model });
  const onAnswer = (shown: Readonly<Record<string, string>>, id: string | null) => {
    Object.assign(headers, shown);
    recorder.onAnswer(id);
  };
  const context = {
    ...exchange.context,
    onAnswer,
    ...(injected.names.size > 0 && { toolsIn: exchange.toolsIn }),
  };
  const live = { ask: upstream.ask(context), call: tools.call };
  const taped = tape.play(live, signals.signal);
  const doors = {
    ask: taped.ask,
    owns: (name: string) => injected.names.has(name),
    call: recorder.call(taped.call),
    park: async (part: Parameters<typeof legacyPart>[0]) => {
      const kept = { ...(legacy ? legacyPart(part, place, lastText) : part), ...origin() };
      await options.parked.put(consumer.partition, kept.visible, kept);
    },
    keep: async (steps: Parameters<typeof keepSteps>[0]) => {
      const id = answerId(client, steps.shown);
      await options.steps?.put(consumer.partition, [id], keepSteps(steps, origin()));
    },
  };
  const answer = run(injected.request, doors, {
    ...signals,
    budget: { ...options.budget, ...fixedLimits },
    clientTools: injected.clientTools,
    lastText,
    formatLast: () => upstream.capabilities.of(injected.request).jsonWithTools === 'deferred',
    includeUsage: !streamed || wantsUsage(client),
    trace: traceOf(request.headers['x-plugin-trace']),
    onStep: recorder.onStep,
    created: tape.created,
    newId: taped.newId,
  });
  return legacy ? toLegacy(answer) : answer;
}

/** Writes what came together as the text of its events. */
function createEventWriter(): (pieces: Pieces) => string {
  const write = createPieceWriter();
  return (pieces) => {
    let text = '';
    for (const piece of pieces) text += encodeEvent(write(piece));
    return text;
  };
}

function wantsUsage(client: ChatRequest): boolean {
  const given = readMember(client, 'stream_options');
  return isJsonObject(given) && given['include_usage'] === true;
}

function traceOf(asked: string | string[] | undefined): 'none' | 'summary' | 'full' {
  return asked === 'full' || asked === 'summary' ? asked : 'none';
}
