// Checks arguments against the enforced part of a schema, and words what is wrong for the model (`openapi.md` A4, A5).
import { validate, type OutputUnit } from '@cfworker/json-schema';

import type { Json } from '../openai/chat.ts';
import { isExactNumber } from '../openai/exact-json.ts';
import { isObject, pointerSteps, pointerTo } from '../openapi/value.ts';
import { emptyRecord, type CheckedSchema } from './checked-schema.ts';

/** One finding for the model (A5). */
export interface Problem {
  /** JSON pointer into the arguments. */
  readonly at: string;
  readonly problem: string;
  readonly got?: Json;
}

/** The value with every number as a double, as the validator reads it. */
export function plainValue(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (isExactNumber(value)) return Number(value.rawJSON);
  if (Array.isArray(value)) return value.map(plainValue);
  const result = emptyRecord<Json | undefined>();
  for (const [name, item] of Object.entries(value)) if (item !== undefined) result[name] = plainValue(item);
  return result;
}

/** Whether a plain value (see {@link plainValue}) satisfies a schema. */
export function satisfies(value: Json, schema: CheckedSchema): boolean {
  return run(value, schema, true).length === 0;
}

function run(value: Json, schema: CheckedSchema, first: boolean): OutputUnit[] {
  try {
    // References are inlined long before, so there is nothing to look up.
    return validate(value, schema, '2020-12', Object.create(null), first).errors;
  } catch (error) {
    // It writes locations as URIs, which cannot hold a name with half a character: not digestible (A4).
    if (error instanceof URIError) return [];
    throw error;
  }
}

/** What is wrong with a plain value (see {@link plainValue}), the first hundred things; empty when nothing is. */
export function findProblems(value: Json, schema: CheckedSchema): Problem[] {
  const firstErrors = run(value, schema, true);
  if (firstErrors.length === 0) return [];
  return describeErrors(allErrors(value, schema) ?? firstErrors, value, schema);
}

