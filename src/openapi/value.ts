// Reads and builds foreign JSON values: own members only, whatever their names are (`security.md` D8).
import type { Json, JsonObject } from '../openai/chat.ts';

/** Tells a JSON object from arrays, `null` and everything else. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own member of an object or the element of an array; `undefined` for anything else. */
export function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as JsonObject)[name];
}

/** An own member that is a text, else `undefined`. */
export function textMember(value: Json | undefined, name: string): string | undefined {
  const text = member(value, name);
  return typeof text === 'string' ? text : undefined;
}

/** An own member that is an array, else none. */
export function listMember(value: Json | undefined, name: string): readonly Json[] {
  const list = member(value, name);
  return Array.isArray(list) ? list : [];
}

/** The members of an object that is an own member, else none. */
export function entriesOf(value: Json | undefined): [string, Json][] {
  return isObject(value) ? (Object.entries(value) as [string, Json][]) : [];
}

/** Sets an own member, `__proto__` too. */
export function setMember(object: JsonObject, name: string, value: Json): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A JSON pointer (RFC 6901) some steps below another one. */
export function pointerTo(parent: string, ...names: (string | number)[]): string {
  let pointer = parent;
  for (const name of names) pointer += `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return pointer;
}

/** The steps of a JSON pointer. */
export function pointerSteps(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Freezes a value and all below it, without recursion; what is frozen already is not entered. */
export function freezeDeep<T>(value: T): T {
  const waiting: unknown[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const below of Object.values(next))
      if (typeof below === 'object' && below !== null) waiting.push(below);
  }
  return value;
}
