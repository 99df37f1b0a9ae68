// GET /plugins: what is installed, in which state, with which functions, and what is wrong.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { mayCall } from '../access/policy.ts';
import type { Consumer } from '../access/consumer.ts';
import { gatewayError } from '../errors.ts';
import type { Plugin, Snapshot } from '../plugin/registry.ts';

export interface PluginsOptions {
  readonly snapshot: () => Snapshot;
  readonly consumerOf: (request: FastifyRequest) => Consumer;
}

/**
 * `GET /plugins` lists, `GET /plugins/:name` shows one with the definitions as injected. A consumer sees the plugins of
 * which it may call something, and of those what it may call; who may call all plugins sees the broken ones too.
 */
export function pluginsRoutes(server: FastifyInstance, options: PluginsOptions): void {
  server.get('/plugins', async (request) => {
    const consumer = options.consumerOf(request);
    const plugins = options.snapshot().plugins.filter((plugin) => isVisible(plugin, consumer));
    return { plugins: plugins.map((plugin) => describe(plugin, consumer)) };
  });
  server.get<{ Params: { name: string } }>('/plugins/:name', async (request) => {
    const consumer = options.consumerOf(request);
    const plugin = options.snapshot().byName.get(request.params.name);
    if (!plugin || !isVisible(plugin, consumer))
      throw gatewayError('unknown_url', ['GET', request.url.slice(0, 200)]);
    const definitions = callable(plugin, consumer).map(({ definition }) => definition);
    return { ...describe(plugin, consumer), definitions };
  });
}

function isVisible(plugin: Plugin, consumer: Consumer): boolean {
  return consumer.plugins.includes('*') || callable(plugin, consumer).length > 0;
}

function callable(plugin: Plugin, consumer: Consumer): Plugin['functions'] {
  return plugin.functions.filter((fn) => mayCall(consumer, fn));
}

function describe(plugin: Plugin, consumer: Consumer) {
  const { manifest } = plugin;
  return {
    name: plugin.name,
    name_for_human: manifest?.nameForHuman ?? null,
    description: manifest?.descriptionForHuman ?? null,
    state: plugin.state,
    auth: manifest?.auth.type ?? null,
    source: plugin.source,
    document: plugin.document,
    origins: plugin.origins,
    waiting: plugin.waiting,
    functions: callable(plugin, consumer).map(({ name, operation }) => ({
      name,
      operation: operation.id,
      method: operation.method,
      path: operation.path,
      consequential: operation.consequential,
      description: operation.summary || operation.description,
    })),
    diagnostics: plugin.diagnostics,
  };
}
