// POST /v1/chat/completions: from a client's request to the run, and from the run to the answer.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Consumer } from '../access/consumer.ts';
import type { Budget } from '../completion/budget.ts';
import { fold } from '../completion/fold.ts';
import { inject, type Injected } from '../completion/inject.ts';
import { fromLegacy, isLegacy, legacyPart, toLegacy } from '../completion/legacy.ts';
import { historyCallIds, lastMessageText, reinsert, type ParkedPart } from '../completion/park.ts';
import { run, type Doors } from '../completion/run.ts';
import { gatewayError } from '../errors.ts';
import { isJsonObject } from '../openai/chat.ts';
import { readElements, readMember, requestText, withMembers, type ChatRequest } from '../openai/request.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tools } from './granted-tools.ts';
import { openEventStream, streamHeaders } from './event-stream.ts';
import { checkContentType, readChatRequest } from './request-body.ts';
import { createRunRecorder, type RunRecorder } from './run-record.ts';
import { watchRun, type RunSignals } from './run-signals.ts';

/** What an upstream is told of the client. */
export interface UpstreamContext {
  readonly headers: FastifyRequest['headers'];
  /** The caller's own, for an upstream without a key. */
  readonly authorization: string | null;
  /** Gets the headers to copy into our answer, at each answer of the upstream (`wire.md` F6). */
  readonly onAnswer: (headers: Readonly<Record<string, string>>) => void;
}

/** An answer that goes through as it is. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The upstream that serves a model. */
export interface ChatUpstream {
  readonly name: string;
  readonly ask: (context: UpstreamContext) => Doors['ask'];
  /** Bytes in, bytes out; `null` for an upstream that lives in this process. */
  readonly forward:
    | ((body: string | Buffer, context: UpstreamContext, signal: AbortSignal) => Promise<PlainAnswer>)
    | null;
}

export interface ChatOptions {
  readonly log: Log;
  readonly audit: Audit;
  readonly budget: Omit<Budget, 'callsPerStep' | 'badCalls'> & { readonly seconds: number };
  readonly consumerOf: (request: FastifyRequest) => Consumer;
  readonly upstreamOf: (model: string) => ChatUpstream | null;
  /** `narrowing`: `x-plugins` and `metadata.plugins`, each narrowing further. */
  readonly toolsFor: (consumer: Consumer, narrowing: readonly string[]) => Tools;
  readonly parked: {
    readonly put: (partition: string, ids: readonly string[], part: ParkedPart) => Promise<void>;
    readonly find: (
      partition: string,
      ids: readonly string[],
    ) => Promise<ReadonlyMap<string, readonly ParkedPart[]>>;
  };
  /** Fires when the process stops: runs end with an error. */
  readonly stopping: AbortSignal;
}

/** A reader that takes nothing for this long is dropped, in milliseconds (`wire.md` K10). */
const stallTimeout = 60_000;

/** Node's fetch waits 300 s for headers: a JSON answer must be there before (`wire.md` K5). */
const maxJsonSeconds = 290;

/** Calls of one step (F-U39), and calls that make no sense in one run (A1). */
const fixedLimits = { callsPerStep: 16, badCalls: 3 } as const;

/** Everything about one request, gathered before the run starts. */
interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly consumer: Consumer;
  readonly upstream: ChatUpstream;
  readonly client: ChatRequest;
  readonly legacy: boolean;
  readonly injected: Injected;
  /** The request goes on as the client's very bytes, if nothing is injected. */
  readonly untouched: boolean;
  readonly tools: Tools;
  readonly context: UpstreamContext;
}

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
  const exchange = await prepare(request, reply, options);
  const streamed = readMember(exchange.client, 'stream') === true;
  const seconds = streamed ? options.budget.seconds : Math.min(options.budget.seconds, maxJsonSeconds);
  const signals = watchRun(reply.raw, seconds, options.stopping);
  const { upstream, injected } = exchange;
  if (injected.names.size === 0 && upstream.forward)
    return answerPlain(exchange, upstream.forward, signals.signal);
  return streamed ? answerStream(exchange, signals, options) : answerJson(exchange, signals, options);
}

