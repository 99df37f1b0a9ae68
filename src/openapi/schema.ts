// A schema of a document made self-contained: references inlined within bounds, old spellings in their 3.1 form.
import type { Json, JsonObject } from '../openai/chat.ts';
import type { ApiDocument } from './document.ts';
import type { Report } from './diagnostic.ts';
import type { References } from './reference.ts';
import { modernise, tagVariant } from './schema-form.ts';
import type { Meter } from './schema-meter.ts';
import { entriesOf, isObject, listMember, member, pointerTo, setMember } from './value.ts';

/**
 * A JSON Schema of an operation: references inlined (cycles and limits cut to `{type:"object"}`), 3.0's `nullable`
 * and boolean exclusive bounds in their 3.1 form, `readOnly` properties left out because they are never sent,
 * otherwise complete. What the model sees is derived from it in `function.ts`; what is validated is this.
 */
export type Schema = boolean | JsonObject;

/** What a schema keeps that is shown without its parts. */
const shallow = [
  'type',
  'title',
  'description',
  'format',
  'enum',
  'const',
  'default',
  'nullable',
  'readOnly',
  'deprecated',
];

const schemaMaps = new Set(['patternProperties', 'dependentSchemas']);
const schemaLists = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const singleSchemas = new Set([
  'additionalProperties',
  'items',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'unevaluatedProperties',
  'unevaluatedItems',
]);
/** Of no use to a validator or a model; definitions are inlined where they are used. */
const dropped = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$dynamicAnchor',
  '$comment',
  '$defs',
  'definitions',
  'xml',
  'externalDocs',
]);

interface Place {
  readonly pointer: string;
  /** Targets that are being inlined above this place. */
  readonly path: readonly string[];
  readonly depth: number;
}

/** What inlining works with. */
export interface Inlining {
  readonly document: ApiDocument;
  readonly references: References;
  readonly report: Report;
  readonly meter: Meter;
  /** Names of `readOnly` properties that were left out, by the schema that had them. */
  readonly omitted: WeakMap<JsonObject, ReadonlySet<string>>;
}

/** Reads a schema, inlining what it refers to as far as the meter has room. Throws its {@link Outgrown}. */
export type Inline = (value: Json | undefined, pointer: string) => Schema;

