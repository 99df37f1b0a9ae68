// The door to the model: each step of a run is posted in the dialect that the upstream takes, and read as chunks.
import type { EgressAnswer } from '../egress/egress.ts';
import { UpstreamError } from '../errors.ts';
import type { Capabilities } from '../openai/capabilities.ts';
import type { UpstreamAnswer } from '../openai/chat.ts';
import type { FunctionForm } from '../openai/function-form.ts';
import { hasElements, readMember, type ChatRequest } from '../openai/request.ts';
import { hasResponsesForm } from '../openai/responses-request.ts';
import type { KnownCapabilities } from './capabilities.ts';
import { openAnswer } from './chunks.ts';
import { chatDialect, createResponsesDialect, pointsToResponses, type Dialect } from './dialect.ts';
import { readFailure, type Speaker } from './failure.ts';
import { fitRequest } from './fit-request.ts';
import { askHeaders, requestIdOf, shownHeaders, type InboundHeaders } from './headers.ts';
import { createRetry, type Retry } from './retry.ts';

/** On whose behalf an upstream is asked. */
export interface AskContext {
  /** Headers of the client's request; what may go on is chosen here (Q7, H3). */
  readonly headers: InboundHeaders;
  /** The caller's own `Authorization`; the upstream's own key wins. */
  readonly authorization: string | null;
  /** Gets the headers that the client may see, at each successful answer (F6). */
  readonly onAnswer: (headers: Record<string, string>, requestId: string | null) => void;
  /** The member `tools` in the form of an upstream that takes over (`openapi.md` S9); absent: it is the same for all. */
  readonly toolsIn?: ((form: FunctionForm) => string | undefined) | undefined;
}

/** Asks once. Throws a `GatewayError`, an `UpstreamError`, or the signal's reason; so does what reads the answer. */
export type Ask = (request: ChatRequest, signal: AbortSignal) => Promise<UpstreamAnswer>;

/** One upstream, as a run reaches it. */
export interface Connection {
  readonly name: string;
  readonly key: string | undefined;
  readonly scrub: Speaker['scrub'];
  readonly capabilities: KnownCapabilities;
  /** The longest event of a stream that is read, where the operator says so. */
  readonly maxEventBytes: number | undefined;
  /** Posts JSON to where the dialect is spoken. */
  readonly post: (posted: Posted, signal: AbortSignal) => Promise<EgressAnswer>;
  /** The error of the table for whatever a step has thrown. */
  readonly translate: (error: unknown) => unknown;
}

/** A step's request on its way. */
export interface Posted {
  readonly dialect: Dialect;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** A stream was asked for. */
  readonly streamed: boolean;
}

/** How long a model is asked on `/v1/responses` because it once said so, in milliseconds (C2). */
const lessonTime = 3_600_000;

/** Makes the door for one run. Which dialect it speaks is settled by its first step. */
export function createAsk(connection: Connection, context: AskContext): Ask {
  const { name, key, scrub } = connection;
  const speaker: Speaker = { name, credential: { key, authorization: context.authorization }, scrub };
  const headers = askHeaders(context.headers, speaker.credential);
  let dialect = chatDialect;
  let capabilities: Capabilities | null = null;

  async function post(request: ChatRequest, firstStep: boolean, signal: AbortSignal): Promise<EgressAnswer> {
    const streamed = readMember(request, 'stream') === true;
    let retry: Retry | null = null;
    let refusal: unknown = null;
    for (;;) {
      try {
        const posted = { dialect, headers, body: dialect.body(request), streamed };
        const answer = await connection.post(posted, signal);
        if (answer.status < 200 || answer.status >= 300) throw await readFailure(speaker, answer);
        if (refusal) connection.capabilities.learn(request, 'responses', lessonTime);
        return answer;
      } catch (error) {
        // C2: a refusal that points to `/v1/responses` is followed there, if the request can be said there.
        const refusedChat = firstStep && dialect === chatDialect && pointsToResponses(error);
        if (refusedChat && hasResponsesForm(request)) {
          refusal = error;
          dialect = createResponsesDialect();
          continue;
        }
        // The upstream does not have it.
        if (refusal && error instanceof UpstreamError && error.statusCode === 404) throw refusal;
        await (retry ??= createRetry(firstStep))(error, signal);
      }
    }
  }

  return async (request, signal) => {
    const firstStep = capabilities === null;
    capabilities ??= connection.capabilities.of(request);
    if (firstStep && capabilities.tools === 'responses' && hasElements(request, 'tools'))
      dialect = createResponsesDialect();
    const named = (error: unknown): unknown => (signal.aborted ? signal.reason : connection.translate(error));
    try {
      const answer = await post(fitRequest(request, capabilities), firstStep, signal);
      context.onAnswer(shownHeaders(answer.headers, speaker.credential), requestIdOf(answer.headers));
      return await openAnswer(answer, speaker, dialect.reader(connection.maxEventBytes), named);
    } catch (error) {
      throw named(error);
    }
  };
}
