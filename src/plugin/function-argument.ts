// The arguments of a function: parameters and body on one level, by names that models accept (`openapi.md` N10 to N13).
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../openai/chat.ts';
import { mergeAllOf } from '../openapi/schema-merge.ts';
import type { Schema } from '../openapi/schema.ts';
import { entriesOf, isObject, member, setMember } from '../openapi/value.ts';
import type { Body } from './declared-body.ts';
import { isReservedHeader } from './header.ts';
import { undeclaredNames } from './model-schema.ts';
import { joinTexts } from './model-text.ts';
import { legalName } from './legal-name.ts';
import type { Operation, Overrides } from './operation.ts';
import { matchSpellings } from './override.ts';
import type { Parameter } from './parameter.ts';

/** Where the value of one argument goes. */
export type ArgumentTarget =
  | { readonly kind: 'parameter'; readonly parameter: Parameter }
  | { readonly kind: 'property'; readonly property: string }
  | { readonly kind: 'body' };

/** One argument of a function, by the name that the model uses. */
export interface Argument {
  readonly name: string;
  readonly target: ArgumentTarget;
  readonly required: boolean;
  /** The full schema, for validation and coercion; the model may see less. */
  readonly schema: Schema;
  /** What the model has to know besides the schema. */
  readonly note?: string;
}

/** What a function takes. */
export interface CollectedArguments {
  /** In the order path, query, header, cookie, body. */
  readonly arguments: ReadonlyMap<string, Argument>;
  /** What the document says about a body whose properties became arguments. */
  readonly bodyText: string;
}

const places = ['path', 'query', 'header', 'cookie'] as const;

/** An argument that has no name for the model yet. */
type Nameless = Omit<Argument, 'name'> & { readonly written: string; readonly place: string };

/** The arguments of an operation; what `params` or headers decide is not among them (M15, M19). */
export function collectArguments(
  operation: Operation,
  params: Overrides,
  hiddenHeaders: ReadonlySet<string>,
): CollectedArguments {
  const isOverridden = matchSpellings(params.keys());
  const found: Nameless[] = [];
  for (const place of places) {
    for (const parameter of operation.parameters) {
      if (parameter.in !== place) continue;
      const { name, required, schema } = parameter;
      // No server reads a path by its variables' names: there another spelling is another variable.
      const isFixed = place === 'path' ? params.has(name) : isOverridden(name);
      if (isFixed || isReserved(parameter, hiddenHeaders)) continue;
      found.push({ written: name, place, target: { kind: 'parameter', parameter }, required, schema });
    }
  }
  const body = operation.body ? bodyArguments(operation.body, isOverridden) : null;
  found.push(...(body?.list ?? []));
  return { arguments: nameArguments(found), bodyText: body?.text ?? '' };
}

/** Headers that no model and no document sets (N10, `security.md` A6), and what is a credential. */
function isReserved(parameter: Parameter, hiddenHeaders: ReadonlySet<string>): boolean {
  if (parameter.credential === true) return true;
  if (parameter.in !== 'header') return false;
  return hiddenHeaders.has(parameter.name.toLowerCase()) || isReservedHeader(parameter.name);
}

const textSchemas: Partial<Record<Body['kind'], JsonObject>> = {
  text: { type: 'string' },
  xml: { type: 'string', description: 'the whole body as XML text' },
  binary: { type: 'string', description: 'the whole body, base64' },
};

