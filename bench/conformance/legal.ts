// What a function has to be: the `common` profile as a JSON Schema, and what OpenAI's API refuses.
import { Validator } from '@cfworker/json-schema';
import { entries, isTree, listAt, type Tree } from './tree.ts';
import type { ShownFunction } from './kept.ts';

const number = { type: 'number' };
const count = { type: 'integer', minimum: 0 };

/** `openapi.md` S9, N2, N13: what a schema of a parameter may hold, and nothing else. */
const profileSchema = {
  $defs: {
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        type: { enum: ['string', 'number', 'integer', 'boolean', 'array', 'object'] },
        description: { type: 'string' },
        enum: { type: 'array', minItems: 1 },
        properties: { type: 'object', additionalProperties: { $ref: '#/$defs/schema' } },
        required: { type: 'array', items: { type: 'string' }, uniqueItems: true },
        items: { $ref: '#/$defs/schema' },
        anyOf: { type: 'array', minItems: 1, items: { $ref: '#/$defs/schema' } },
        additionalProperties: { anyOf: [{ type: 'boolean' }, { $ref: '#/$defs/schema' }] },
        default: true,
        format: { type: 'string' },
        pattern: { type: 'string' },
        minimum: number,
        maximum: number,
        exclusiveMinimum: number,
        exclusiveMaximum: number,
        multipleOf: { type: 'number', exclusiveMinimum: 0 },
        minLength: count,
        maxLength: count,
        minItems: count,
        maxItems: count,
        uniqueItems: { type: 'boolean' },
        minProperties: count,
        maxProperties: count,
      },
      anyOf: [
        { not: { properties: { type: { const: 'array' } }, required: ['type'] } },
        { required: ['items'] },
      ],
    },
  },
  type: 'object',
  additionalProperties: false,
  required: ['name', 'description', 'parameters'],
  properties: {
    name: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,63}$' },
    description: { type: 'string', minLength: 1, maxLength: 1024 },
    parameters: {
      type: 'object',
      additionalProperties: false,
      required: ['type', 'properties'],
      properties: {
        type: { const: 'object' },
        properties: {
          type: 'object',
          propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,63}$' },
          additionalProperties: { $ref: '#/$defs/schema' },
        },
        required: { type: 'array', items: { type: 'string' }, uniqueItems: true },
      },
    },
  },
} as const;

/** Why a function does not fit the `common` profile; `null` when it does. */
export function createProfileCheck(): (shown: ShownFunction) => string | null {
  const validator = new Validator(JSON.parse(JSON.stringify(profileSchema)) as object, '2020-12');
  return (shown) => {
    const { valid, errors } = validator.validate(JSON.parse(JSON.stringify(shown)));
    if (valid) return findStray(shown.parameters);
    const last = errors.at(-1);
    return `${last?.instanceLocation ?? ''}: ${last?.error ?? 'does not fit'}`;
  };
}

/** A required name that is no property. */
function findStray(schema: Tree): string | null {
  if (!isTree(schema)) return null;
  const names = new Set(entries(schema['properties']).map(([name]) => name));
  const stray = listAt(schema, 'required').find((name) => typeof name !== 'string' || !names.has(name));
  return stray === undefined ? null : `required names ${JSON.stringify(stray)}, which is no property`;
}

/**
 * Why OpenAI's API would refuse a request with the function: a milder rule than the profile, for comparing. Names of
 * letters, digits, `_` and `-`, an object at the root, `items` on arrays, no reference that leads out of the function.
 */
export function refusedByOpenAi(shown: ShownFunction): string | null {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(shown.name)) return 'name';
  const { parameters } = shown;
  if (!isTree(parameters) || parameters['type'] !== 'object') return 'root';
  if (['anyOf', 'oneOf', 'allOf', 'enum', 'not'].some((keyword) => parameters[keyword] !== undefined))
    return 'root';
  return findSchemaFault(parameters, []);
}

const types = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']);

function findSchemaFault(schema: Tree, above: readonly Tree[]): string | null {
  if (typeof schema === 'boolean') return null;
  if (!isTree(schema)) return 'no schema';
  if (above.includes(schema) || above.length > 200) return 'endless';
  if (typeof schema['$ref'] === 'string') return schema['$ref'].startsWith('#/$defs/') ? null : 'reference';
  const type = schema['type'];
  const listed = Array.isArray(type) ? type : type === undefined ? [] : [type];
  if (listed.some((one) => typeof one !== 'string' || !types.has(one))) return 'type';
  if (listed.includes('array') && schema['items'] === undefined) return 'items';
  const path = [...above, schema];
  const below = [
    ...(schema['items'] === undefined ? [] : [schema['items']]),
    ...(schema['additionalProperties'] === undefined ? [] : [schema['additionalProperties']]),
    ...entries(schema['properties']).map(([, one]) => one),
    ...['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => listAt(schema, keyword)),
  ];
  for (const one of below) {
    const fault = findSchemaFault(one, path);
    if (fault !== null) return fault;
  }
  return null;
}
