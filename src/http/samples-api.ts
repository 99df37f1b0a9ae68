// The API behind the sample plugins: a to-do list, a unit converter and a bookshop, kept in memory.
import Fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify';
import { bookshopRoutes } from './samples-bookshop.ts';
import { converterRoutes } from './samples-converter.ts';
import { todoRoutes } from './samples-todo.ts';

/** A request that the samples' API has received, and the status that it answered. */
export interface SampleRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed JSON body; `undefined` without one. */
  readonly body: unknown;
  readonly status: number;
}

/** Options of {@link createSamplesApi}. */
export interface SamplesOptions {
  /** Told about each request before its answer is sent. Logos and documents are requests too. */
  readonly onRequest?: (request: SampleRequest) => void;
}

/**
 * Builds the API of the sample plugins, not listening yet: `/todo`, `/converter`, `/bookshop`. Everything it knows
 * is lost when it is closed. Meant for loopback: it has no limits of its own besides the size of its stores.
 */
export function createSamplesApi(options: SamplesOptions = {}): FastifyInstance {
  const app = Fastify({
    bodyLimit: 100_000,
    forceCloseConnections: true,
    ajv: { customOptions: { useDefaults: false, removeAdditional: false } },
  });
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    return reply.code(status).send({ error: status < 500 ? error.message : 'The samples API failed.' });
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `There is nothing at ${request.method} ${request.url}.` }),
  );
  // Clients may send "content-type: application/json" with no body, as some do on DELETE.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined);
    try {
      return done(null, JSON.parse(String(text)));
    } catch {
      return done(Object.assign(new Error('The body is not valid JSON.'), { statusCode: 400 }));
    }
  });
  if (options.onRequest) report(app, options.onRequest);
  app.get('/', () => ({ samples: ['/todo', '/converter/openapi.json', '/bookshop'] }));
  for (const [name, routes] of [
    ['todo', todoRoutes],
    ['converter', converterRoutes],
    ['bookshop', bookshopRoutes],
  ] as const) {
    app.register(routes, { prefix: `/${name}` });
    app.get(`/${name}/logo.svg`, (_request, reply) => reply.type('image/svg+xml').send(logo(name)));
  }
  return app;
}

/** Reports each request as it came: the body is copied before validation converts its values. */
function report(app: FastifyInstance, onRequest: (request: SampleRequest) => void): void {
  const bodies = new WeakMap<FastifyRequest, unknown>();
  app.addHook('preValidation', async (request) => {
    bodies.set(request, structuredClone(request.body));
  });
  app.addHook('onSend', async (request, reply) => {
    const { method, url, headers } = request;
    onRequest({ method, url, headers, body: bodies.get(request), status: reply.statusCode });
  });
}

function logo(name: string): string {
  const letter = name.charAt(0).toUpperCase();
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="12" fill="#246"/>' +
    `<text x="32" y="44" font-family="sans-serif" font-size="36" fill="#fff" text-anchor="middle">${letter}</text></svg>`
  );
}
