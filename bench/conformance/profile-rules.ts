// What the API of each profile takes, written from their descriptions and refusals and without a line of the product's
// code; and whether what a profile has no keyword for is still said.
import type { ProfileName } from '../../src/openai/function-form.ts';
import type { ShownFunction } from './kept.ts';
import { entries, isTree, listAt, textAt, type Tree, type TreeObject } from './tree.ts';

/** What one API takes of a schema. */
interface Rules {
  /** Besides `type description enum properties required items`. */
  readonly keywords: readonly string[];
  readonly description: number;
  /** What else it refuses of one schema. */
  readonly refuses?: (schema: TreeObject, isRoot: boolean) => string | null;
}

const bounds = 'minimum maximum minLength maxLength minItems maxItems minProperties maxProperties'.split(' ');
const others = 'exclusiveMinimum exclusiveMaximum multipleOf uniqueItems additionalProperties'.split(' ');
const all = ['anyOf', 'default', 'format', 'pattern', ...bounds, ...others];
const common: Rules = { keywords: all, description: 1024 };

const rules: Readonly<Record<ProfileName, Rules>> = {
  common,
  openai: { ...common, description: Infinity },
  azure: common,
  // The members of its Schema message, https://ai.google.dev/api/caching#Schema, and the words of its refusals.
  gemini: {
    keywords: ['anyOf', 'format', 'pattern', ...bounds],
    description: 1024,
    refuses: refusedByGemini,
  },
  anthropic: common,
  mistral: common,
  groq: {
    ...common,
    refuses: (schema) =>
      schema['required'] !== undefined && entries(schema['properties']).length === 0
        ? "'required' present but 'properties' is missing"
        : null,
  },
  vllm: {
    ...common,
    keywords: all.filter(
      (one) => !['multipleOf', 'uniqueItems', 'minProperties', 'maxProperties'].includes(one),
    ),
  },
  ollama: { keywords: ['anyOf'], description: 1024 },
};

export const profileNames = Object.keys(rules) as ProfileName[];

function refusedByGemini(schema: TreeObject): string | null {
  const { type, enum: values, format } = schema;
  if (schema['anyOf'] !== undefined)
    return Object.keys(schema).length > 1 ? 'when using any_of, it must be the only field set' : null;
  if (type === undefined) return "schema didn't specify the schema type field";
  if (values !== undefined && type !== 'string') return 'enum: only allowed for STRING type';
  if (listAt(schema, 'enum').some((value) => typeof value !== 'string')) return 'enum: TYPE_STRING';
  if (listAt(schema, 'enum').includes('')) return 'enum: cannot be empty';
  if (type === 'string' && format !== undefined && format !== 'date-time')
    return "only 'enum' and 'date-time' are supported for STRING type";
  if (schema['properties'] !== undefined && entries(schema['properties']).length === 0)
    return 'properties: should be non-empty for OBJECT type';
  return null;
}

const plainTypes = ['string', 'number', 'integer', 'boolean', 'array', 'object'];
const structure = ['type', 'description', 'enum', 'properties', 'required', 'items'];

/** Why an API of the profile would refuse the function; `null` when it would not. */
export function findRefusal(shown: ShownFunction, profile: ProfileName): string | null {
  const { name, description, parameters } = shown;
  const own = rules[profile];
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name)) return `name ${name}`;
  if (description === '' || description.length > own.description) return 'description';
  if (!isTree(parameters) || parameters['type'] !== 'object' || parameters['anyOf'] !== undefined)
    return 'root';
  if (profile !== 'gemini' && !isTree(parameters['properties'])) return 'root without properties';
  for (const [key] of entries(parameters['properties']))
    if (!/^[a-zA-Z0-9_.-]{1,64}$/.test(key)) return `argument ${key}`;
  return findIn(parameters, (schema) => {
    const { type } = schema;
    const unknown = Object.keys(schema).find(
      (key) => !structure.includes(key) && !own.keywords.includes(key),
    );
    if (unknown !== undefined) return `Unknown name "${unknown}"`;
    if (type !== undefined && !plainTypes.some((one) => one === type)) return 'type';
    return stray(schema) ?? own.refuses?.(schema, schema === parameters) ?? null;
  });
}

