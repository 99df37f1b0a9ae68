// GET /livez and /readyz: for orchestrators; they show no names and no keys.
import type { FastifyInstance } from 'fastify';

/** `/livez`: the process answers. `/readyz`: it takes new work; 503 while it stops (`security.md` W7, W9). */
export function healthRoutes(server: FastifyInstance, options: { readonly stopping: AbortSignal }): void {
  server.get('/livez', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) =>
    options.stopping.aborted ? reply.code(503).send({ status: 'stopping' }) : { status: 'ok' },
  );
}