/** Reads the request, finds who may use what, puts hidden history back, injects. */
async function prepare(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ChatOptions,
): Promise<Exchange> {
  const consumer = options.consumerOf(request);
  const sent = readChatRequest(request.body as Buffer);
  const model = readMember(sent, 'model');
  const name = typeof model === 'string' ? model : '';
  const upstream = options.upstreamOf(name);
  if (!upstream) throw gatewayError('model_not_found', [name.slice(0, 100)], { param: 'model' });

  const { narrowing, client } = takeNarrowing(request, sent);
  const tools = options.toolsFor(consumer, narrowing);
  const legacy = isLegacy(client);
  const modern = legacy ? fromLegacy(client) : client;
  const ids = historyCallIds(modern);
  const restored =
    ids.length === 0 ? modern : reinsert(modern, await options.parked.find(consumer.partition, ids));
  // Q2: with both generations of the interface at once, nobody can tell whose answer is meant.
  const both = client.members.has('functions') && client.members.has('tools');
  const injected = both
    ? { request: restored, names: new Set<string>(), clientTools: new Set<string>() }
    : inject(restored, tools.injection);
  const untouched = injected.names.size === 0 && restored === modern;
  const context: UpstreamContext = {
    headers: request.headers,
    authorization: consumer.authorization,
    onAnswer: (headers) => void reply.headers({ ...headers, 'x-request-id': request.id }),
  };
  return {
    request,
    reply,
    consumer,
    upstream,
    client,
    legacy,
    injected: untouched ? { ...injected, request: client } : injected,
    untouched: untouched && client === sent,
    tools,
    context,
  };
}

/** The narrowing of this request; `metadata.plugins` is ours and goes no further (`architecture.md` section 6). */
function takeNarrowing(
  request: FastifyRequest,
  sent: ChatRequest,
): { narrowing: string[]; client: ChatRequest } {
  const header = request.headers['x-plugins'];
  const narrowing = header === undefined ? [] : [String(header)];
  const metadata = readMember(sent, 'metadata');
  if (!isJsonObject(metadata) || typeof metadata['plugins'] !== 'string') return { narrowing, client: sent };
  const { plugins, ...rest } = metadata;
  const text = Object.keys(rest).length === 0 ? undefined : JSON.stringify(rest);
  return { narrowing: [...narrowing, plugins], client: withMembers(sent, { metadata: text }) };
}

/** Q1: nothing injected; the upstream's answer, error or not, is the answer. */
async function answerPlain(
  exchange: Exchange,
  forward: NonNullable<ChatUpstream['forward']>,
  signal: AbortSignal,
) {
  const sent = exchange.untouched
    ? (exchange.request.body as Buffer)
    : requestText(exchange.injected.request);
  const { status, headers, body } = await forward(sent, exchange.context, signal);
  return exchange.reply
    .code(status)
    .headers({ ...headers })
    .send(Readable.from(body, { objectMode: false }));
}

async function answerJson(
  exchange: Exchange,
  signals: RunSignals,
  options: ChatOptions,
): Promise<FastifyReply> {
  const { reply } = exchange;
  const recorder = createRecorder(exchange, false, options);
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
  options: ChatOptions,
): Promise<FastifyReply> {
  const { reply, request, client } = exchange;
  const recorder = createRecorder(exchange, true, options);
  const stream = await openEventStream(startRun(exchange, signals, recorder, wantsUsage(client), options), {
    requestId: request.id,
    onFailure: (error) => options.log.warn('stream failed', { requestId: request.id, error }),
  });
  reply.raw.setTimeout(stallTimeout, () => reply.raw.destroy());
  return reply.headers(streamHeaders).send(stream);
}

function createRecorder(
  { request, consumer, upstream, client }: Exchange,
  stream: boolean,
  options: ChatOptions,
): RunRecorder {
  const model = readMember(client, 'model');
  const facts = { id: request.id, consumer: consumer.name, upstream: upstream.name, stream };
  return createRunRecorder({ ...facts, model: typeof model === 'string' ? model : '' }, options.audit);
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
