// How much work it is to check arguments: unions multiply it, and a thread that serves chats does it (`security.md` B2).
import type { Json } from '../openai/chat.ts';
import { isObject } from '../openapi/value.ts';
import type { CheckedSchema } from './checked-schema.ts';

/** Values met by schemas; some 2 microseconds each. Real arguments come to some hundreds. */
const most = 50_000;

/** Whether checking a plain value would hold up others: each variant of a union looks at all that is in the value. */
export function takesLong(root: Json, rootSchema: CheckedSchema): boolean {
  let met = 0;

  function meet(value: Json | undefined, schema: CheckedSchema | undefined): void {
    if (value === undefined || schema === undefined || met > most) return;
    met += 1 + (schema.enum?.length ?? 0) / 10 + (schema.required?.length ?? 0) / 2;
    for (const part of schema.anyOf ?? []) meet(value, part);
    for (const part of schema.allOf ?? []) meet(value, part);
    meet(value, schema.not);
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) meet(item, schema.prefixItems?.[at] ?? schema.items);
    } else if (isObject(value)) {
      const { properties = {}, additionalProperties: further = false } = schema;
      for (const [name, item] of Object.entries(value))
        meet(item, Object.hasOwn(properties, name) ? properties[name] : further || undefined);
    }
  }

  meet(root, rootSchema);
  return met > most;
}
