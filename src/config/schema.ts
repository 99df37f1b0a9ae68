// The configuration as one JSON Schema: defaults, types, documentation, editor help.
import type { FromSchema } from 'json-schema-to-ts';

const stringList = { type: 'array', items: { type: 'string' }, default: [] } as const;

const overrides = {
  type: 'object',
  description:
    'Values sent with every call in place of whatever the model says, by parameter or body property name.',
  default: {},
} as const;

const headers = {
  type: 'object',
  description: 'Headers sent with every API call of the plugin.',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
  default: {},
} as const;

const pluginSettings = {
  type: 'object',
  description: 'What the operator decides about one plugin, by its name_for_model.',
  additionalProperties: false,
  properties: {
    spec: {
      type: 'string',
      description: "Replaces the manifest's api.url: a file in <folder>/openapi, or a URL.",
    },
    server: { type: 'string', description: "Replaces the document's servers." },
    params: overrides,
    headers,
    credential: {
      description: 'The secret sent to the plugin. A map names one per security scheme of the document.',
      anyOf: [
        { type: 'string', minLength: 1 },
        { type: 'object', additionalProperties: { type: 'string', minLength: 1 } },
      ],
    },
    operations: {
      type: 'object',
      description: 'Which operations are offered: operationId, tag, or "GET /path" (with *). exclude wins.',
      additionalProperties: false,
      properties: { include: stringList, exclude: stringList },
      default: { include: [], exclude: [] },
    },
    timeout: {
      type: 'string',
      pattern: '^([1-9][0-9]{0,5}ms|[1-9][0-9]{0,3}s|[1-9][0-9]?m)$',
      examples: ['45s'],
      description: 'Deadline of one call: 500ms, 45s, 2m.',
      default: '45s',
    },
    egress: {
      ...stringList,
      description: 'What this plugin alone may reach besides public addresses (host:port).',
    },
    changes: {
      enum: ['safe', 'approve', 'automatic'],
      description: 'What happens when a remote document changes.',
      default: 'safe',
    },
  },
} as const;

const capability = {
  type: 'object',
  description: 'What the upstream can do with some models. It wins over what the gateway knows and learns.',
  additionalProperties: false,
  properties: {
    models: {
      type: 'array',
      items: { type: 'string' },
      description: 'Model names; * stands for any text.',
      default: ['*'],
    },
    tools: {
      enum: ['chat', 'responses', 'none'],
      description: 'Where function tools are taken: in chat, on /v1/responses alone, or nowhere.',
    },
    toolChoice: {
      enum: ['full', 'auto', 'strings', 'ignored'],
      description: 'Forms of tool_choice: all; only auto and none; no objects; it is taken without effect.',
    },
    jsonWithTools: {
      enum: ['native', 'deferred'],
      description: 'Whether a JSON response_format may stand beside tools, or waits for a last step without.',
    },
    toolCallIds: {
      enum: ['any', 'alphanumeric9'],
      description: 'Ids of tool calls: any, or exactly nine letters and digits.',
    },
  },
} as const;

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
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'url'],
        properties: {
          name: { type: 'string', minLength: 1 },
          url: {
            type: 'string',
            pattern: '^https?://',
            examples: ['https://api.openai.com/v1'],
            description: 'Base URL, ends in /v1 for most.',
          },
          key: {
            type: 'string',
            minLength: 1,
            description: "Absent: the caller's own Authorization is sent on.",
          },
          models: {
            type: 'array',
            items: { type: 'string' },
            description: 'Model names; * stands for any text.',
            default: ['*'],
          },
          maxEventBytes: {
            type: 'integer',
            minimum: 65536,
            maximum: 67108864,
            description:
              'The longest event of its streams. Absent: 1 MiB. Raise it where an image comes in one piece.',
          },
          kind: {
            enum: [
              'openai',
              'azure',
              'gemini',
              'anthropic',
              'groq',
              'mistral',
              'deepseek',
              'moonshot',
              'openrouter',
              'ollama',
              'lmstudio',
              'vllm',
              'other',
            ],
            description: 'Which API it is, for what such an API can do. Absent: known by the host of url.',
          },
          profile: {
            enum: ['common', 'openai', 'azure', 'gemini', 'anthropic', 'mistral', 'groq', 'vllm', 'ollama'],
            description:
              'Which function definitions it takes; what it refuses becomes words. Absent: known by its kind, else ' +
              'common, which every API takes.',
          },
          strict: {
            type: 'boolean',
            description:
              'Whether functions are sent with "strict": true, so that the API holds the model to their schemas. ' +
              'Only those whose schema allows it. Absent: no.',
          },
          capabilities: {
            type: 'array',
            description:
              'What it can do, by model. For each capability the first entry that names it counts.',
            items: capability,
          },
        },
      },
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
        settings: { type: 'object', additionalProperties: pluginSettings, default: {} },
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
type RawSettings = FromSchema<typeof pluginSettings>;

/** Settings of one plugin, defaults filled in. */
export type PluginSettings = Defaulted<RawSettings>;

type RawUpstream = NonNullable<Raw['upstreams']>[number];

/** Which API an upstream is, as far as APIs differ in what they can do. */
export type UpstreamKind = NonNullable<RawUpstream['kind']>;

/** What the operator says that an upstream can do with some models. */
export type CapabilityEntry = Defaulted<FromSchema<typeof capability>>;

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
