// POST /v1/chat/completions: from a client's request to the run, and from the run to the answer.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Budget } from '../completion/budget.ts';
import { fold } from '../completion/fold.ts';
import { legacyPart, toLegacy } from '../completion/legacy.ts';
import { lastMessageText } from '../completion/park.ts';
import { run, type Doors } from '../completion/run.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { readElements, readMember, type ChatRequest } from '../openai/request.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { Log } from '../telemetry/log.ts';
import { openEventStream, streamHeaders } from './event-stream.ts';
import { prepareExchange, type Exchange, type ExchangeOptions, type PlainAnswer } from './exchange.ts';
import type { RefusedTools } from './refused-tools.ts';
import { checkContentType } from './request-body.ts';
import { createRunRecorder, type RunRecorder } from './run-record.ts';
import { watchRun, type RunSignals } from './run-signals.ts';

export interface ChatOptions extends ExchangeOptions {
  readonly refusedTools: RefusedTools;
  readonly log: Log;
  readonly audit: Audit;
  readonly budget: Omit<Budget, 'callsPerStep' | 'badCalls'> & { readonly seconds: number };
  /** Fires when the process stops: runs end with an error. */
  readonly stopping: AbortSignal;
}

/** A reader that takes nothing for this long is dropped, in milliseconds (`wire.md` K10). */
const stallTimeout = 60_000;

/** Node's fetch waits 300 s for headers: a JSON answer must be there before (`wire.md` K5). */
const maxJsonSeconds = 290;

/** Calls of one step (F-U39), and calls that make no sense in one run (A1). */
const fixedLimits = { callsPerStep: 16, badCalls: 3 } as const;

/** Registers the route, with a body parser of its own: JSON stays bytes until it has been checked. */
export function chatCompletionsRoutes(server: FastifyInstance, options: ChatOptions): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    scope.post(
      '/v1/chat/completions',
      { onRequest: async (request) => checkContentType(request.headers) },
      async (request, reply) => answer(request, reply, options),
    );
  });
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ChatOptions,
): Promise<FastifyReply> {
  const exchange = await prepareExchange(request, reply, options);
  const streamed = readMember(exchange.client, 'stream') === true;
  const seconds = streamed ? options.budget.seconds : Math.min(options.budget.seconds, maxJsonSeconds);
  const signals = watchRun(reply.raw, seconds, options.stopping);
  if (exchange.plain) return sendPlain(exchange, await exchange.plain(signals.signal));
  const answered = streamed ? answerStream : answerJson;
  const { upstream, model, injected, bare } = exchange;
  const recorder = createRecorder(exchange, streamed, options);
  try {
    const sent = await answered(exchange, signals, recorder, options);
    options.refusedTools.taken(exchange);
    return sent;
  } catch (error) {
    // C2, C3: a first step that was refused may have been refused for the injected functions: once more without them.
    const first = recorder.steps() === 0 && injected.names.size > 0;
    if (!first || !options.refusedTools.mayBeRefusal(error)) throw error;
    const again = { ...exchange, injected: bare };
    const sent = await answered(again, signals, createRecorder(again, streamed, options), options);
    options.refusedTools.refused(exchange, error);
    const answer = error.body;
    options.log.warn('injection_rejected', { requestId: request.id, upstream: upstream.name, model, answer });
    return sent;
  }
}

/** Q1: nothing injected; the upstream's answer, error or not, is the answer. */
function sendPlain({ reply }: Exchange, { status, headers, body }: PlainAnswer): FastifyReply {
  return reply
    .code(status)
    .headers({ ...headers })
    .send(Readable.from(body, { objectMode: false }));
}

async function answerJson(
  exchange: Exchange,
  signals: RunSignals,
  recorder: RunRecorder,
  options: ChatOptions,
): Promise<FastifyReply> {
  const { reply } = exchange;
  try {
    const completion = await fold(startRun(exchange, signals, recorder, true, options));
    reply.header('x-plugin-calls', String(recorder.pluginCalls()));
    return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(completion));
  } catch (error) {
    // T1: the client must not repeat what has had an effect.
    if (recorder.hadSideEffect()) reply.header('x-should-retry', 'false');
    throw error;
  }
}

async function answerStream(
  exchange: Exchange,
  signals: RunSignals,
  recorder: RunRecorder,
  options: ChatOptions,
): Promise<FastifyReply> {
  const { reply, request, client } = exchange;
  const stream = await openEventStream(startRun(exchange, signals, recorder, wantsUsage(client), options), {
    requestId: request.id,
    onFailure: (error) => options.log.warn('stream failed', { requestId: request.id, error }),
  });
  reply.raw.setTimeout(stallTimeout, () => reply.raw.destroy());
  return reply.headers(streamHeaders).send(stream);
}

function createRecorder(
  { request, consumer, upstream, model }: Exchange,
  stream: boolean,
  options: ChatOptions,
): RunRecorder {
  const facts = { id: request.id, consumer: consumer.name, upstream: upstream.name, model, stream };
  return createRunRecorder(facts, options.audit);
}

function startRun(
  exchange: Exchange,
  signals: RunSignals,
  recorder: RunRecorder,
  includeUsage: boolean,
  options: ChatOptions,
) {
  const { injected, upstream, context, tools, consumer, client, legacy } = exchange;
  const lastText = lastMessageText(client);
  const place = readElements(client, 'messages').length;
  const doors: Doors = {
    ask: upstream.ask(context),
    owns: (name) => injected.names.has(name),
    call: recorder.call(tools.call),
    park: async (part) => {
      const kept = legacy ? legacyPart(part, place, lastText) : part;
      await options.parked.put(consumer.partition, kept.visible, kept);
    },
  };
  const chunks = run(injected.request, doors, {
    ...signals,
    budget: { ...options.budget, ...fixedLimits },
    clientTools: injected.clientTools,
    lastText,
    formatLast: () => upstream.capabilities.of(injected.request).jsonWithTools === 'deferred',
    includeUsage,
    trace: traceOf(exchange.request),
    onStep: recorder.onStep,
    created: Math.floor(Date.now() / 1000),
    newId,
  });
  return recorder.chunks(legacy ? toLegacy(chunks) : chunks, signals.signal);
}

function wantsUsage(client: ChatRequest): boolean {
  const given = readMember(client, 'stream_options');
  return isJsonObject(given) && given['include_usage'] === true;
}

function traceOf({ headers }: FastifyRequest): 'none' | 'summary' | 'full' {
  const asked = headers['x-plugin-trace'];
  return asked === 'full' || asked === 'summary' ? asked : 'none';
}

function newId(length: number): string {
  const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  return Array.from(randomBytes(length), (byte) => letters[byte % letters.length]).join('');
}
