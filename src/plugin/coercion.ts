// Turns what a model or an operator wrote into the type that was declared, where the meaning is plain (`openapi.md` A2).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isExactNumber, isJsonObject, nesting, parseExact } from '../openai/exact-json.ts';
import { plainValue, satisfies } from './argument-check.ts';
import { emptyRecord, type CheckedSchema } from './checked-schema.ts';

/** Values looked at in one argument object; the rest is taken as it stands. */
const maxValues = 50_000;
const maxDepth = 100;

/**
 * The value in its declared type, or as it stands where no reading fits: `"5"` is 5, `"true"` is true, 5 is `"5"`, x is
 * `["x"]`, JSON text is an object or array, an enum value is found in another case. In objects `null` and `""` of an
 * optional property that does not take them are left out, declared defaults stand in for what is missing and required,
 * and names that `additionalProperties: false` excludes are dropped (A3).
 */
export function coerce(value: Json, schema: CheckedSchema): Json {
  let left = maxValues;

  function fit(current: Json, wanted: CheckedSchema | undefined): Json {
    left -= 1;
    if (left < 0 || wanted === undefined) return current;
    const typed = asType(asEnum(current, wanted), wanted);
    const inside = fitInside(typed, wanted);
    const all = (wanted.allOf ?? []).reduce<Json>((result, part) => fit(result, open(part)), inside);
    return wanted.anyOf ? fitUnion(all, wanted.anyOf) : all;
  }

  /** The first variant that fits as it stands, else the first that fits after coercion. */
  function fitUnion(current: Json, variants: readonly CheckedSchema[]): Json {
    const plain = plainValue(current);
    if (variants.some((variant) => satisfies(plain, variant))) return current;
    for (const variant of variants) {
      const candidate = fit(current, variant);
      if (left >= 0 && satisfies(plainValue(candidate), variant)) return candidate;
    }
    return current;
  }

  function fitInside(current: Json, wanted: CheckedSchema): Json {
    if (Array.isArray(current)) {
      if (wanted.items === undefined && wanted.prefixItems === undefined) return current;
      return current.map((item, at) => fit(item, wanted.prefixItems?.[at] ?? wanted.items));
    }
    return isJsonObject(current) && (wanted.properties || wanted.additionalProperties !== undefined)
      ? fitObject(current, wanted)
      : current;
  }

  function fitObject(current: JsonObject, wanted: CheckedSchema): JsonObject {
    const properties = wanted.properties ?? emptyRecord();
    const required = new Set(wanted.required);
    const result = emptyRecord<Json | undefined>();
    for (const [name, item] of Object.entries(current)) {
      if (item === undefined) continue;
      const declared = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (declared === undefined && wanted.additionalProperties === false) continue;
      if (saysNothing(item, declared, required.has(name))) continue;
      result[name] = fit(item, declared ?? (wanted.additionalProperties || undefined));
    }
    for (const name of required) {
      if (Object.hasOwn(result, name)) continue;
      const declared = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (declared?.default !== undefined) result[name] = declared.default;
    }
    return result;
  }

  return fit(value, schema);
}

/** One part of an `allOf` does not know the properties of the others, so it excludes none. */
function open(part: CheckedSchema): CheckedSchema {
  if (part.additionalProperties !== false) return part;
  const { additionalProperties: _closed, ...rest } = part;
  return rest;
}

/** `null`, or `""` for what is no string, in place of leaving an optional property out (or a required default). */
function saysNothing(value: Json, schema: CheckedSchema | undefined, required: boolean): boolean {
  if ((value !== null && value !== '') || schema === undefined) return false;
  return (!required || schema.default !== undefined) && !satisfies(value, schema);
}

/** The one enum value that differs in case alone. */
function asEnum(value: Json, { enum: allowed }: CheckedSchema): Json {
  if (!allowed || typeof value !== 'string' || allowed.includes(value)) return value;
  const wanted = value.trim().toLowerCase();
  const alike = allowed.filter((item) => typeof item === 'string' && item.toLowerCase() === wanted);
  return alike.length === 1 ? (alike[0] as string) : value;
}

/** The value in the first declared type that it can be read as. */
function asType(value: Json, { type }: CheckedSchema): Json {
  const types = type === undefined ? [] : [type].flat();
  if (types.length === 0 || types.some((name) => isOfType(value, name))) return value;
  for (const name of types) {
    const read = readAs(value, name);
    if (read !== undefined) return read;
  }
  return types.includes('array') && value !== null ? [value] : value;
}

function isOfType(value: Json, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isJsonObject(value);
    case 'integer':
      return Number.isInteger(value) || (isExactNumber(value) && Number.isInteger(Number(value.rawJSON)));
    case 'number':
      return typeof value === 'number' || isExactNumber(value);
    default:
      return typeof value === type;
  }
}

function readAs(value: Json, type: string): Json | undefined {
  if (type === 'string') {
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return isExactNumber(value) ? value.rawJSON : undefined;
  }
  if (typeof value !== 'string' || type === 'null') return undefined;
  const text = type === 'boolean' ? value.trim().toLowerCase() : value.trim();
  if (text === '' || nesting(text) > maxDepth) return undefined;
  try {
    const read = parseExact(text);
    return isOfType(read, type) ? read : undefined;
  } catch {
    return undefined;
  }
}
