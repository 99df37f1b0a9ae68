// The plugins of the benchmark, and their functions as somebody without the gateway would send them.
import type { JsonObject } from '../src/openai/chat.ts';
import { writePlugins } from '../test/gateway/plugin-folder.ts';

/** Operations of each plugin. */
const operationsEach = 20;

/** `bench`, whose API answers at once; `slow`, whose API takes a time; and others that are only installed. */
export interface PluginSet {
  /** Origin of the API. */
  readonly api: string;
  /** Installed in all. */
  readonly count: number;
  /** Milliseconds that the API takes. */
  readonly apiTakes: number;
}

/** Writes manifests and documents; gives their folder, gone with the stack. The first is `bench`. */
export async function installPlugins(stack: AsyncDisposableStack, set: PluginSet): Promise<string> {
  const plugins = Array.from({ length: set.count }, (_, at) => ({
    name: pluginName(at),
    origin: set.api,
    paths: paths(`/api/@${set.apiTakes}`),
  }));
  return writePlugins({ after: (end: () => void | Promise<void>) => stack.defer(end) }, plugins);
}

/** The name of an installed plugin, from 0. */
export function pluginName(at: number): string {
  return at === 0 ? 'bench' : `bench${at}`;
}

/** The functions of the first plugin, ready to be a request's `tools`. */
export const benchTools = Object.values(paths('')).map(({ get }) => ({
  type: 'function' as const,
  function: {
    name: `bench__${get.operationId}`,
    description: get.summary,
    parameters: {
      type: 'object',
      properties: Object.fromEntries(
        get.parameters.map(({ name, description, schema }) => [name, { ...schema, description }]),
      ),
    },
  },
}));

/** The operations of a plugin, as `paths` of its document. */
function paths(base: string) {
  return Object.fromEntries(
    Array.from({ length: operationsEach }, (_, at) => {
      const operationId = `operation${String(at + 1).padStart(2, '0')}`;
      const get = {
        operationId,
        summary: `Does what ${operationId} does, and says so in a sentence of usual length.`,
        parameters: [parameter('word', 'string'), parameter('limit', 'integer')],
        responses: { 200: { description: 'OK', content: { 'application/json': {} } } },
      };
      return [`${base}/${operationId}`, { get }];
    }),
  ) satisfies JsonObject;

  function parameter(name: string, type: string) {
    return { name, in: 'query', description: `The ${name} to use in the search.`, schema: { type } };
  }
}
