// The configuration as one JSON Schema: defaults, types, documentation, editor help.
import type { FromSchema } from 'json-schema-to-ts';
import { pluginSettingsSchema, stringList } from './plugin-schema.ts';
import { upstreamSchema, type capabilitySchema } from './upstream-schema.ts';

/** The published schema (`config/gateway.schema.json` is generated from it). */
export const configSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'plugin-gateway configuration',
  type: 'object',
  additionalProperties: false,
  properties: {
    listen: {
      type: 'object',
      description: 'Where the gateway listens. The environment variables HOST and PORT override it.',
      additionalProperties: false,
      properties: {
        host: { type: 'string', default: '127.0.0.1' },
        port: { type: 'integer', minimum: 0, maximum: 65535, default: 8080 },
        jsonKeepAlive: {
          type: 'boolean',
          description:
            'Answers that are not streamed begin after 15 seconds, with white space, for clients and proxies that ' +
            'give up on silence. A failure after that cuts the connection instead of having a status.',
          default: false,
        },
      },
      default: {},
    },
    upstreams: {
      type: 'array',
      description:
        'OpenAI-compatible APIs; the first whose models match serves a request. Absent: the API of OpenAI if ' +
        'OPENAI_API_KEY is set, else the embedded demo model, as for an empty list.',
      items: upstreamSchema,
    },
    plugins: {
      type: 'object',
      additionalProperties: false,
      properties: {
        folder: {
          type: 'string',
          description:
            'Manifests (*.json), with local documents in <folder>/openapi. Relative to the working directory.',
          default: 'well-known',
        },
        install: {
          ...stringList,
          description: 'More plugins: URL of a manifest, a domain, or a bare OpenAPI document.',
        },
        settings: { type: 'object', additionalProperties: pluginSettingsSchema, default: {} },
      },
      default: {},
    },
    samples: {
      type: 'object',
      description:
        'Runs the API of the sample plugins beside the gateway, on loopback. Remove it with the samples.',
      additionalProperties: false,
      required: ['port'],
      properties: { port: { type: 'integer', minimum: 0, maximum: 65535 } },
    },
    egress: {
      type: 'object',
      additionalProperties: false,
      properties: {
        allow: {
          ...stringList,
          description: 'host:port, or CIDR:port, that plugins may reach besides public addresses.',
        },
      },
      default: {},
    },
    access: {
      type: 'object',
      additionalProperties: false,
      properties: {
        consumers: {
          type: 'array',
          description: 'Who may call. None: everyone who can reach the port, with all plugins.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['name', 'key'],
            properties: {
              name: { type: 'string', minLength: 1 },
              key: {
                type: 'string',
                minLength: 16,
                pattern: '^[!-~]+$',
                examples: ['a text of letters, digits and signs without blanks'],
                description: 'The secret that the consumer sends: "Authorization: Bearer <key>".',
              },
              plugins: {
                type: 'array',
                items: { type: 'string' },
                description:
                  'Granted plugins ("todo") or operations ("todo.addItem", "todo.*"); * stands for any text.',
                default: ['*'],
              },
            },
          },
          default: [],
        },
      },
      default: {},
    },
    budget: {
      type: 'object',
      description: 'What one run may spend.',
      additionalProperties: false,
      properties: {
        steps: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
        calls: { type: 'integer', minimum: 0, maximum: 1000, default: 64 },
        parallel: { type: 'integer', minimum: 1, maximum: 128, default: 8 },
        seconds: { type: 'number', exclusiveMinimum: 0, maximum: 3600, default: 300 },
        resultCharacters: { type: 'integer', minimum: 200, maximum: 10000000, default: 100000 },
        tokens: {
          enum: ['perRun', 'perStep'],
          description:
            "Whether a client's max_tokens or max_completion_tokens bounds all answers of the model together, or " +
            'each by itself.',
          default: 'perRun',
        },
      },
      default: {},
    },
    continuity: {
      type: 'boolean',
      description:
        'Whether the model sees the plugin calls of its earlier answers in the same conversation again. They are ' +
        'kept in the store.',
      default: true,
    },
    store: {
      type: 'object',
      additionalProperties: false,
      properties: {
        url: {
          type: 'string',
          pattern: '^(memory:|sqlite:.+|postgres(ql)?://.+)$',
          examples: ['sqlite:data/gateway.db'],
          description:
            'Where what must outlive the process is kept: "memory:" (nothing outlives it), "sqlite:FILE", relative to ' +
            'the working directory, or "postgres://..." for replicas.',
          default: 'sqlite:data/gateway.db',
        },
        key: {
          type: 'string',
          minLength: 32,
          description:
            'The secret that seals what is kept, the same one in every replica; needed with postgres. Absent: a key ' +
            'file beside the SQLite file.',
        },
      },
      default: {},
    },
  },
} as const;

type Defaulted<T> = T extends readonly (infer Item)[]
  ? readonly Defaulted<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Defaulted<T[Key]> }
    : T;

type Raw = FromSchema<typeof configSchema>;
type RawSettings = FromSchema<typeof pluginSettingsSchema>;

/** Settings of one plugin, defaults filled in. */
export type PluginSettings = Defaulted<RawSettings>;

type RawUpstream = NonNullable<Raw['upstreams']>[number];

/** Which API an upstream is, as far as APIs differ in what they can do. */
export type UpstreamKind = NonNullable<RawUpstream['kind']>;

/** What the operator says that an upstream can do with some models. */
export type CapabilityEntry = Defaulted<FromSchema<typeof capabilitySchema>>;

/** An upstream as configured, defaults filled in. */
export interface UpstreamConfig {
  readonly name: string;
  readonly url: string;
  readonly key?: string;
  readonly models: readonly string[];
  readonly maxEventBytes?: number;
  readonly kind?: UpstreamKind;
  readonly profile?: NonNullable<RawUpstream['profile']>;
  readonly strict?: boolean;
  readonly capabilities?: readonly CapabilityEntry[];
}

/** The whole configuration: defaults filled in, environment read, frozen. */
export type Config = Defaulted<Omit<Raw, 'upstreams'>> & {
  /** Empty: the embedded demo model answers. */
  readonly upstreams: readonly UpstreamConfig[];
};
