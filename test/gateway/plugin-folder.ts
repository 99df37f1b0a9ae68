// Writes plugins into a temporary folder: manifests, and their documents in openapi/.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import type { Scope } from './loopback-server.ts';

/** A plugin as a test describes it. */
export interface TestPlugin {
  /** `name_for_model`, also the name of its files. */
  readonly name: string;
  /** Where its API listens. */
  readonly origin: string;
  /** `paths` of its document. */
  readonly paths: JsonObject;
  /** `components.schemas` of its document. */
  readonly schemas?: JsonObject;
  readonly description?: string;
  /** Over the manifest. */
  readonly manifest?: JsonObject;
}

/** An empty folder that is gone when the test ends. */
export async function temporaryFolder(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-gateway-test-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes manifests and documents; gives the folder. */
export async function writePlugins(scope: Scope, plugins: readonly TestPlugin[]): Promise<string> {
  const folder = await temporaryFolder(scope);
  await mkdir(join(folder, 'openapi'));
  for (const plugin of plugins) {
    await writeFile(join(folder, `${plugin.name}.json`), JSON.stringify(manifestOf(plugin), null, 2));
    await writeFile(
      join(folder, 'openapi', `${plugin.name}.json`),
      JSON.stringify(documentOf(plugin), null, 2),
    );
  }
  return folder;
}

/** The manifest of a plugin. */
export function manifestOf(plugin: TestPlugin): JsonObject {
  return {
    schema_version: 'v1',
    name_for_human: plugin.name,
    name_for_model: plugin.name,
    description_for_human: `The ${plugin.name} of a test.`,
    description_for_model: plugin.description ?? `Use ${plugin.name} in tests.`,
    auth: { type: 'none' },
    api: { type: 'openapi', url: `${plugin.name}.json`, is_user_authenticated: false },
    logo_url: `${plugin.origin}/logo.png`,
    contact_email: 'somebody@example.com',
    legal_info_url: 'https://example.com/legal',
    ...plugin.manifest,
  };
}

function documentOf(plugin: TestPlugin): JsonObject {
  return {
    openapi: '3.1.0',
    info: { title: plugin.name, version: '1' },
    servers: [{ url: plugin.origin }],
    paths: plugin.paths,
    components: { schemas: plugin.schemas ?? {} },
  };
}

const answers = { responses: { 200: { description: 'OK', content: { 'application/json': {} } } } };

/** The parameters of an operation, by place. */
function parameter(name: string, place: 'path' | 'query', schema: JsonObject = { type: 'string' }): Json {
  return { name, in: place, required: place === 'path', description: `The ${name}.`, schema };
}

/**
 * The plugin of most tests: `weather__getWeather` (GET, path and query), `weather__addAlert` (POST, JSON body) and
 * `weather__now` (GET, no parameters).
 */
export function weatherPlugin(origin: string): TestPlugin {
  return {
    name: 'weather',
    origin,
    paths: {
      '/weather/{city}': {
        get: {
          operationId: 'getWeather',
          summary: 'The weather of a city.',
          parameters: [
            parameter('city', 'path'),
            parameter('units', 'query', { type: 'string', enum: ['metric', 'imperial'], default: 'metric' }),
          ],
          ...answers,
        },
      },
      '/alerts': {
        post: {
          operationId: 'addAlert',
          summary: 'Sets an alert.',
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: ['city'],
                  properties: {
                    city: { type: 'string', description: 'Where.' },
                    level: { type: 'integer', minimum: 1, maximum: 5 },
                  },
                },
              },
            },
          },
          ...answers,
        },
      },
      '/now': { get: { operationId: 'now', summary: 'The time.', ...answers } },
    },
  };
}
