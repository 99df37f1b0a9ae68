// One outgoing request from its dispatch to the last byte of its answer: deadlines, limits, the names of failures.
import { errors, type Dispatcher } from 'undici';
import { AnswerBody, type BodyEvents } from './answer-body.ts';
import { decodeAnswer, decoderOf } from './decode.ts';
import { EgressError, type Asked, type EgressAnswer } from './egress.ts';

/** How long the end of an answer that nobody reads any more may take; a further byte cuts at once. */
const lingerTime = 100;

/** The connection that carries an exchange. */
export interface Carrier {
  /** Answers that the present socket has given before. */
  answered: number;
}

type Headers = EgressAnswer['headers'];

/**
 * Handles the events of one request. undici's own timeouts are idle-only and coarse, and endless 103s defeat them
 * (N5), so the three deadlines are kept here; every failure destroys the socket (E10).
 */
export class Exchange implements Dispatcher.DispatchHandler, BodyEvents {
  /** Rejects with {@link EgressError}, or with the signal's reason. */
  readonly answer: Promise<EgressAnswer>;
  /** Set when a connection takes the request. */
  carrier: Carrier | null = null;

  readonly #request: Asked;
  readonly #signal: AbortSignal;
  readonly #resolve: (answer: EgressAnswer) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #total: NodeJS.Timeout | undefined;
  #wait: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | null = null;
  #body: AnswerBody | null = null;
  #started = false;
  #left = false;
  #seen = 0;
  #done = false;
  #failure: Error | null = null;

  constructor({ method, origin, limits }: Asked, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<EgressAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#request = { method, origin, limits };
    this.#signal = signal;
    signal.addEventListener('abort', this.#aborted);
    const { total, firstByte } = limits;
    this.#total = this.#deadline(total, 'the whole exchange');
    this.#wait = this.#deadline(firstByte, 'the first byte of the answer');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure) controller.abort(this.#failure);
  }

  onResponseStarted(): void {
    this.#started = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200 || this.#done) return;
    // Small buffers that keep the large one they were cut from for as long as the answer flows.
    controller.rawHeaders = null;
    try {
      this.#resolve(this.#begin(status, headers));
      this.#await();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done || !this.#body) return;
    if (this.#left) return this.#fail(abandoned());
    this.#seen += chunk.length;
    if (this.#seen > this.#request.limits.maxBytes) return this.#fail(tooLarge(this.#request));
    if (this.#body.push(chunk)) this.#wait?.refresh();
    else this.#pause(controller);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    if (this.carrier) this.carrier.answered += 1;
    this.#release();
    this.#body?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const reusedSocket = !this.#started && (this.carrier?.answered ?? 0) > 0;
    this.#fail(nameFailure(this.#request, error, { began: this.#body !== null, reusedSocket }));
  }

  #begin(status: number, headers: Headers): EgressAnswer {
    const bodiless = this.#request.method === 'HEAD' || status === 204 || status === 304;
    const decoder = bodiless ? null : decoderOf(this.#request, headers);
    if (!bodiless && Number(headers['content-length']) > this.#request.limits.maxBytes) {
      throw tooLarge(this.#request);
    }
    const body = new AnswerBody(this);
    this.#body = body;
    return decoder
      ? { status, headers: plain(headers), body: decodeAnswer(body, decoder, this.#request) }
      : { status, headers, body };
  }

  /** The reader is slow: the upstream waits, and its silence is not counted. */
  #pause(controller: Dispatcher.DispatchController): void {
    controller.pause();
    clearTimeout(this.#wait);
  }

  onDrained(): void {
    const controller = this.#controller;
    if (!controller?.paused || this.#done) return;
    this.#await();
    controller.resume();
  }

  /** The reader stops before the end: if nothing but the end comes, the socket may live (`wire.md` D2). */
  onLeft(unread: number): void {
    if (this.#done) return;
    this.#left = true;
    if (this.#controller?.paused || unread > 0) return this.#fail(abandoned());
    clearTimeout(this.#wait);
    this.#wait = setTimeout(() => this.#fail(abandoned()), lingerTime);
  }

  #await(): void {
    clearTimeout(this.#wait);
    this.#wait = this.#deadline(this.#request.limits.idle, 'more of the answer');
  }

  #deadline(milliseconds: number, what: string): NodeJS.Timeout | undefined {
    if (milliseconds > 0x7fffffff) return undefined;
    return setTimeout(() => {
      const message = `${this.#request.origin} did not send ${what} within ${milliseconds} ms.`;
      this.#fail(new EgressError('timeout', message));
    }, milliseconds);
  }

  readonly #aborted = () => {
    const reason: unknown = this.#signal.reason;
    this.#fail(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
  };

  #fail(error: Error): void {
    if (this.#done) return;
    this.#failure = error;
    this.#release();
    this.#controller?.abort(error);
    this.#body?.fail(error);
    this.#reject(error);
  }

  #release(): void {
    this.#done = true;
    clearTimeout(this.#total);
    clearTimeout(this.#wait);
    this.#signal.removeEventListener('abort', this.#aborted);
  }
}

function plain(headers: Headers): Headers {
  const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = headers;
  return rest;
}

function tooLarge(request: Asked): EgressError {
  const message = `The answer of ${request.origin} is larger than ${request.limits.maxBytes} bytes.`;
  return new EgressError('too_large', message);
}

function abandoned(): EgressError {
  return new EgressError('reset', 'The answer was not read to its end.');
}

const cutCodes = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']);

/** Names what undici or the socket reports; an error that is none of the network's is left alone. */
function nameFailure(
  request: Asked,
  error: Error & { code?: unknown },
  { began, reusedSocket }: { began: boolean; reusedSocket: boolean },
): Error {
  if (error instanceof EgressError) return error;
  const code = typeof error.code === 'string' ? error.code : '';
  const message = `${request.origin}: ${error.message}`;
  const details = { cause: error, reusedSocket };
  const short = error instanceof errors.ResponseContentLengthMismatchError && began;
  if (short || cutCodes.has(code)) return new EgressError(began ? 'truncated' : 'reset', message, details);
  if (error instanceof errors.ResponseContentLengthMismatchError)
    return new EgressError('bad_answer', message, details);
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return new EgressError('bad_answer', message, details);
  }
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError) {
    return new EgressError('unreachable', `${request.origin}: egress is closed.`, details);
  }
  return error;
}
