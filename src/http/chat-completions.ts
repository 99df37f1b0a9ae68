// POST /v1/chat/completions: from a client's request to the run that answers it, and from the run to the answer.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { UpstreamError } from '../errors.ts';
import { isStreamed, prepareAttempt, type AttemptOptions } from './attempt.ts';
import { openEventStream, streamHeaders } from './event-stream.ts';
import { prepareExchange, type PlainAnswer } from './exchange.ts';
import { openJson } from './json-keep-alive.ts';
import { pourBytes, takeOver } from './pour.ts';
import { checkContentType } from './request-body.ts';
import { createReplicaRecords, type ReplicaRecords } from './replica-records.ts';
import { createRunRecords, retryMarks, type Attempt, type RunRecords } from './run-records.ts';
import { createRunWatch } from './run-signals.ts';
import type { SharedRuns } from './shared-runs.ts';
import { dropStalledReader } from './stalled-reader.ts';
import { endOfTurn } from './turn.ts';

export interface ChatOptions extends Omit<AttemptOptions, 'watchRun'> {
  /** Fires when the process stops: runs end with an error. */
  readonly stopping: AbortSignal;
  /** Whether answers that are not streamed begin before they are known (`wire.md` K2). */
  readonly jsonKeepAlive: boolean;
  /** Run records that all replicas see; `null`: there is one replica (`wire.md` T6). */
  readonly runs: SharedRuns | null;
}

/** Registers the route, with a body parser of its own: JSON stays bytes until it has been checked. */
export function chatCompletionsRoutes(server: FastifyInstance, given: ChatOptions): void {
  const local = createRunRecords();
  const { runs, budget, stopping } = given;
  const watchRun = createRunWatch(stopping);
  const options = { ...given, watchRun };
  const watch = () => watchRun(budget.seconds);
  const replicas = runs && createReplicaRecords({ local, shared: runs, watch, stopping });
  const records = replicas ?? local;
  server.register(async (scope) => {
    if (replicas) scope.addHook('onClose', replicas.written);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    scope.post(
      '/v1/chat/completions',
      {
        // A hook with a callback: an async one costs each request a promise.
        onRequest(request, _reply, done) {
          checkContentType(request.headers);
          done();
        },
      },
      async (request, reply) => answer(request, reply, records, options),
    );
  });
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  records: Pick<RunRecords, 'join'> | ReplicaRecords,
  options: ChatOptions & AttemptOptions,
): Promise<FastifyReply> {
  const exchange = await prepareExchange(request, reply, options);
  dropStalledReader(reply.raw);
  if (exchange.plain) {
    const watched = options.watchRun(options.budget.seconds);
    watched.serve(reply.raw);
    const plain = await exchange.plain(watched.signal);
    letBodyGo(request);
    await endOfTurn(); // with the other answers of this turn
    // Not awaited: a function that waits keeps what it knows, here the client's request, for as long as the answer flows.
    return sendPlain(reply, plain, options.log);
  }
  const marks = retryMarks(request, exchange.consumer.partition);
  letBodyGo(request);
  const joined = records.join(marks, (tape) => prepareAttempt(exchange, tape, options));
  // Not awaited when it is there at once, which spares each request a turn of promises: only replicas ask others first.
  const attempt = joined instanceof Promise ? await joined : joined;
  attempt.serve(reply.raw);
  if (attempt.id !== request.id) options.log.info('run joined', { requestId: request.id, run: attempt.id });
  try {
    return await (isStreamed(exchange) ? sendStream : sendJson)(request, reply, attempt, options);
  } catch (error) {
    showHeaders(reply, attempt);
    throw afterSideEffect(error, attempt);
  }
}

/** What has been read is not needed any more, and an answer may flow for minutes. */
function letBodyGo(request: FastifyRequest): void {
  request.body = undefined;
}

/** T1: the upstream's own word on retries, which is a header of its error, knows nothing of plugin calls. */
function afterSideEffect(error: unknown, attempt: Attempt): unknown {
  const final = attempt.headers()['x-should-retry'] === 'false';
  if (!final || !(error instanceof UpstreamError)) return error;
  return new UpstreamError(error.statusCode, error.body, { ...error.headers, 'x-should-retry': 'false' });
}

/** Q1: nothing injected; the upstream's answer, error or not, is the answer. */
async function sendPlain(
  reply: FastifyReply,
  { status, headers, body }: PlainAnswer,
  log: ChatOptions['log'],
): Promise<FastifyReply> {
  reply.code(status).headers({ ...headers });
  await pourBytes(body, reply, (error) => log.warn('answer cut', { requestId: reply.request.id, error }));
  return reply;
}

async function sendJson(
  request: FastifyRequest,
  reply: FastifyReply,
  attempt: Attempt,
  { jsonKeepAlive, log }: ChatOptions,
): Promise<FastifyReply> {
  const whole = attempt.log.all();
  const body = await (jsonKeepAlive ? openJson(whole) : whole);
  if (body instanceof Readable) {
    body.once('error', (error) => log.warn('answer cut', { requestId: request.id, error }));
  }
  showHeaders(reply, attempt);
  return reply.header('content-type', 'application/json; charset=utf-8').send(body);
}

async function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  attempt: Attempt,
  options: ChatOptions,
): Promise<FastifyReply> {
  const stream = await openEventStream(attempt.log.read(), {
    requestId: request.id,
    onFailure: (error) => options.log.warn('stream failed', { requestId: request.id, error }),
  });
  await endOfTurn(); // with the other answers of this turn
  showHeaders(reply, attempt);
  // Written to the response itself: Node joins what is written in one go, so the last event and the end are one packet.
  reply.headers(streamHeaders);
  await stream.pour(takeOver(reply));
  return reply;
}

/** F6: what is known of the upstream's headers, and the id of the run. */
function showHeaders(reply: FastifyReply, attempt: Attempt): void {
  reply.headers({ ...attempt.headers(), 'x-request-id': attempt.id });
}