/** N12: the properties of an object one by one, or the whole as `body`. */
function bodyArguments(
  body: Body,
  isOverridden: (name: string) => boolean,
): { list: Nameless[]; text: string } {
  const merged = isObject(body.schema) ? mergeAllOf(body.schema) : body.schema;
  const texts = [body.description, textOf(merged)];
  if (textSchemas[body.kind] !== undefined || !isFlat(merged)) {
    const schema = textSchemas[body.kind] ?? withoutNames(body.schema, isOverridden);
    const note = joinTexts(body.description, textSchemas[body.kind] ? textOf(merged) : '');
    return {
      list: [
        {
          written: 'body',
          place: 'body',
          target: { kind: 'body' },
          required: body.required,
          schema,
          ...(note && { note }),
        },
      ],
      text: '',
    };
  }
  const needed = member(merged, 'required');
  const required = new Set(Array.isArray(needed) ? needed : []);
  const undeclared = undeclaredNames(merged).map((name): [string, Json] => [name, {}]);
  const list = [...entriesOf(member(merged, 'properties')), ...undeclared]
    .filter(([name]) => !isOverridden(name))
    .map(([name, schema]): Nameless => {
      const isNeeded = required.has(name);
      return {
        written: name,
        place: 'body',
        target: { kind: 'property', property: name },
        required: isNeeded && body.required,
        schema: isObject(schema) || typeof schema === 'boolean' ? schema : {},
        ...(isNeeded && !body.required && { note: 'needed when any part of the body is given' }),
      };
    });
  return { list, text: joinTexts(...texts) };
}

function textOf(schema: Schema): string {
  const text = isObject(schema) ? member(schema, 'description') : undefined;
  return typeof text === 'string' ? text : '';
}

function isFlat(schema: Schema): schema is JsonObject {
  if (!isObject(schema)) return false;
  const type = member(schema, 'type');
  const isObjectType =
    type === undefined ||
    type === 'object' ||
    (Array.isArray(type) && type.every((one) => one === 'object' || one === 'null'));
  const further = member(schema, 'additionalProperties');
  const isOpen =
    (isObject(further) && Object.keys(further).length > 0) ||
    member(schema, 'patternProperties') !== undefined;
  const isUnion = ['anyOf', 'oneOf', 'not', 'if'].some((keyword) => member(schema, keyword) !== undefined);
  return isObjectType && !isOpen && !isUnion && entriesOf(member(schema, 'properties')).length > 0;
}

/** A schema without the overridden properties at its top, in every variant of a union (M13, M15). */
function withoutNames(schema: Schema, isOverridden: (name: string) => boolean): Schema {
  if (!isObject(schema)) return schema;
  const kept: JsonObject = {};
  for (const [keyword, value] of entriesOf(schema)) {
    if (keyword === 'properties' && isObject(value)) {
      const properties: JsonObject = {};
      for (const [name, property] of entriesOf(value))
        if (!isOverridden(name)) setMember(properties, name, property);
      kept[keyword] = properties;
    } else if (keyword === 'required' && Array.isArray(value)) {
      kept[keyword] = value.filter((name) => typeof name !== 'string' || !isOverridden(name));
    } else if (['allOf', 'anyOf', 'oneOf'].includes(keyword) && Array.isArray(value)) {
      kept[keyword] = value.map((one) => (isObject(one) ? withoutNames(one, isOverridden) : one));
    } else setMember(kept, keyword, value);
  }
  return kept;
}

/** N11, N13: the first of a name keeps it, the others get their place before it; all are legal. */
function nameArguments(list: readonly Nameless[]): Map<string, Argument> {
  const named = new Map<string, Argument>();
  for (const { written, place, ...rest } of list) {
    const plain = legalArgument(written);
    const placed = named.has(plain) ? legalArgument(`${place}_${plain}`) : plain;
    let name = placed;
    for (let number = 2; named.has(name); number += 1) name = `${placed.slice(0, 56)}_${number}`;
    named.set(name, { name, ...rest });
  }
  return named;
}

function legalArgument(written: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(written)) return written;
  const legal = legalName(written) || 'argument';
  const started = /^[A-Za-z_]/.test(legal) ? legal : `_${legal}`;
  if (started.length <= 64) return started;
  return `${started.slice(0, 57)}_${createHash('sha256').update(written).digest('hex').slice(0, 6)}`;
}
