// The configuration of one upstream: where it is, and what it can do.

/** One element of `upstreams[].capabilities`. */
export const capabilitySchema = {
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

/** One element of `upstreams`. */
export const upstreamSchema = {
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
      description: 'What it can do, by model. For each capability the first entry that names it counts.',
      items: capabilitySchema,
    },
  },
} as const;
