// The OpenAI-compatible APIs behind the gateway: which one serves a model, how it is asked, how bytes pass through.
import { Readable } from 'node:stream';
import type { UpstreamConfig } from '../config/schema.ts';
import type { EgressLimits, Send } from '../egress/egress.ts';
import type { Chunk } from '../openai/chat.ts';
import { requestText, type ChatRequest } from '../openai/request.ts';
import { createScrubber } from '../telemetry/secrets.ts';
import { readChunks, sizes } from './chunks.ts';
import {
  knownStatus,
  readFailure,
  readStart,
  refusedAnswer,
  translateFailure,
  type Speaker,
} from './failure.ts';
import { askHeaders, forwardHeaders, passedHeaders, shownHeaders, type InboundHeaders } from './headers.ts';
import { askAgain, overDeadSocket } from './retry.ts';

/** On whose behalf an upstream is asked. */
export interface AskContext {
  /** Headers of the client's request; what may go on is chosen here (Q7, H3). */
  readonly headers: InboundHeaders;
  /** The caller's own `Authorization`; the upstream's own key wins. */
  readonly authorization: string | null;
  /** Gets the headers that the client may see, at each successful answer (F6). */
  readonly onAnswer: (headers: Record<string, string>) => void;
}

/** A request that is passed through unread. */
interface ForwardRequest {
  readonly method: string;
  /** Below the upstream's URL, with its query: `/models?limit=2`. */
  readonly path: string;
  readonly body?: Uint8Array | Readable;
}

/** An answer that is passed through, with the headers that the client may see (H8). */
interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** One configured upstream. */
export interface Upstream {
  readonly name: string;
  readonly url: string;
  readonly hasKey: boolean;
  /**
   * The door to the model for one run. Each call of the function is a step: it posts the request and yields the
   * answer's chunks. They throw a `GatewayError`, an `UpstreamError`, or the signal's reason.
   */
  readonly ask: (context: AskContext) => (request: ChatRequest, signal: AbortSignal) => AsyncIterable<Chunk>;
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
  /** The first whose model patterns match. */
  readonly find: (model: string) => Upstream | null;
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
  return {
    all,
    find(model) {
      const place = configured.findIndex(({ models }) =>
        models.some((pattern) => matchesModel(pattern, model)),
      );
      return all[place] ?? null;
    },
  };
}

/** Whether a model's name fits a pattern in which `*` stands for any text. Linear in the name for each star. */
export function matchesModel(pattern: string, model: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === model;
  if (!model.startsWith(head)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = model.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return model.length - at >= tail.length && model.endsWith(tail);
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
  const limitsOf = (firstByte: number, idle: number): EgressLimits => ({
    firstByte,
    idle,
    total: Infinity,
    maxBytes: Infinity,
  });

  function ask(context: AskContext) {
    const speaker: Speaker = { name, credential: { key, authorization: context.authorization }, scrub };
    const headers = askHeaders(context.headers, speaker.credential);
    const limits = limitsOf(Infinity, patience.askIdle);
    let steps = 0;

    return async function* (
      request: ChatRequest,
      signal: AbortSignal,
    ): AsyncGenerator<Chunk, void, undefined> {
      steps += 1;
      const firstStep = steps === 1;
      const body = requestText(request);
      const post = async () => {
        const path = `${base}/chat/completions${url.search}`;
        const step = { method: 'POST', origin: url.origin, path, headers, body, limits };
        const answer = await overDeadSocket(() => send(step, signal));
        if (answer.status < 200 || answer.status >= 300) throw await readFailure(speaker, answer);
        return answer;
      };
      try {
        const answer = await askAgain(post, firstStep, signal);
        context.onAnswer(shownHeaders(answer.headers, speaker.credential));
        yield* readChunks(answer, speaker);
      } catch (error) {
        throw signal.aborted
          ? signal.reason
          : translateFailure(name, error, seconds(patience.askIdle), sizes.json);
      }
    };
  }

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

  return { name, url: config.url, hasKey: key !== undefined, ask, forward };
}
