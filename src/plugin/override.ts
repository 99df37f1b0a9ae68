// The operator's and the manifest's fixed values: where each belongs, and that nothing else takes its place (M13 to M16).
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import type { Report } from '../openapi/diagnostic.ts';
import { checkedSchema } from './checked-schema.ts';
import { coerce } from './coercion.ts';
import type { Operation, Overrides, Parameter, Schema } from './operation.ts';

/** Where the overrides of one operation go. */
export interface OverridePlan {
  /** Typed values of declared parameters; `null`: never sent. */
  readonly parameters: ReadonlyMap<Parameter, Json>;
  /** Declared nowhere, or only by the path's fixed query: appended to the query, in order (M14). */
  readonly appended: readonly (readonly [name: string, value: Json])[];
  /** Whether a name is an override's, in whatever spelling (A9). */
  readonly isOverridden: (name: string) => boolean;
  /** The body with the overrides that it declares, and without the model's values of their names. */
  readonly mergeBody: (value: Json | undefined) => Json | undefined;
}

/** How deep unions and `allOf` are searched for a property. */
const maxDepth = 8;

/** Sorts the overrides by the places that declare them. */
export function planOverrides(operation: Operation, overrides: Overrides): OverridePlan {
  const parameters = new Map<Parameter, Json>();
  const body = new Map<string, Json>();
  const appended: [string, Json][] = [];
  const isOverridden = matchSpellings(overrides.keys());
  for (const [name, value] of overrides) {
    const declared = operation.parameters.filter((parameter) => isNamed(parameter, name));
    for (const parameter of declared) parameters.set(parameter, typed(value, parameter.schema));
    const property = operation.body ? findProperty(operation.body.schema, name) : undefined;
    if (property !== undefined) body.set(name, typed(value, property));
    const nowhere = declared.length === 0 && property === undefined;
    const onlyFixed =
      operation.fixedQuery.some(([fixed]) => fixed === name) &&
      !declared.some(({ in: place }) => place === 'query');
    if ((nowhere || onlyFixed) && value !== null) appended.push([name, value]);
  }

  function mergeBody(value: Json | undefined): Json | undefined {
    // A body of another root cannot hold a property: it is sent as the model wrote it.
    if (overrides.size === 0 || (value !== undefined && !isJsonObject(value))) return value;
    const merged = Object.create(null) as JsonObject;
    for (const [name, item] of Object.entries(value ?? {})) if (!isOverridden(name)) merged[name] = item;
    let added = false;
    for (const [name, item] of body) {
      if (item === null) continue;
      merged[name] = item;
      added = true;
    }
    return value === undefined && !added ? undefined : merged;
  }

  return { parameters, appended, isOverridden, mergeBody };
}

function isNamed(parameter: Parameter, name: string): boolean {
  if (parameter.in === 'header') return parameter.name.toLowerCase() === name.toLowerCase();
  return parameter.name === name;
}

/** The declared type, where the value can be read in it; what is outside an enum is sent as written (M16). */
function typed(value: Json, schema: Schema): Json {
  return value === null ? null : coerce(value, checkedSchema(schema));
}

/** Reports the overrides whose value is not among those that the operation declares; they are sent as written (M16). */
export function reportOverrides(operation: Operation, overrides: Overrides, report: Report): void {
  for (const [name, value] of overrides) {
    const declared = operation.parameters.filter((parameter) => isNamed(parameter, name));
    const property = operation.body ? findProperty(operation.body.schema, name) : undefined;
    const schemas = [...declared.map((parameter) => parameter.schema), ...(property ? [property] : [])];
    const allowed = schemas.map((schema) => valuesOutside(value, schema)).find((values) => values !== null);
    if (!allowed) continue;
    const message = `The operation ${operation.id} declares for "${name}" the values ${list(allowed)}; "params" sets ${JSON.stringify(value)}, which is sent as written.`;
    report.warning('override-enum', operation.pointer, message);
  }
}

/** The declared values, where the value as it will be sent is none of them; else `null`. */
function valuesOutside(value: Json, schema: Schema): readonly Json[] | null {
  const checked = checkedSchema(schema);
  const allowed = checked.enum ?? checked.items?.enum;
  const sent = [typed(value, schema)].flat();
  return allowed && sent.some((one) => one !== null && !allowed.includes(one)) ? allowed : null;
}

function list(values: readonly Json[]): string {
  const shown = values.slice(0, 10).map((value) => JSON.stringify(value));
  return shown.join(', ') + (values.length > shown.length ? ` and ${values.length - shown.length} more` : '');
}

/** The schema of a top-level property, in any variant of a union (M13). */
function findProperty(schema: Schema, name: string, depth = 0): Schema | undefined {
  if (typeof schema === 'boolean' || depth > maxDepth) return undefined;
  const properties = schema['properties'];
  if (isJsonObject(properties) && Object.hasOwn(properties, name)) return asSchema(properties[name]);
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    const variants = schema[keyword];
    if (!Array.isArray(variants)) continue;
    for (const variant of variants) {
      const inside = asSchema(variant);
      const found = inside === undefined ? undefined : findProperty(inside, name, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function asSchema(value: Json | undefined): Schema | undefined {
  return typeof value === 'boolean' || isJsonObject(value) ? value : undefined;
}

/**
 * Tells whether a name is one of some names in another spelling (A9): another case, percent-encoded, with brackets.
 * `sort[]` and `sort[x]` are readings of `sort` for some servers.
 */
export function matchSpellings(names: Iterable<string>): (name: string) => boolean {
  const spellings = new Set(Array.from(names, spelling));
  if (spellings.size === 0) return () => false;
  return (name) => spellings.has(spelling(name)) || spellings.has(baseSpelling(name));
}

/** What a lenient server may read a name as: decoded, in lower case, without `[]`. */
export function spelling(name: string): string {
  let text = name;
  try {
    text = decodeURIComponent(name);
  } catch {
    // Not percent-encoded: it is its own spelling.
  }
  return text
    .trim()
    .toLowerCase()
    .replace(/\[\d*\]$/, '');
}

/** The same without anything in brackets: what `filter[sort]` belongs to. */
export function baseSpelling(name: string): string {
  return spelling(name).split('[', 1)[0] ?? '';
}
