// Lint rules. The floors of the house are the table below: a room imports itself, and what its row names.
import { defineConfig } from 'oxlint';

/** Room -> what it may import of other rooms, besides `errors.ts` (all) and the packages of its own. */
const rooms: Record<string, { rooms?: string[]; packages?: string[] }> = {
  openai: { packages: ['openai'] },
  openapi: { rooms: ['openai'], packages: ['js-yaml', 'yaml', '@scalar/openapi-upgrader'] },
  telemetry: { packages: ['pino'] },
  config: { packages: ['@cfworker/json-schema', 'json-schema-to-ts'] },
  egress: { rooms: ['telemetry'], packages: ['undici', 'ipaddr.js', 'node:net'] },
  store: { rooms: ['openai', 'telemetry'], packages: ['lru-cache', 'kysely', 'pg', 'node:sqlite'] },
  access: { rooms: ['openai', 'telemetry'], packages: ['lru-cache'] },
  completion: { rooms: ['openai'] },
  upstream: { rooms: ['openai', 'egress', 'config', 'telemetry'], packages: ['lru-cache'] },
  plugin: {
    rooms: ['openapi', 'openai', 'egress', 'config', 'telemetry'],
    packages: ['@cfworker/json-schema', 'jsonrepair', 'gpt-tokenizer', 'lru-cache'],
  },
  http: {
    rooms: ['completion', 'plugin', 'access', 'openai', 'telemetry'],
    packages: ['fastify', '@fastify/*', 'lru-cache', 'node:http', 'node:net'],
  },
};

const owned = [
  'fastify',
  '@fastify/*',
  'undici',
  'pino',
  'js-yaml',
  'yaml',
  'ipaddr.js',
  'lru-cache',
  'openai',
  '@scalar/*',
  'kysely',
  'pg',
];
const network = [
  'node:http',
  'node:https',
  'node:http2',
  'node:net',
  'node:tls',
  'node:dgram',
  'http',
  'https',
  'net',
];
const code = ['node:child_process', 'node:vm', 'child_process', 'vm'];

function restricted(allowedRooms: string[], packages: string[]) {
  const banned = [...owned, ...network, ...code];
  return {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: ['../*/**', ...allowedRooms.map((room) => `!../${room}/**`)],
            message: 'Imports run down the floors only; see the table in oxlint.config.ts.',
          },
          {
            group: [
              ...banned,
              ...packages.filter((name) => !banned.includes(name)),
              ...packages.map((name) => `!${name}`),
            ],
            message: 'This package belongs to another room; see the table in oxlint.config.ts.',
          },
          { group: ['./*.js', '../**/*.js'], message: 'Import the source: it ends in .ts.' },
        ],
      },
    ],
  } as const;
}

export default defineConfig({
  plugins: ['typescript', 'import', 'node', 'unicorn', 'oxc', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['dist/**'],
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': [
      'error',
      {
        allowForKnownSafeCalls: [
          { from: 'package', package: 'node:test', name: ['test', 'suite', 'describe', 'it'] },
        ],
      },
    ],
    'import/no-named-as-default-member': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/consistent-type-imports': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'oxc/no-barrel-file': ['error', { threshold: 0 }],
    'no-shadow': 'off',
    'oxc/no-async-endpoint-handlers': 'off', // Express alone needs it; Fastify awaits its handlers.
    'unicorn/consistent-function-scoping': 'off',
    'no-eval': 'error',
    'no-new-func': 'error',
    'no-implied-eval': 'error',
    'no-restricted-globals': ['error', { name: 'fetch', message: 'Only egress/ reaches out, with undici.' }],
    'no-await-in-loop': 'off',
  },
  overrides: [
    ...Object.entries(rooms).map(([room, row]) => ({
      files: [`src/${room}/**`],
      rules: restricted(row.rooms ?? [], row.packages ?? []),
    })),
    { files: ['bench/**', 'src/command/**'], rules: { 'no-restricted-globals': 'off' } },
    {
      files: ['test/**'],
      rules: {
        'no-restricted-globals': 'off',
        'no-unsafe-optional-chaining': 'off',
        'typescript/no-base-to-string': 'off',
      },
    },
  ],
});