/** All errors; `null` when they are more than the validator can hold. */
function allErrors(value: Json, schema: CheckedSchema): OutputUnit[] | null {
  try {
    return run(value, schema, false);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Follows a location of the validator (`#/a/b~1c`, URI-encoded). */
function follow(root: unknown, location: string): unknown {
  let value = root;
  for (const name of pointerNames(location)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function pointerNames(location: string): string[] {
  return pointerSteps(decodeURIComponent(location));
}

/** Of thousands of problems nobody reads the last. */
const mostDescribed = 100;

/** Keywords that only say that something below them failed. */
const containers = new Set(['properties', 'items', 'prefixItems', 'additionalProperties', 'allOf']);

function describeErrors(units: readonly OutputUnit[], value: Json, schema: CheckedSchema): Problem[] {
  const found = new Map<string, Problem>();
  const told = withoutBranches(units, value, schema).filter(({ keyword }) => !containers.has(keyword));
  for (const unit of told) {
    if (found.size >= mostDescribed) break;
    for (const problem of describe(unit, value, schema))
      found.set(`${problem.at} ${problem.problem}`, problem);
  }
  return [...found.values()];
}

/**
 * Of a union that does not fit, either the errors of the one branch that was meant (the only one of the value's type),
 * or the union's own error; never those of all branches. The errors of its branches follow that of the union.
 */
function withoutBranches(units: readonly OutputUnit[], value: Json, schema: CheckedSchema): OutputUnit[] {
  const kept: OutputUnit[] = [];
  const unions: { readonly unit: OutputUnit; readonly meant: string | null }[] = [];
  for (const unit of units) {
    let union = unions.at(-1);
    for (; union && !isBelow(unit, union.unit); union = unions.at(-1)) unions.pop();
    const isMeant = !union || (union.meant !== null && unit.keywordLocation.startsWith(union.meant));
    if (!isMeant) continue;
    const meant = unit.keyword === 'anyOf' ? meantBranch(unit, value, schema) : null;
    if (unit.keyword === 'anyOf') unions.push({ unit, meant });
    if (meant === null) kept.push(unit);
  }
  return kept;
}

/** The location of the only branch of a union that is for values of this type. */
function meantBranch(unit: OutputUnit, value: Json, schema: CheckedSchema): string | null {
  const branches = follow(schema, unit.keywordLocation);
  if (!Array.isArray(branches)) return null;
  const got = typeName(follow(value, unit.instanceLocation));
  const meant = branches.flatMap((branch, at) => (typesOf(branch).includes(got) ? [at] : []));
  return meant.length === 1 ? `${unit.keywordLocation}/${meant[0]}/` : null;
}

function isBelow(unit: OutputUnit, union: OutputUnit): boolean {
  const sameValue =
    unit.instanceLocation === union.instanceLocation ||
    unit.instanceLocation.startsWith(`${union.instanceLocation}/`);
  return sameValue && unit.keywordLocation.startsWith(`${union.keywordLocation}/`);
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** The types that a schema names, `number` for `integer`. */
function typesOf(schema: unknown): Json[] {
  if (!isObject(schema)) return [];
  const { type, properties, allOf } = schema;
  if (type !== undefined) return [type].flat().map((name) => (name === 'integer' ? 'number' : name));
  if (properties !== undefined) return ['object'];
  return Array.isArray(allOf) ? allOf.flatMap(typesOf) : [];
}

const words: Readonly<Record<string, (limit: string) => string>> = {
  const: (limit) => `must be ${limit}`,
  minimum: (limit) => `must be at least ${limit}`,
  maximum: (limit) => `must be at most ${limit}`,
  exclusiveMinimum: (limit) => `must be greater than ${limit}`,
  exclusiveMaximum: (limit) => `must be less than ${limit}`,
  multipleOf: (limit) => `must be a multiple of ${limit}`,
  minLength: (limit) => `must have at least ${limit} characters`,
  maxLength: (limit) => `must have at most ${limit} characters`,
  minItems: (limit) => `must have at least ${limit} items`,
  maxItems: (limit) => `must have at most ${limit} items`,
  minProperties: (limit) => `must have at least ${limit} properties`,
  maxProperties: (limit) => `must have at most ${limit} properties`,
};

function describe(unit: OutputUnit, value: Json, schema: CheckedSchema): Problem[] {
  const names = pointerNames(unit.instanceLocation);
  const got = follow(value, unit.instanceLocation) as Json;
  const limit = follow(schema, unit.keywordLocation) as Json;
  if (unit.keyword === 'required' && Array.isArray(limit)) {
    return limit
      .filter((name) => typeof name === 'string')
      .filter((name) => isObject(got) && !Object.hasOwn(got, name))
      .map((name) => ({ at: pointerTo('', ...names, name), problem: 'is required' }));
  }
  const at = pointerTo('', ...names);
  if (unit.keyword === 'type')
    return [{ at, problem: `must be ${either([limit].flat())}`, got: shorten(got) }];
  if (unit.keyword === 'enum' && Array.isArray(limit)) {
    return [{ at, problem: `must be ${either(limit)}`, got: shorten(got) }];
  }
  if (unit.keyword === 'anyOf') return [{ at, problem: describeUnion(limit), got: shorten(got) }];
  const say = words[unit.keyword];
  return [{ at, problem: say ? say(JSON.stringify(limit)) : 'is not allowed', got: shorten(got) }];
}

function describeUnion(branches: Json): string {
  const types = Array.isArray(branches) ? branches.map(typesOf) : [];
  if (types.length === 0 || types.some((names) => names.length === 0)) return 'fits no variant';
  return `must be ${either([...new Set(types.flat())])}, as one of the variants allows`;
}

/** `a`, `a or b`, `a, b or c`; beyond 24 values their number is said (A5). */
function either(values: readonly Json[]): string {
  const shown = values
    .slice(0, 24)
    .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  if (values.length > shown.length) return `one of ${values.length} values, such as ${shown.join(', ')}`;
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} or ${last}`;
}

/** What came, short enough to be read back. */
function shorten(value: Json): Json {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= 100 ? value : `${text.slice(0, 100)}...`;
}
