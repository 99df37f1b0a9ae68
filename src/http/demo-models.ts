// What there is under /v1/ besides chats while the embedded demo model is all: its name, and words for the rest.
import type { FastifyInstance } from 'fastify';
import { gatewayError } from '../errors.ts';

/** Where clients begin that do not begin with chat completions. */
const notServed = ['responses', 'completions', 'embeddings', 'moderations', 'audio/*', 'images/*', 'files'];

/** Lists the demo model as the OpenAI API lists models, so that clients which ask first find it. */
export function demoModelsRoutes(server: FastifyInstance, models: readonly string[]): void {
  const entries = models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'plugin-gateway' }));
  server.get('/v1/models', async () => ({ object: 'list', data: entries }));
  server.get<{ Params: { model: string } }>('/v1/models/:model', async ({ params }) => {
    const entry = entries.find(({ id }) => id === params.model);
    if (!entry) throw gatewayError('model_not_found', [params.model.slice(0, 100)], { param: 'model' });
    return entry;
  });
  for (const path of notServed) {
    const refuse = async (): Promise<never> => {
      throw gatewayError('demo_model_only', [`/v1/${path}`]);
    };
    // Before the body: whatever it is, this is the reason.
    server.post(`/v1/${path}`, { onRequest: refuse }, refuse);
  }
}