/** Why a strict mode would refuse the function; `null` when it would not. */
export function findStrictRefusal(shown: ShownFunction & { readonly strict?: boolean }): string | null {
  if (shown.strict !== true) return 'strict is not true';
  const { parameters } = shown;
  if (!isTree(parameters) || parameters['type'] !== 'object') return 'root';
  return findIn(parameters, (schema) => {
    const { type, properties } = schema;
    const unknown = Object.keys(schema).find(
      (key) => ![...structure, 'anyOf', 'additionalProperties'].includes(key),
    );
    if (unknown !== undefined) return `'${unknown}' is not permitted`;
    if (type === undefined && schema['anyOf'] === undefined) return "schema must have a 'type' key";
    const isObject = [type].flat().includes('object');
    if (isObject !== (schema['additionalProperties'] === false))
      return "'additionalProperties' is required to be supplied and to be false";
    const names = entries(properties).map(([name]) => name);
    if (names.length !== listAt(schema, 'required').length)
      return "'required' is required to be an array including every key in properties";
    if (isObject && names.length === 0 && schema !== parameters) return 'an object of any shape';
    return stray(schema);
  });
}

/** What every API refuses: arrays without items, required names without a property, empty enums. */
function stray(schema: TreeObject): string | null {
  if ([schema['type']].flat().includes('array') && !isTree(schema['items']))
    return 'array schema missing items';
  if (schema['enum'] !== undefined && listAt(schema, 'enum').length === 0) return 'empty enum';
  const names = new Set(entries(schema['properties']).map(([name]) => name));
  const unknown = listAt(schema, 'required').find((name) => typeof name !== 'string' || !names.has(name));
  return unknown === undefined ? null : `required: ${JSON.stringify(unknown)} is not defined`;
}

function findIn(schema: Tree, judge: (schema: TreeObject) => string | null): string | null {
  if (!isTree(schema)) return 'no schema';
  const fault = judge(schema);
  if (fault !== null) return fault;
  const further = schema['additionalProperties'];
  const below = [
    ...entries(schema['properties']).map(([, one]) => one),
    ...listAt(schema, 'anyOf'),
    ...(schema['items'] === undefined ? [] : [schema['items']]),
    ...(further === undefined || further === false ? [] : [further]),
  ];
  for (const one of below) {
    const found = findIn(one, judge);
    if (found !== null) return found;
  }
  return null;
}

/** What the `common` form of a schema says and another form does not, by JSON pointer. */
export function findLosses(whole: Tree, formed: Tree, at = ''): string[] {
  if (!isTree(whole)) return [];
  if (!isTree(formed)) return [`${at} is gone`];
  const { shape, text } = lookInto(whole, formed);
  const losses: string[] = [];
  for (const [keyword, value] of Object.entries(whole)) {
    if (keyword === 'required' || keyword === 'type') continue;
    if (keyword === 'description') {
      if (!text.includes(String(value))) losses.push(`${at}/description`);
      continue;
    }
    const isClosed = keyword === 'additionalProperties' && shape[keyword] === false;
    if (shape[keyword] === undefined || isClosed) {
      if (!isSaid(keyword, value, text))
        losses.push(`${at}/${keyword}: ${JSON.stringify(value)} not in ${text}`);
      continue;
    }
    if (keyword === 'properties')
      for (const [name, one] of entries(value))
        losses.push(...findLosses(one, (shape[keyword] as TreeObject)[name], `${at}/${name}`));
    else if (keyword === 'anyOf')
      for (const [index, one] of listAt(whole, 'anyOf').entries())
        losses.push(...findLosses(one, listAt(shape, 'anyOf')[index], `${at}/anyOf/${String(index)}`));
    else if (keyword === 'items' || keyword === 'additionalProperties')
      losses.push(...findLosses(value, shape[keyword], `${at}/${keyword}`));
    else if (JSON.stringify(shape[keyword]) !== JSON.stringify(value) && !isSaid(keyword, value, text))
      losses.push(`${at}/${keyword}: ${JSON.stringify(value)} became ${JSON.stringify(shape[keyword])}`);
  }
  return losses;
}

/** The shape of a form, behind a union that was only made for `null` or for "any value"; and all that it tells. */
function lookInto(whole: TreeObject, formed: TreeObject): { shape: TreeObject; text: string } {
  let shape = formed;
  let text = '';
  for (let here: Tree = formed; isTree(here); here = listAt(here, 'anyOf')[0])
    text += `\n${textAt(here, 'description') ?? ''}`;
  const variants = listAt(formed, 'anyOf');
  if (variants.length > 0 && whole['anyOf'] === undefined) shape = variants[0] as TreeObject;
  return { shape, text };
}

/** Whether a value stands in a text: as JSON, as plain text, each bound of a range on its own. */
function isSaid(keyword: string, value: Tree, text: string): boolean {
  if (keyword === 'uniqueItems') return value === false || text.includes('no item twice');
  if (keyword === 'additionalProperties' && entries(value).length === 0)
    return text.includes('names are free');
  if (keyword === 'properties' && entries(value).length === 0) return true;
  if (Array.isArray(value) && value.every((one) => text.includes(JSON.stringify(one)))) return true;
  return typeof value === 'string' ? text.includes(value) : text.includes(JSON.stringify(value));
}
