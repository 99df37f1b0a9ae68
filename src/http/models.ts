// GET /v1/models where several upstreams have models: one list of all.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { closeSignal } from './pass-through.ts';

export interface ModelsOptions {
  /** The list of all models, as OpenAI writes one. Throws errors of the table. */
  readonly list: (
    context: { readonly headers: FastifyRequest['headers']; readonly authorization: string | null },
    signal: AbortSignal,
  ) => Promise<object>;
  /** The caller's own `Authorization`, where it may go on. */
  readonly authorization: (request: FastifyRequest) => string | null;
}

/** Registers the route. A single model is asked for at its own upstream, by the pass-through. */
export function modelsRoutes(server: FastifyInstance, { list, authorization }: ModelsOptions): void {
  server.get('/v1/models', async (request, reply) => {
    const context = { headers: request.headers, authorization: authorization(request) };
    return list(context, closeSignal(reply));
  });
}
