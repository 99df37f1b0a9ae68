// Everything under /v1/ that the gateway does not interpret: bytes in, bytes out, to an upstream of the configuration.
import { AsyncLocalStorage } from 'node:async_hooks';
import { addAbortSignal, Readable, Transform } from 'node:stream';
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { gatewayError } from '../errors.ts';
import { modelInPath, readModel } from './asked-model.ts';
import { dropStalledReader } from './stalled-reader.ts';

/** An answer that comes back; its headers are those that the client may see. */
interface PassedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Sends a request on to one upstream. `path` is what stood behind `/v1`, with its query. Chooses the headers (H3, H8)
 * and keeps the deadlines; throws errors of the table.
 */
type Forward = (
  request: { readonly method: string; readonly path: string; readonly body?: Readable },
  context: { readonly headers: FastifyRequest['headers']; readonly authorization: string | null },
  signal: AbortSignal,
) => Promise<PassedAnswer>;

/** What the routes need. */
export interface PassThroughOptions {
  /** The way to the upstream of a model; `null`: of requests that name none. */
  readonly forwardFor: (model: string | null) => Forward;
  /** Whether the model matters: there are several upstreams. Else no body is looked into. */
  readonly byModel: boolean;
  /** The answer of an upstream that an id of ours stands for, and the way there (M1). */
  readonly storedAnswer: (
    request: FastifyRequest,
    id: string,
  ) => { readonly id: string; readonly forward: Forward } | null;
  /** The caller's own `Authorization`, where it may go on. */
  readonly authorization: (request: FastifyRequest) => string | null;
  /** Bytes of a request body; default 512 MiB (section 8). */
  readonly maxBytes?: number;
  /** How long a reader may take nothing, in milliseconds; default 60 s (`wire.md` K10). */
  readonly stall?: number;
}

const defaultMaxBytes = 512 * 1024 * 1024;

/** The plain paths of OpenAI's API. Ids of fine-tuned models hold colons (H2). */
const plainPath = /^\/v1\/[A-Za-z0-9._~:/-]*$/;
const plainQuery = /^[!-"$-~]*$/;

/** Behind `/v1`: a stored answer, or its messages, with the query. */
const answerPath = /^\/chat\/completions\/([^/?]+)((?:\/messages)?(?:\?.*)?)$/;

interface Exchange {
  readonly request: FastifyRequest;
  readonly signal: AbortSignal;
}

/**
 * Registers the routes under `/v1/` (H1 to H10). They have a scope of their own: bodies stream here and are parsed
 * elsewhere. Other routes of the server win where they are more exact. Errors go to the server's error handler.
 */
export function passThroughRoutes(server: FastifyInstance, options: PassThroughOptions): void {
  const exchanges = new AsyncLocalStorage<Exchange>();
  const maxBytes = options.maxBytes ?? defaultMaxBytes;

  server.register(async (scope) => {
    scope.removeAllContentTypeParsers(); // the package brings its own, which take streams
    scope.addHook('onRequest', async (request) => judge(request, maxBytes));
    await scope.register(httpProxy, {
      prefix: '/v1',
      upstream: 'http://upstream.invalid', // never dialled: the dispatcher below knows the destinations (H1)
      rewritePrefix: '/',
      disableCache: true, // H9
      disableRequestLogging: true,
      undici: dispatcherOf(async ({ method, path, body }) => {
        const { request, signal } = current(exchanges);
        const { headers } = request;
        const context = { headers, authorization: options.authorization(request) };
        const [, id, rest] = (method === 'GET' && answerPath.exec(path)) || [];
        const stored = id === undefined ? null : options.storedAnswer(request, id);
        if (stored) {
          const storedPath = `/chat/completions/${stored.id}${rest ?? ''}`;
          return stored.forward({ method, path: storedPath }, context, signal);
        }
        const counted = body instanceof Readable ? countBytes(body, maxBytes) : undefined;
        const { model, body: whole } =
          counted && options.byModel
            ? await readModel(addAbortSignal(signal, counted), headers['content-type'])
            : { model: null, body: counted };
        const forward = options.forwardFor(model ?? modelInPath(path));
        return forward({ method, path, ...(whole && { body: whole }) }, context, signal);
      }),
      handler(request, reply, path, settings) {
        dropStalledReader(reply.raw, options.stall);
        exchanges.run({ request, signal: closeSignal(reply) }, () => reply.from(path, settings));
        return reply;
      },
      replyOptions: {
        retryDelay: () => null, // H4
        onError: (reply, { error }) => {
          // The rest of an upload is not waited for.
          if (!reply.request.raw.complete) reply.header('connection', 'close');
          reply.send(error.cause ?? error); // H7: the package wraps what the dispatcher throws
        },
      },
    });
  });
}

/** H2, H6, H10: what the raw request line and headers say is judged before anything reads them. */
function judge(request: FastifyRequest, maxBytes: number): void {
  const [path, query] = split(request.raw.url ?? '');
  // The package refuses these too, in words of its own; `//` it would take for a host.
  const folded =
    path.includes('//') || path.includes('/..') || path.includes('../') || /\/\.(?:\/|$)/.test(path);
  if (!plainPath.test(path) || folded || !plainQuery.test(query)) {
    throw gatewayError('invalid_path', [JSON.stringify(path.slice(0, 200))]);
  }
  if (request.headers.upgrade !== undefined) {
    throw gatewayError('invalid_header', ['Upgrade', 'no other protocol is spoken here']);
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    throw gatewayError('request_too_large', [maxBytes], { headers: { connection: 'close' } });
  }
}

function split(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark)];
}

/** Aborts when the client is gone before its answer is complete (H5). Fastify's own signal fires too early (N15). */
export function closeSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) controller.abort(gatewayError('client_closed_request'));
  });
  return controller.signal;
}

function current(exchanges: AsyncLocalStorage<Exchange>): Exchange {
  const exchange = exchanges.getStore();
  if (!exchange) throw new Error('a request left its own context');
  return exchange;
}

/** Counts a body as it streams: the server's own limit does not see these (H6). */
function countBytes(body: Readable, maxBytes: number): Readable {
  let seen = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > maxBytes) done(gatewayError('request_too_large', [maxBytes]));
      else done(null, chunk);
    },
  });
  // Not a pipeline: it would destroy the client's socket, and with it the way of the answer.
  return body.pipe(counter);
}

interface Dispatched {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

type Callback = (error: unknown, answer?: { statusCode: number; headers: object; body: Readable }) => void;
type Dispatcher = Extract<FastifyHttpProxyOptions['undici'], { request: unknown }>;

/** What the package takes for undici: anything with this method. So its own older undici stays unused (H5). */
function dispatcherOf(send: (request: Dispatched) => Promise<PassedAnswer>): Dispatcher {
  const request = async (dispatched: Dispatched, callback: Callback) => {
    try {
      const { status, headers, body } = await send(dispatched);
      const stream = body instanceof Readable ? body : Readable.from(body);
      callback(null, { statusCode: status, headers: { ...headers }, body: stream });
    } catch (error) {
      callback(error instanceof Error ? error : new Error('the request failed', { cause: error }));
    }
  };
  return { request } as unknown as Dispatcher;
}
