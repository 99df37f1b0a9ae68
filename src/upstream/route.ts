// The upstreams that serve a model, in their order: the next one takes over while nothing has been answered.
import { isGatewayError, UpstreamError, type ErrorCode } from '../errors.ts';
import type { FunctionForm } from '../openai/function-form.ts';
import { requestBytes, withMembers, type ChatRequest } from '../openai/request.ts';
import type { Ask, AskContext } from './ask.ts';
import type { KnownCapabilities } from './capabilities.ts';
import { fitCallIds } from './fit-request.ts';
import type { ForwardedAnswer, Upstream } from './upstream.ts';

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
 * The way of one client request to an upstream: over those that serve its model, in the configured order, but those
 * that rest come last. Name, capabilities and form are those of the upstream in use.
 */
export class Route {
  readonly #request: ChatRequest;
  readonly #events: RouteEvents;
  readonly #alone: boolean;
  readonly #waiting: Upstream[];
  #current: Upstream;

  constructor(upstreams: readonly [Upstream, ...Upstream[]], request: ChatRequest, events: RouteEvents) {
    this.#request = request;
    this.#events = events;
    this.#alone = upstreams.length === 1;
    this.#waiting = inOrder(upstreams, request);
    this.#current = this.#waiting.shift() ?? upstreams[0];
  }

  // On a class: V8 gives each literal with a getter a hidden class, which holds it until the next full collection.
  get name(): string {
    return this.#current.name;
  }

  get capabilities(): KnownCapabilities {
    return this.#current.capabilities;
  }

  /** The form in which it takes functions (`openapi.md` S9). */
  get form(): FunctionForm {
    return this.#current.formOf(this.#request);
  }

  /** The door to the model for one run. Its first step may change the upstream, until an answer has begun. */
  ask(context: AskContext): Ask {
    let door = this.#current.ask(context);
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
          if (!settled) this.#current.health.answered();
          settled = true;
          return answer;
        } catch (error) {
          if (settled || signal.aborted) throw error;
          if (!isDown(error)) this.#current.health.answered();
          else if (this.#goOn(error, mayServe)) {
            door = this.#current.ask(context);
            tools = context.toolsIn?.(this.#current.formOf(request));
            continue;
          }
          throw error;
        }
      }
    };
  }

  /** Passes a chat request through: bytes as they came, or a request that was put together here. */
  async forward(
    body: Buffer | ChatRequest,
    context: Omit<AskContext, 'onAnswer'>,
    signal: AbortSignal,
  ): Promise<ForwardedAnswer> {
    for (;;) {
      const sent = { method: 'POST', path: '/chat/completions', body: bytesFor(this.#current, body) };
      try {
        const answer = await this.#current.forward(sent, context, signal);
        const failed = answer.status >= 500 && new Error(`the upstream answered ${answer.status}`);
        if (!failed) this.#current.health.answered();
        if (!failed || !this.#goOn(failed, () => true)) return answer;
      } catch (error) {
        if (signal.aborted || !isDown(error) || !this.#goOn(error, () => true)) throw error;
      }
    }
  }

  /** Goes on to the next upstream that may have the request; `false` when there is none. */
  #goOn(error: unknown, mayServe: (upstream: Upstream) => boolean): boolean {
    const { name, health } = this.#current;
    if (health.failed(error) && !this.#alone) this.#events.onRest(name);
    const next = this.#waiting.find(mayServe);
    if (!next) return false;
    this.#waiting.splice(0, this.#waiting.indexOf(next) + 1);
    this.#events.onFallback(name, next.name, error);
    this.#current = next;
    return true;
  }
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
