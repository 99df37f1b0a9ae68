// A full schema as the model sees it: everything it may send, in the few words that all models take (S2 to S4, S9).
import type { Json, JsonObject } from '../openai/chat.ts';
import { mergeAllOf, type OnConflict } from '../openapi/schema-merge.ts';
import type { Schema } from '../openapi/schema.ts';
import { entriesOf, isObject, member, setMember, textMember } from '../openapi/value.ts';
import { cleanText } from './model-text.ts';

/** Keywords that are shown as they are; a profile may move them into words (`profile.ts`). */
export const plainKeywords = [
  'default',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
] as const;

/** Keywords that the profile has no room for: they become words (S2). */
const worded = [
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'dependentSchemas',
  'dependentRequired',
];

const longestWords = 200;
const longestExample = 120;

/** How one schema is shown. */
export interface ShowOptions {
  /** The name under which it stands: a title that repeats it says nothing. */
  readonly name?: string;
  /** An optional value that may be null is simply left out; a required one has to say it (S3). */
  readonly required?: boolean;
  readonly onConflict?: OnConflict;
}

/** One schema while it is shown. */
interface Showing {
  readonly schema: JsonObject;
  readonly shown: JsonObject;
  readonly words: string[];
  readonly onConflict: OnConflict;
  nullable: boolean;
}

/**
 * The schema in the `common` profile, complete (level L1): one `type`, `anyOf` as the only union, `enum` for `const`,
 * arrays with `items`, no references, no `null`. What the profile has no keyword for stands in the description.
 */
export function showSchema(schema: Schema, options: ShowOptions = {}): JsonObject {
  if (typeof schema === 'boolean') return {};
  const onConflict = options.onConflict ?? (() => {});
  const merged = mergeAllOf(schema, onConflict);
  const showing: Showing = { schema: merged, shown: {}, words: [], onConflict, nullable: false };
  const types = showType(showing);
  showValues(showing);
  for (const keyword of plainKeywords) {
    const value = member(merged, keyword);
    if (value !== undefined && value !== null) showing.shown[keyword] = value;
  }
  showObject(showing);
  showArray(showing);
  const variants = [...types, ...showUnion(showing)];
  joinVariants(showing, variants);
  for (const keyword of worded) {
    const value = member(merged, keyword);
    if (value !== undefined)
      showing.words.push(`${keyword}: ${JSON.stringify(value).slice(0, longestWords)}`);
  }
  if (showing.nullable && options.required === true) showing.words.push('may be null');
  return { ...pick(showing.shown, 'type'), ...describe(showing, options.name ?? ''), ...showing.shown };
}

function pick(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return value === undefined ? {} : { [name]: value };
}

/** One type; several become variants of a union, each with the keywords that only it knows. */
function showType(showing: Showing): JsonObject[] {
  const { schema, shown } = showing;
  const declared = member(schema, 'type');
  const list = Array.isArray(declared) ? declared : declared === undefined ? [] : [declared];
  showing.nullable = list.includes('null');
  const types = list.filter((type) => type !== 'null');
  if (types.length > 1) {
    return types.map((type) =>
      type === 'array' && !isObject(member(schema, 'items')) ? { type, items: {} } : { type },
    );
  }
  if (types[0] !== undefined) shown['type'] = types[0];
  else if (isObject(member(schema, 'properties'))) shown['type'] = 'object';
  return [];
}

function showValues(showing: Showing): void {
  const { schema, shown } = showing;
  const constant = member(schema, 'const');
  const values = constant === undefined ? member(schema, 'enum') : [constant];
  if (!Array.isArray(values)) return;
  const present = values.filter((value) => value !== null);
  if (present.length < values.length) showing.nullable = true;
  if (present.length > 0) shown['enum'] = present;
  const kinds = new Set(present.map((value) => typeof value));
  const only = kinds.size === 1 ? [...kinds][0] : undefined;
  if (shown['type'] === undefined && (only === 'string' || only === 'number' || only === 'boolean'))
    shown['type'] = only;
}

function showObject(showing: Showing): void {
  const { schema, shown, words, onConflict } = showing;
  const required = new Set(namesOf(schema));
  const properties: JsonObject = {};
  for (const [name, property] of entriesOf(member(schema, 'properties'))) {
    if (!isObject(property) && property !== true) continue;
    setMember(properties, name, showSchema(property, { name, required: required.has(name), onConflict }));
  }
  const names = Object.keys(properties);
  if (names.length > 0) {
    names.push(...undeclaredNames(schema));
    for (const name of names) if (!Object.hasOwn(properties, name)) setMember(properties, name, {});
    shown['properties'] = properties;
    const kept = names.filter((name) => required.has(name));
    if (kept.length > 0) shown['required'] = kept;
  } else if (required.size > 0) words.push(`needs ${[...required].join(', ')}`);
  const patterns = entriesOf(member(schema, 'patternProperties'));
  const further = member(schema, 'additionalProperties') ?? patterns[0]?.[1];
  if (isObject(further)) shown['additionalProperties'] = showSchema(further, { onConflict });
  if (patterns.length > 0) words.push(`names match ${patterns.map(([pattern]) => pattern).join(' or ')}`);
}

