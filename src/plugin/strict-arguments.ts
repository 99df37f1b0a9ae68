// The way back from strict mode: a `null` that stands for an optional value is taken out again (`openapi.md` S8).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isExactNumber, isJsonObject } from '../openai/exact-json.ts';
import { emptyRecord, type CheckedSchema } from './checked-schema.ts';

/** The arguments without the members that are `null`, at any depth, but for those that the schema requires. */
export function withoutNulls(given: JsonObject, schema: CheckedSchema): JsonObject {
  return thinOut(given, everyPart([schema]));
}

/** `schemas`: all that may say something about the object, the variants of unions too. */
function thinOut(object: JsonObject, schemas: readonly CheckedSchema[]): JsonObject {
  const kept = emptyRecord<Json | undefined>();
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    if (value === null && !schemas.some(({ required }) => required?.includes(name))) continue;
    const own = schemas.map(({ properties }) =>
      properties && Object.hasOwn(properties, name) ? properties[name] : undefined,
    );
    kept[name] = thin(
      value,
      own.filter((one) => one !== undefined),
    );
  }
  return kept;
}

function thin(value: Json, schemas: readonly CheckedSchema[]): Json {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value;
  const parts = everyPart(schemas);
  if (isJsonObject(value)) return thinOut(value, parts);
  const items = parts.map((part) => part.items).filter((one) => one !== undefined);
  return Array.isArray(value) ? value.map((item) => thin(item, items)) : value;
}

function everyPart(schemas: readonly CheckedSchema[]): CheckedSchema[] {
  return schemas.flatMap((schema) => [
    schema,
    ...everyPart(schema.anyOf ?? []),
    ...everyPart(schema.allOf ?? []),
  ]);
}
