// The OpenAI-compatible APIs behind the gateway: which one serves a model, how it is asked, how bytes pass through.
import { Readable } from 'node:stream';
import type { UpstreamConfig } from '../config/schema.ts';
import type { EgressLimits, Send } from '../egress/egress.ts';
import type { FunctionForm } from '../openai/function-form.ts';
import type { ChatRequest } from '../openai/request.ts';
import { createScrubber } from '../telemetry/secrets.ts';
import { createAsk, type Ask, type AskContext, type Connection } from './ask.ts';
import { createCapabilities, modelOf, type KnownCapabilities } from './capabilities.ts';
import { maxJsonBytes } from './chunks.ts';
import { knownStatus, readStart, refusedAnswer, translateFailure, type Speaker } from './failure.ts';
import { forwardHeaders, passedHeaders } from './headers.ts';
import { createHealth, type Health } from './health.ts';
import { createFormChoice } from './kind.ts';
import { createModelMatcher } from './model-pattern.ts';
import { overDeadSocket } from './retry.ts';

/** A request that is passed through unread. */
interface ForwardRequest {
  readonly method: string;
  /** Below the upstream's URL, with its query: `/models?limit=2`. */
  readonly path: string;
  readonly body?: Uint8Array | Readable;
}

/** An answer that is passed through, with the headers that the client may see (H8). */
export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** One configured upstream. */
export interface Upstream {
  readonly name: string;
  readonly url: string;
  readonly hasKey: boolean;
  /** What it can do with a request (`wire.md` C1). */
  readonly capabilities: KnownCapabilities;
  readonly health: Health;
  /** The form in which it gets functions for the request's model (`openapi.md` S9). */
  readonly formOf: (request: ChatRequest) => FunctionForm;
  /** The door to the model for one run. Each call of the function is a step. */
  readonly ask: (context: AskContext) => Ask;
  /**
   * Passes a request through; the answer's status is the upstream's, a retry is the client's (H4). Throws a `GatewayError` for what must not pass: redirects, our own key refused (F4), failures.
   */
  readonly forward: (
    request: ForwardRequest,
    context: Omit<AskContext, 'onAnswer'>,
    signal: AbortSignal,
  ) => Promise<ForwardedAnswer>;
}

/** The configured upstreams. */
export interface Upstreams {
  readonly all: readonly Upstream[];
  /** Those whose model patterns match, in the configured order. */
  readonly matching: (model: string) => Upstream[];
}

/** Deadlines in milliseconds. The first byte of a step may take the rest of the run: its signal ends it (K5). */
export interface UpstreamPatience {
  readonly connect: number;
  readonly askIdle: number;
  readonly forwardFirstByte: number;
  readonly forwardIdle: number;
}

const defaultPatience: UpstreamPatience = {
  connect: 3_000,
  askIdle: 60_000,
  forwardFirstByte: 600_000,
  forwardIdle: 300_000,
};

/** Makes the configured upstreams; `send` gives the way out to each of them. */
export function createUpstreams(
  configured: readonly UpstreamConfig[],
  send: (name: string, url: string) => Send,
  patience: UpstreamPatience = defaultPatience,
): Upstreams {
  const all = configured.map((upstream) =>
    createUpstream(upstream, send(upstream.name, upstream.url), patience),
  );
  const serves = configured.map(({ models }) => createModelMatcher(models));
  return { all, matching: (model) => all.filter((_upstream, place) => serves[place]?.(model)) };
}

/** The path with the query of the upstream's own URL (Azure's `api-version`) behind the request's. */
function joinQuery(path: string, search: string): string {
  return path.includes('?') ? path + search.replace('?', '&') : path + search;
}

function createUpstream(config: UpstreamConfig, send: Send, patience: UpstreamPatience): Upstream {
  const { name, key } = config;
  const url = new URL(config.url);
  const base = url.pathname.replace(/\/$/, '');
  const scrub = createScrubber(key === undefined ? [] : [key]);
  const seconds = (answer: number) => ({ connect: patience.connect / 1000, answer: answer / 1000 });
  const formOf = createFormChoice(config);
  const limitsOf = (firstByte: number, idle: number): EgressLimits => ({
    firstByte,
    idle,
    total: Infinity,
    maxBytes: Infinity,
  });

  const connection: Connection = {
    name,
    key,
    scrub,
    capabilities: createCapabilities(config),
    maxEventBytes: config.maxEventBytes,
    post({ dialect, headers, body, streamed }, signal) {
      const path = `${base}${dialect.path}${url.search}`;
      const limits = limitsOf(Infinity, dialect.maybeSilent ? Infinity : patience.askIdle);
      const request = { method: 'POST', origin: url.origin, path, headers, body, limits };
      return send({ ...request, lasting: streamed }, signal);
    },
    translate: (error) => translateFailure(name, error, seconds(patience.askIdle), maxJsonBytes),
  };

  async function forward(
    request: ForwardRequest,
    context: Omit<AskContext, 'onAnswer'>,
    signal: AbortSignal,
  ): Promise<ForwardedAnswer> {
    const speaker: Speaker = { name, credential: { key, authorization: context.authorization }, scrub };
    const { method, path, body } = request;
    const passed = {
      method,
      origin: url.origin,
      path: joinQuery(`${base}${path}`, url.search),
      headers: forwardHeaders(context.headers, speaker.credential, body),
      limits: limitsOf(patience.forwardFirstByte, patience.forwardIdle),
      ...(body && { body }),
    };
    const replayable = body === undefined || body instanceof Uint8Array;
    try {
      const attempt = () => send(passed, signal);
      const answer = await (replayable ? overDeadSocket(attempt) : attempt());
      const refused = refusedAnswer(speaker, answer.status);
      if (refused) {
        await answer.body[Symbol.asyncIterator]().return?.();
        throw refused;
      }
      const headers = passedHeaders(answer.headers, speaker.credential);
      if (answer.status < 400) return { ...answer, headers };
      const { 'content-length': _length, ...rest } = headers;
      const words = speaker.scrub(await readStart(answer));
      return { status: knownStatus(answer.status), headers: rest, body: Readable.from([Buffer.from(words)]) };
    } catch (error) {
      throw signal.aborted
        ? signal.reason
        : translateFailure(name, error, seconds(patience.forwardFirstByte));
    }
  }

  return {
    name,
    url: config.url,
    hasKey: key !== undefined,
    capabilities: connection.capabilities,
    health: createHealth(),
    formOf: (request) => formOf(modelOf(request)),
    ask: (context) => createAsk(connection, context),
    forward,
  };
}