/** Names that an object must have and does not describe: the model has to know of them. */
export function undeclaredNames(schema: JsonObject): string[] {
  // with a union, its variants describe them
  if (['anyOf', 'oneOf'].some((keyword) => member(schema, keyword) !== undefined)) return [];
  const described = member(schema, 'properties');
  return namesOf(schema).filter((name) => member(described, name) === undefined);
}

function showArray(showing: Showing): void {
  const { schema, shown, words, onConflict } = showing;
  const items = member(schema, 'items');
  const first = member(schema, 'prefixItems');
  if (Array.isArray(first)) {
    const distinct = unique(first.map((one) => showSchema(asSchema(one), { onConflict })));
    shown['items'] = distinct.length === 1 ? (distinct[0] ?? {}) : { anyOf: [...distinct] };
    words.push('items in the order given');
  } else if (isObject(items)) shown['items'] = showSchema(items, { required: true, onConflict });
  else if (shown['type'] === 'array') shown['items'] = {};
}

function asSchema(value: Json): Schema {
  return isObject(value) || typeof value === 'boolean' ? value : {};
}

function unique(schemas: readonly JsonObject[]): readonly JsonObject[] {
  if (schemas.length < 2) return schemas;
  const seen = new Map<string, JsonObject>();
  for (const schema of schemas) {
    const text = JSON.stringify(schema);
    if (!seen.has(text)) seen.set(text, schema);
  }
  return [...seen.values()];
}

/** The variants of `anyOf` and `oneOf`; those that only demand names become words. */
function showUnion(showing: Showing): readonly JsonObject[] {
  const { schema, words, onConflict } = showing;
  const written = ['anyOf', 'oneOf'].map((keyword) => member(schema, keyword)).find(Array.isArray) ?? [];
  const variants: JsonObject[] = [];
  const demands: string[] = [];
  for (const one of written) {
    const variant = asSchema(one);
    if (isObject(variant) && variant['type'] === 'null') showing.nullable = true;
    else if (isObject(variant) && isDemand(variant)) demands.push(namesOf(variant).join(' and '));
    else {
      const whole =
        isObject(variant) && schema['type'] !== undefined ? { type: schema['type'], ...variant } : variant;
      variants.push(showSchema(whole, { onConflict }));
    }
  }
  if (demands.length > 0) words.push(`needs ${demands.join(', or ')}`);
  return unique(variants);
}

function isDemand(variant: JsonObject): boolean {
  return (
    Object.keys(variant).every((keyword) => keyword === 'required' || keyword === 'type') &&
    namesOf(variant).length > 0
  );
}

function namesOf(schema: JsonObject): string[] {
  const required = member(schema, 'required');
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}

/** Puts the variants in: a single one is the schema itself, string enums are one enum (S4). */
function joinVariants(showing: Showing, variants: readonly JsonObject[]): void {
  const { shown } = showing;
  const [only] = variants;
  if (variants.length === 0 || !only) return;
  const enums = variants.map((variant) => member(variant, 'enum'));
  const plainEnums = variants.every(
    (variant) => variant['type'] === 'string' && Object.keys(variant).length === 2,
  );
  if (variants.length === 1) {
    const { description, ...rest } = only;
    for (const [keyword, value] of entriesOf(rest))
      if (shown[keyword] === undefined) setMember(shown, keyword, value);
    if (typeof description === 'string') showing.words.unshift(description);
  } else if (plainEnums && enums.every(Array.isArray)) {
    shown['type'] = 'string';
    shown['enum'] = [...new Set(enums.flat().filter((value) => value !== undefined))];
  } else {
    // the variants say the type: beside a union of variants it would be said twice
    if (shown['properties'] === undefined) delete shown['type'];
    shown['anyOf'] = [...variants];
  }
}

/** The description with all that was moved into it. */
function describe(showing: Showing, name: string): JsonObject {
  const { schema, shown, words } = showing;
  if (member(schema, 'deprecated') === true) words.unshift('deprecated');
  const format = textMember(schema, 'format');
  if (format === 'binary' || format === 'byte' || member(schema, 'contentEncoding') === 'base64')
    words.push('base64 or data URL');
  const own = cleanText(textMember(schema, 'description') ?? '');
  const title = cleanText(textMember(schema, 'title') ?? '');
  let text = own === '' && !repeats(title, name) ? title : own;
  const examples = member(schema, 'examples');
  const example = member(schema, 'example') ?? (Array.isArray(examples) ? examples[0] : undefined);
  if (text === '' && shown['enum'] === undefined && example !== undefined) {
    const json = JSON.stringify(example);
    if (json.length <= longestExample) words.push(`e.g. ${json}`);
  }
  for (const word of words) if (!text.includes(word)) text = text === '' ? word : `${text}\n${word}`;
  return text === '' ? {} : { description: text };
}

function bareWords(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Whether a text says the name alone: FastAPI and others give every property its own name as title. */
export function repeats(text: string, name: string): boolean {
  return bareWords(text) === bareWords(name);
}
