// The upstreams that serve a model, in their order: the next one takes over while nothing has been answered.
import { isGatewayError, UpstreamError, type ErrorCode } from '../errors.ts';
import { requestText, type ChatRequest } from '../openai/request.ts';
import type { Ask, AskContext } from './ask.ts';
import type { KnownCapabilities } from './capabilities.ts';
import { fitCallIds } from './fit-request.ts';
import type { ForwardedAnswer, Upstream } from './upstream.ts';

/** The way of one client request to an upstream. Name and capabilities are those of the upstream in use. */
export interface Route {
  readonly name: string;
  readonly capabilities: KnownCapabilities;
  /** The door to the model for one run. Its first step may change the upstream, as long as no chunk has come. */
  readonly ask: (context: AskContext) => Ask;
  /** Passes a chat request through: bytes as they came, or a request that was put together here. */
  readonly forward: (
    body: Buffer | ChatRequest,
    context: Omit<AskContext, 'onAnswer'>,
    signal: AbortSignal,
  ) => Promise<ForwardedAnswer>;
}

/** Hears that an upstream took over, and from which error. */
export type OnFallback = (from: string, to: string, error: unknown) => void;

/** Failures that are the upstream's own; another one may do better. */
const downCodes: ReadonlySet<ErrorCode> = new Set([
  'upstream_unreachable',
  'upstream_tls',
  'upstream_timeout',
  'upstream_empty',
  'upstream_truncated',
  'upstream_bad_content_type',
  'upstream_bad_answer',
]);

/** Makes the route over the upstreams that serve a model, at least one, in the configured order. */
export function createRoute(upstreams: readonly [Upstream, ...Upstream[]], onFallback: OnFallback): Route {
  let current: Upstream = upstreams[0];

  /** Goes on to the next upstream that may have the request; `false` when there is none. */
  function goOn(error: unknown, mayServe: (upstream: Upstream) => boolean): boolean {
    const behind = upstreams.slice(upstreams.indexOf(current) + 1);
    const next = behind.find((upstream) => mayShow(upstream) && mayServe(upstream));
    if (!next) return false;
    onFallback(current.name, next.name, error);
    current = next;
    return true;
  }

  /** The caller's own key was meant for the first upstream: it is shown to no other host. */
  function mayShow({ hasKey, url }: Upstream): boolean {
    return hasKey || new URL(url).origin === new URL(upstreams[0].url).origin;
  }

  function ask(context: AskContext): Ask {
    let door = current.ask(context);
    let settled = false;
    return async function* (request, signal) {
      const withTools = request.members.has('tools');
      const mayServe = ({ capabilities }: Upstream) =>
        !withTools || capabilities.of(request).tools !== 'none';
      for (;;) {
        try {
          for await (const chunk of door(request, signal)) {
            settled = true;
            yield chunk;
          }
          settled = true;
          return;
        } catch (error) {
          if (settled || signal.aborted || !isDown(error) || !goOn(error, mayServe)) throw error;
          door = current.ask(context);
        }
      }
    };
  }

  return {
    get name() {
      return current.name;
    },
    get capabilities() {
      return current.capabilities;
    },
    ask,
    async forward(body, context, signal) {
      for (;;) {
        const sent = { method: 'POST', path: '/chat/completions', body: bytesFor(current, body) };
        try {
          const answer = await current.forward(sent, context, signal);
          const failed = answer.status >= 500 && new Error(`the upstream answered ${answer.status}`);
          if (!failed || !goOn(failed, () => true)) return answer;
        } catch (error) {
          if (signal.aborted || !isDown(error) || !goOn(error, () => true)) throw error;
        }
      }
    },
  };
}

/** What was put together here holds calls of other models: their ids have to fit (`wire.md` Q6). */
function bytesFor({ capabilities }: Upstream, body: Buffer | ChatRequest): Buffer {
  if (Buffer.isBuffer(body)) return body;
  const { toolCallIds } = capabilities.of(body);
  return Buffer.from(requestText(toolCallIds === 'alphanumeric9' ? fitCallIds(body) : body));
}

function isDown(error: unknown): boolean {
  if (error instanceof UpstreamError) return error.statusCode >= 500;
  return isGatewayError(error) && downCodes.has(error.wireCode);
}
