// GET /v1/models while the embedded demo model is all there is.
import type { FastifyInstance } from 'fastify';
import { gatewayError } from '../errors.ts';

/** Lists the demo model as the OpenAI API lists models, so that clients which ask first find it. */
export function demoModelsRoutes(server: FastifyInstance, models: readonly string[]): void {
  const entries = models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'plugin-gateway' }));
  server.get('/v1/models', async () => ({ object: 'list', data: entries }));
  server.get<{ Params: { model: string } }>('/v1/models/:model', async ({ params }) => {
    const entry = entries.find(({ id }) => id === params.model);
    if (!entry) throw gatewayError('model_not_found', [params.model.slice(0, 100)], { param: 'model' });
    return entry;
  });
}