/** An inliner of the schemas of one operation. */
export function createInline({ document, references, report, meter, omitted }: Inlining): Inline {
  const strict = document.version === '2.0' || document.version === '3.0';

  /** What is of the wrong kind says nothing (D10), as an empty value of YAML does. */
  function ignore(value: Json | undefined, what: string, pointer: string): void {
    if (value !== undefined && value !== null)
      report.warning('misplaced', pointer, `${what}; it is ignored.`);
  }

  function reform(schema: JsonObject, { pointer }: Place): JsonObject {
    return modernise(schema, (code, message) => report.warning(code, pointer, message));
  }

  /** A schema of the right type and some description, open for the rest. */
  function readShallow(value: JsonObject, place: Place): Schema {
    const target = references.follow(value, place.pointer);
    const own: JsonObject = {};
    if (target.kind === 'found') {
      for (const name of shallow) {
        const kept = member(target.value, name);
        if (kept !== undefined) own[name] = kept;
      }
      if (isObject(member(target.value, 'properties'))) own['type'] ??= 'object';
      const isReference = target.pointer !== place.pointer;
      if (isReference && own['title'] === undefined) own['description'] ??= nameOf(target.pointer);
    }
    return reform(own, place);
  }

  function readReference(value: JsonObject, reference: string, place: Place): Schema {
    meter.resolve();
    const target = references.find(reference);
    if (target.kind !== 'found') {
      const external = target.kind === 'external';
      const message = external
        ? `The reference ${reference} leaves the document and is not opened; anything is accepted there.`
        : `The reference ${reference} leads nowhere; anything is accepted there.`;
      report.warning(external ? 'ref-external' : 'ref-broken', place.pointer, message);
      return {};
    }
    const { pointer } = target;
    if (place.path.includes(pointer)) {
      meter.repeat(pointer);
      return { type: 'object', description: `${nameOf(pointer)} again, as above` };
    }
    const path = [...place.path, pointer];
    const depth = place.depth + 1;
    const inlined = meter.share(pointer, place.path, depth, () =>
      read(target.value, { pointer, path, depth }),
    );
    return overlay(inlined, value, place);
  }

  /** F5: what stands beside a reference overrides its target; in 2.0 and 3.0 only texts may stand there. */
  function overlay(inlined: Schema, value: JsonObject, place: Place): Schema {
    const { $ref: _, $dynamicRef: __, ...siblings } = value;
    const kept = strict ? pickText(siblings) : siblings;
    if (Object.keys(kept).length === 0 || inlined === false) return inlined;
    const over = read(kept, { ...place, depth: place.depth + 1 });
    if (typeof over === 'boolean') return inlined;
    // once more: an `enum` beside the reference is read in the type of the target
    const both = reform({ ...(inlined === true ? {} : inlined), ...over }, place);
    if (isObject(inlined)) omitted.set(both, omitted.get(inlined) ?? new Set());
    return both;
  }

  function readProperties(value: Json, place: Place, schema: JsonObject): void {
    const properties: JsonObject = {};
    const readOnly = new Set<string>();
    const required = new Set<string>();
    for (const [name, written] of entriesOf(value)) {
      const pointer = pointerTo(place.pointer, 'properties', name);
      // `title:` and nothing behind it is a property all the same
      const property = written ?? {};
      if (!isSchema(property)) {
        ignore(property, `The property ${name} is no schema`, pointer);
        continue;
      }
      const inlined = read(property, { ...place, pointer, depth: place.depth + 1 });
      if (isObject(inlined) && inlined['readOnly'] === true) {
        readOnly.add(name);
        continue;
      }
      setMember(properties, name, inlined);
      if (member(property, 'required') === true) {
        required.add(name);
        report.warning(
          'required-boolean',
          pointer,
          `"required: true" on ${name}: list it in "required" of its parent instead.`,
        );
      }
    }
    schema['properties'] = properties;
    if (readOnly.size > 0) omitted.set(schema, readOnly);
    if (required.size > 0) schema['required'] = [...namesIn(schema['required']), ...required];
  }

  /** A property that is left out cannot be required, wherever an `allOf` says so. */
  function forget(schema: JsonObject): void {
    const members = Array.isArray(schema['allOf']) ? schema['allOf'].filter(isObject) : [];
    const names = new Set(omitted.get(schema));
    for (const one of members) for (const name of omitted.get(one) ?? []) names.add(name);
    if (names.size === 0) return;
    omitted.set(schema, names);
    const parts = listMember(schema, 'allOf').map((one) => withoutRequired(one, names));
    if (parts.length > 0) schema['allOf'] = parts;
    if (Array.isArray(schema['required'])) schema['required'] = without(schema['required'], names);
  }

  function readMember(name: string, value: Json, whole: JsonObject, place: Place, schema: JsonObject): void {
    const below = (pointer: string): Place => ({ ...place, pointer, depth: place.depth + 1 });
    if (schemaMaps.has(name)) {
      const map: JsonObject = {};
      for (const [key, one] of entriesOf(value))
        setMember(map, key, read(one, below(pointerTo(place.pointer, name, key))));
      schema[name] = map;
    } else if (schemaLists.has(name)) {
      if (!Array.isArray(value)) return ignore(value, `"${name}" is no list of schemas`, place.pointer);
      schema[name] = value.map((one, index) => {
        const variant = read(one, below(pointerTo(place.pointer, name, index)));
        return name === 'allOf' ? variant : tagVariant(variant, one, member(whole, 'discriminator'));
      });
    } else if (name === 'items' && Array.isArray(value)) {
      readMember('prefixItems', value, whole, place, schema);
    } else if (singleSchemas.has(name)) {
      if (!isSchema(value)) return ignore(value, `"${name}" is no schema`, place.pointer);
      schema[name] = read(value, below(pointerTo(place.pointer, name)));
    } else if (!dropped.has(name) && !name.startsWith('x-')) setMember(schema, name, value);
  }

  function read(value: Json | undefined, place: Place): Schema {
    if (typeof value === 'boolean') return value;
    if (!isObject(value)) {
      ignore(value, 'What stands here is no schema', place.pointer);
      return {};
    }
    if (!meter.take(place.depth)) return readShallow(value, place);
    const reference = member(value, '$ref') ?? member(value, '$dynamicRef');
    if (typeof reference === 'string') return readReference(value, reference, place);
    const schema: JsonObject = {};
    // properties last: a list `required` beside them is read by then
    for (const [name, one] of entriesOf(value))
      if (name !== 'properties') readMember(name, one, value, place, schema);
    const properties = member(value, 'properties');
    if (isObject(properties)) readProperties(properties, place, schema);
    else ignore(properties, '"properties" is no object of schemas', place.pointer);
    forget(schema);
    return reform(schema, place);
  }

  return (value, pointer) => read(value, { pointer, path: [pointer], depth: 0 });
}

function isSchema(value: Json): value is Schema {
  return typeof value === 'boolean' || isObject(value);
}

function nameOf(pointer: string): string {
  return pointer.split('/').at(-1) ?? 'the schema';
}

function pickText(siblings: JsonObject): JsonObject {
  return typeof siblings['description'] === 'string' ? { description: siblings['description'] } : {};
}

/** The schema, or a copy that does not demand these names: other schemas may have it as a part. */
function withoutRequired(schema: Json, names: ReadonlySet<string>): Json {
  if (!isObject(schema) || !Array.isArray(schema['required'])) return schema;
  return { ...schema, required: without(schema['required'], names) };
}

function without(required: readonly Json[], names: ReadonlySet<string>): Json[] {
  return required.filter((name) => typeof name !== 'string' || !names.has(name));
}

function namesIn(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}
