// What every model's API accepts as a function (`openapi.md` S7, S9): the last check before one is offered.
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, member, pointerTo } from '../openapi/value.ts';
import { plainKeywords } from './model-schema.ts';

/** Keywords of the profile; one of them too many and an upstream refuses the whole request. */
const keywords = new Set([
  'type',
  'description',
  'enum',
  'properties',
  'required',
  'items',
  'anyOf',
  'additionalProperties',
  ...plainKeywords,
]);

/** A function as it will be sent. */
export interface ShownFunction {
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonObject;
}

/** Why an upstream would refuse the function; `null` when none would. */
export function findFault(shown: ShownFunction): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(shown.name))
    return `the name ${JSON.stringify(shown.name)} is not legal`;
  if (shown.description.length > 1024) return 'its description is longer than 1,024 characters';
  const { parameters } = shown;
  if (parameters['type'] !== 'object' || !isObject(parameters['properties']))
    return 'its parameters are no object';
  const unfit = ['anyOf', 'enum'].find((keyword) => parameters[keyword] !== undefined);
  if (unfit) return `its parameters have "${unfit}" at the root`;
  for (const name of Object.keys(parameters['properties'])) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name))
      return `the argument name ${JSON.stringify(name)} is not legal`;
  }
  return findSchemaFault(parameters, '');
}

function findSchemaFault(schema: Json, at: string): string | null {
  if (!isObject(schema)) return `${at || 'the root'} is no schema`;
  const unknown = Object.keys(schema).find((keyword) => !keywords.has(keyword));
  if (unknown) return `${at || 'the root'} has the keyword "${unknown}"`;
  const type = schema['type'];
  if (type !== undefined && typeof type !== 'string') return `${at} has several types`;
  if (type === 'array' && schema['items'] === undefined) return `the array ${at} has no "items"`;
  if (Array.isArray(schema['enum']) && schema['enum'].length === 0) return `the enum ${at} is empty`;
  const below: [string, Json | undefined][] = [
    [pointerTo(at, 'items'), schema['items']],
    [pointerTo(at, 'additionalProperties'), schema['additionalProperties']],
    ...entriesOf(member(schema, 'properties')).map(([name, one]): [string, Json] => [
      pointerTo(at, 'properties', name),
      one,
    ]),
    ...(Array.isArray(schema['anyOf']) ? schema['anyOf'] : []).map((one, index): [string, Json] => [
      pointerTo(at, 'anyOf', index),
      one,
    ]),
  ];
  for (const [place, one] of below) {
    const fault = one === undefined ? null : findSchemaFault(one, place);
    if (fault !== null) return fault;
  }
  return null;
}
