// Sends requests to one kind of destination: pools, and what every outbound request carries.
import type { Readable } from 'node:stream';
import { Agent, Client, Pool, type Dispatcher } from 'undici';
import { EgressError, type EgressAnswer, type EgressRequest, type Send } from './egress.ts';
import { Exchange, type Carrier } from './exchange.ts';
import { createConnector, parseTarget, type Resolve, type Rules, type Target } from './guard.ts';

/** What a way out is made of. */
export interface SendOptions {
  readonly rules: Rules;
  readonly resolve: Resolve;
  /** Names this process to the peer, so that it can be told that it called itself (E7). */
  readonly instance: string;
  /** Sockets per origin; `null` is no bound. */
  readonly connections: number | null;
  /** How long an idle socket is kept, in milliseconds. */
  readonly keepAlive: number;
}

const headerBytes = 16 * 1024;

/** Bytes of a body that undici may hold until its answer has ended: it sends them a little faster. */
const small = 16 * 1024;

/** Origins whose parsed form is kept. */
const maxTargets = 1_000;

/** A connection that counts the answers of its present socket: the one fact that tells a keep-alive race (N13). */
class CountingClient extends Client implements Carrier {
  answered = 0;

  constructor(origin: string | URL, options: Client.Options) {
    super(origin, options);
    this.on('connect', () => (this.answered = 0));
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Exchange) handler.carrier = this;
    return super.dispatch(options, handler);
  }
}

/**
 * A `Send` with pools of its own, one per origin (E11), and its end. Proxies of the environment are ignored (E8), no
 * redirect is followed (E6), HTTP/2 stays off, an answer's headers may have 16 KiB.
 */
export function createSend(options: SendOptions): { send: Send; close: () => Promise<void> } {
  const { rules, resolve, instance } = options;
  const agent = new Agent({
    factory: (origin) => {
      const target = parseTarget(String(origin));
      return new Pool(target.origin, {
        connect: createConnector(target, rules, resolve),
        connections: options.connections,
        factory: (url, settings) => new CountingClient(url, settings),
        allowH2: false,
        pipelining: 1,
        maxHeaderSize: headerBytes,
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: options.keepAlive,
        keepAliveMaxTimeout: options.keepAlive,
      });
    },
  });
  const targets = new Map<string, Target>();

  /** Parsed once: an origin comes again with every request. */
  function targetOf(origin: string): Target {
    const target = targets.get(origin) ?? parseTarget(origin);
    if (targets.size >= maxTargets) targets.clear();
    targets.set(origin, target);
    return target;
  }

  function dispatch(request: EgressRequest, signal: AbortSignal): Promise<EgressAnswer> {
    signal.throwIfAborted();
    const target = targetOf(request.origin);
    rules.admitHost(target);
    const { method, path, headers, body = null } = request;
    const bytes = body instanceof Uint8Array && (request.lasting || body.length > small) ? body : null;
    const dispatched = {
      origin: target.origin,
      path: checkedPath(path),
      method,
      headers: {
        ...checkedHeaders(headers),
        'accept-encoding': 'identity',
        'x-plugin-gateway': instance,
        ...(bytes && { 'content-length': String(bytes.length) }),
      },
      body: bytes ? handedOver(bytes) : body,
    };
    const exchange = new Exchange(request, signal);
    agent.dispatch(dispatched, exchange);
    return exchange.answer;
  }

  const send: Send = (request, signal) => {
    try {
      return dispatch(request, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return { send, close: () => agent.destroy(new EgressError('unreachable', 'Egress is closed.')) };
}

/**
 * Bytes for one reader, who alone has them then: undici holds what it is given until the answer has ended, and with it
 * a conversation for as long as its answer flows.
 */
function handedOver(bytes: Uint8Array): Readable {
  let left: Uint8Array | null = bytes;
  const body: Iterable<Uint8Array> & Iterator<Uint8Array> = {
    next() {
      const value = left;
      left = null;
      return value ? { done: false, value } : { done: true, value };
    },
    [Symbol.iterator]() {
      return this;
    },
  };
  // undici takes any iterable; its types do not know it.
  return body as unknown as Readable;
}

/** undici would take an absolute URL for a path, and send the request line of a proxy. */
function checkedPath(path: string): string {
  if (!path.startsWith('/')) throw new TypeError(`A path begins with "/": ${path.slice(0, 80)}`);
  return path;
}

/** Names in lower case. undici would take a foreign `host`, which decides who answers at a shared address (A6). */
function checkedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (lower === 'host' || lower === 'connection')
      throw new TypeError(`The header "${lower}" is not ours to set.`);
    checked[lower] = value;
  }
  return checked;
}
