// The upstreams that serve a model, in their order: the next one takes over while nothing has been answered.
import { isGatewayError, UpstreamError, type ErrorCode } from '../errors.ts';
import type { FunctionForm } from '../openai/function-form.ts';
import { requestBytes, withMembers, type ChatRequest } from '../openai/request.ts';
import type { Ask, AskContext } from './ask.ts';
import type { KnownCapabilities } from './capabilities.ts';
import { fitCallIds } from './fit-request.ts';
import type { ForwardedAnswer, Upstream } from './upstream.ts';

/** The way of one client request to an upstream. Name, capabilities and form are those of the upstream in use. */
export interface Route {
  readonly name: string;
  readonly capabilities: KnownCapabilities;
  /** The form in which it takes functions (`openapi.md` S9). */
  readonly form: FunctionForm;
  /** The door to the model for one run. Its first step may change the upstream, until an answer has begun. */
  readonly ask: (context: AskContext) => Ask;
  /** Passes a chat request through: bytes as they came, or a request that was put together here. */
  readonly forward: (
    body: Buffer | ChatRequest,
    context: Omit<AskContext, 'onAnswer'>,
    signal: AbortSignal,
  ) => Promise<ForwardedAnswer>;
}

/** What the log is told of a route. */
export interface RouteEvents {
  /** An upstream took over from another one, after this error. */
  readonly onFallback: (from: string, to: string, error: unknown) => void;
  /** An upstream is asked last from now on, for a while. */
  readonly onRest: (name: string) => void;
}

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

/**
 * Makes the route of one request over the upstreams that serve its model, at least one: in the configured order, but
 * those that rest come last.
 */
export function createRoute(
  upstreams: readonly [Upstream, ...Upstream[]],
  request: ChatRequest,
  events: RouteEvents,
): Route {
  const waiting = inOrder(upstreams, request);
  let current: Upstream = waiting.shift() ?? upstreams[0];

  /** Goes on to the next upstream that may have the request; `false` when there is none. */
  function goOn(error: unknown, mayServe: (upstream: Upstream) => boolean): boolean {
    if (current.health.failed(error) && upstreams.length > 1) events.onRest(current.name);
    const next = waiting.find(mayServe);
    if (!next) return false;
    waiting.splice(0, waiting.indexOf(next) + 1);
    events.onFallback(current.name, next.name, error);
    current = next;
    return true;
  }

  function ask(context: AskContext): Ask {
    let door = current.ask(context);
    let settled = false;
    let tools: string | undefined;
    return async (request, signal) => {
      const withTools = request.members.has('tools');
      const mayServe = ({ capabilities }: Upstream) =>
        !withTools || capabilities.of(request).tools !== 'none';
      for (;;) {
        try {
          const fitting = tools === undefined ? request : withMembers(request, { tools });
          const answer = await door(fitting, signal);
          if (!settled) current.health.answered();
          settled = true;
          return answer;
        } catch (error) {
          if (settled || signal.aborted) throw error;
          if (!isDown(error)) current.health.answered();
          else if (goOn(error, mayServe)) {
            door = current.ask(context);
            tools = context.toolsIn?.(current.formOf(request));
            continue;
          }
          throw error;
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
    get form() {
      return current.formOf(request);
    },
    ask,
    async forward(body, context, signal) {
      for (;;) {
        const sent = { method: 'POST', path: '/chat/completions', body: bytesFor(current, body) };
        try {
          const answer = await current.forward(sent, context, signal);
          const failed = answer.status >= 500 && new Error(`the upstream answered ${answer.status}`);
          if (!failed) current.health.answered();
          if (!failed || !goOn(failed, () => true)) return answer;
        } catch (error) {
          if (signal.aborted || !isDown(error) || !goOn(error, () => true)) throw error;
        }
      }
    },
  };
}

/** The upstreams of a request as they are to be asked. */
function inOrder(upstreams: readonly [Upstream, ...Upstream[]], request: ChatRequest): Upstream[] {
  const [first, ...others] = upstreams;
  /** The caller's own key was meant for the first upstream: it is shown to no other host. */
  const mayShow = ({ hasKey, url }: Upstream) => hasKey || new URL(url).origin === new URL(first.url).origin;
  const able = [first, ...others.filter(mayShow)];
  if (able.length === 1 || first.health.mayTry()) return able;
  // Whoever stands in from the start must not cost the request its plugins.
  const { tools } = first.capabilities.of(request);
  const mayStandIn = ({ capabilities }: Upstream) =>
    tools === 'none' || capabilities.of(request).tools !== 'none';
  const ready = able.slice(1).find((upstream) => mayStandIn(upstream) && upstream.health.mayTry());
  return ready ? [ready, ...able.filter((upstream) => upstream !== ready)] : able;
}

/** What was put together here holds calls of other models: their ids have to fit (`wire.md` Q6). */
function bytesFor({ capabilities }: Upstream, body: Buffer | ChatRequest): Buffer {
  if (Buffer.isBuffer(body)) return body;
  const { toolCallIds } = capabilities.of(body);
  return requestBytes(toolCallIds === 'alphanumeric9' ? fitCallIds(body) : body);
}

function isDown(error: unknown): boolean {
  if (error instanceof UpstreamError) return error.statusCode >= 500;
  return isGatewayError(error) && downCodes.has(error.wireCode);
}
