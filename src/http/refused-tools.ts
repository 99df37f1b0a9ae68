// Upstreams that refuse a request because of its tools: the client gets its plain answer, and the next one at once.
import { LRUCache } from 'lru-cache';
import { UpstreamError } from '../errors.ts';
import type { Exchange } from './exchange.ts';

/** Learns which upstream and model takes no injected functions (`wire.md` C2, C3). */
export interface RefusedTools {
  /** Whether the failure of a first step may be the injected functions' fault: then the request is repeated without. */
  readonly mayBeRefusal: (error: unknown) => error is UpstreamError;
  /** The request passed without functions: remembered at once when the words say so, else after three in a row. */
  readonly refused: (exchange: Asked, error: UpstreamError) => void;
  /** A request with functions passed. */
  readonly taken: (exchange: Asked) => void;
}

type Asked = Pick<Exchange, 'upstream' | 'model' | 'client'>;

/** Words of upstreams whose model takes no tools at all (`wire.md` section 7). */
const phrases = [
  'does not support tools',
  'does not support function calling',
  'tools is not supported',
  'tools are not supported',
  'tool use is not supported',
  'tools param requires --jinja',
  'tool calling is not supported',
  'no endpoints found that support tool use',
];

function saysSo({ body }: UpstreamError): boolean {
  const words = JSON.stringify(body).toLowerCase();
  return phrases.some((phrase) => words.includes(phrase));
}

/** How long a model counts as one without tools, in milliseconds: an hour by its own words, ten minutes by guess. */
const remembered = { certain: 3_600_000, guessed: 600_000 } as const;

/** One bad schema must not silence all plugins (C3). */
const guessesNeeded = 3;

/** Keeps at most a thousand models in memory: their names are the client's to choose. */
export function createRefusedTools(): RefusedTools {
  const suspected = new LRUCache<string, number>({ max: 1_000 });
  const keyOf = ({ upstream, model }: Asked) => JSON.stringify([upstream.name, model]);
  return {
    mayBeRefusal: (error): error is UpstreamError =>
      error instanceof UpstreamError &&
      ([400, 422].includes(error.statusCode) || (error.statusCode === 404 && saysSo(error))),
    refused(exchange, error) {
      const key = keyOf(exchange);
      const certain = saysSo(error);
      const times = (suspected.get(key) ?? 0) + 1;
      suspected.set(key, times);
      if (certain || times >= guessesNeeded) {
        const { capabilities } = exchange.upstream;
        capabilities.learn(exchange.client, 'none', certain ? remembered.certain : remembered.guessed);
      }
    },
    taken(exchange) {
      if (suspected.size > 0) suspected.delete(keyOf(exchange));
    },
  };
}
