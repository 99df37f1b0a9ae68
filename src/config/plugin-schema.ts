// The configuration of one plugin: what the operator decides about it.

/** A list of texts, empty unless given. */
export const stringList = { type: 'array', items: { type: 'string' }, default: [] } as const;

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

/** One value of `plugins.settings`. */
export const pluginSettingsSchema = {
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
    redirects: {
      type: 'boolean',
      description: 'A redirected GET is followed, three times at most, to the same server alone.',
      default: false,
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
