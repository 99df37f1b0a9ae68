// What an upstream's API would refuse in a function (`openapi.md` S7): the last check before one is offered.
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, listMember, member, pointerTo } from '../openapi/value.ts';
import type { FunctionParts } from './function-budget.ts';
import { takesFormat, type Profile } from './profile.ts';

/** Keywords of all profiles. */
const structure = ['type', 'description', 'enum', 'properties', 'required', 'items', 'anyOf'];

/** N2: legal everywhere. */
const legalName = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** Why an upstream of this profile would refuse the function, and with it the whole request; `null` when it would not. */
export function findFault(shown: FunctionParts, profile: Profile): string | null {
  const { name, description, parameters } = shown;
  if (!legalName.test(name)) return `the name ${JSON.stringify(name)} is not legal`;
  if (description.length > profile.longestDescription)
    return `its description is longer than ${profile.longestDescription} characters`;
  const properties = member(parameters, 'properties');
  const bare = profile.noEmptyProperties && properties === undefined;
  if (parameters['type'] !== 'object' || (!isObject(properties) && !bare))
    return 'its parameters are no object';
  const unfit = ['anyOf', 'enum'].find((keyword) => parameters[keyword] !== undefined);
  if (unfit) return `its parameters have "${unfit}" at the root`;
  const illegal = entriesOf(properties).find(([key]) => !legalName.test(key));
  if (illegal) return `the argument name ${JSON.stringify(illegal[0])} is not legal`;
  return findSchemaFault(parameters, '', profile);
}

function findSchemaFault(schema: Json, at: string, profile: Profile): string | null {
  const place = at || 'the root';
  if (!isObject(schema)) return `${place} is no schema`;
  const fault = findOwnFault(schema, profile);
  if (fault !== null) return `${place} ${fault}`;
  const below: [string, Json | undefined][] = [
    [pointerTo(at, 'items'), schema['items']],
    [pointerTo(at, 'additionalProperties'), schema['additionalProperties']],
    ...entriesOf(member(schema, 'properties')).map(([name, one]): [string, Json] => [
      pointerTo(at, 'properties', name),
      one,
    ]),
    ...listMember(schema, 'anyOf').map((one, index): [string, Json] => [pointerTo(at, 'anyOf', index), one]),
  ];
  for (const [pointer, one] of below) {
    const found = one === undefined ? null : findSchemaFault(one, pointer, profile);
    if (found !== null) return found;
  }
  return null;
}

/** What is wrong with one schema, whatever lies below it. */
function findOwnFault(schema: JsonObject, profile: Profile): string | null {
  const { type, enum: values, format } = schema;
  const unknown = Object.keys(schema).find(
    (keyword) => !structure.includes(keyword) && !profile.keywords.has(keyword),
  );
  if (unknown) return `has the keyword "${unknown}"`;
  if (type !== undefined && typeof type !== 'string') return 'has several types';
  if (type === 'array' && schema['items'] === undefined) return 'is an array without "items"';
  if (Array.isArray(values) && values.length === 0) return 'has an empty enum';
  const properties = member(schema, 'properties');
  const undeclared = listMember(schema, 'required').some(
    (name) => typeof name !== 'string' || member(properties, name) === undefined,
  );
  if (undeclared) return 'requires what is not among its properties';
  if (profile.textEnums && Array.isArray(values)) {
    const isText = values.every((value) => typeof value === 'string' && value !== '');
    if (type !== 'string' || !isText) return 'has an enum of other things than texts';
  }
  if (format !== undefined && !takesFormat(profile, schema)) return 'has a format that is not taken';
  if (profile.loneUnions && schema['anyOf'] !== undefined && Object.keys(schema).length > 1)
    return 'has something beside its union';
  if (profile.typed && type === undefined && schema['anyOf'] === undefined) return 'has no type';
  if (profile.noEmptyProperties && isObject(properties) && Object.keys(properties).length === 0)
    return 'has empty properties';
  return null;
}
