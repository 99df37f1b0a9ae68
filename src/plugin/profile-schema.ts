// A shown schema in another profile: what the profile refuses is said in words, what it misses is added (S2, S9).
import type { Json, JsonObject } from '../openai/chat.ts';
import { entriesOf, isObject, setMember, textMember } from '../openapi/value.ts';
import { withWords, wordsFor } from './constraint-words.ts';
import { takesFormat, type Profile } from './profile.ts';

/** What stands for a value of any type where a type has to be named. */
const anyValue: readonly JsonObject[] = [
  { type: 'string' },
  { type: 'number' },
  { type: 'boolean' },
  { type: 'object' },
  { type: 'array', items: { type: 'string' } },
];

/** A schema of the `common` profile in another one. Names stay: the way back is the same in all profiles. */
export function fitSchema(schema: JsonObject, profile: Profile): JsonObject {
  const moved: JsonObject = {};
  const kept: JsonObject = {};
  const refuses = refusalOf(schema, profile);
  for (const [keyword, value] of entriesOf(schema)) {
    if (refuses(keyword, value)) moved[keyword] = value;
    else kept[keyword] = fitMember(keyword, value, profile);
  }
  if (profile.textEnums && Array.isArray(kept['enum'])) keepTexts(kept, moved);
  if (profile.typed) nameType(kept);
  const { type, description: own, ...rest } = kept;
  const description = withWords(typeof own === 'string' ? own : '', wordsFor(moved));
  const fitted: JsonObject = {
    ...(type !== undefined && { type }),
    ...(description !== '' && { description }),
    ...rest,
  };
  return profile.loneUnions && fitted['anyOf'] !== undefined ? standAlone(fitted) : fitted;
}

function fitMember(keyword: string, value: Json, profile: Profile): Json {
  const fit = (one: Json): Json => (isObject(one) ? fitSchema(one, profile) : one);
  if (keyword === 'items' || keyword === 'additionalProperties') return fit(value);
  if (keyword === 'anyOf' && Array.isArray(value)) return value.map(fit);
  if (keyword !== 'properties' || !isObject(value)) return value;
  const properties: JsonObject = {};
  for (const [name, one] of entriesOf(value)) setMember(properties, name, fit(one));
  return properties;
}

/** Tells whether the profile refuses a keyword of this schema. */
function refusalOf(schema: JsonObject, profile: Profile): (keyword: string, value: Json) => boolean {
  const hasShape = entriesOf(schema['properties']).length > 0 || schema['items'] !== undefined;
  return (keyword, value) => {
    switch (keyword) {
      case 'type':
      case 'description':
      case 'required':
      case 'items':
        return false;
      case 'properties':
        return profile.noEmptyProperties && entriesOf(value).length === 0;
      case 'anyOf':
        // The one that is told in full is the one that says more.
        return profile.loneUnions && hasShape;
      case 'enum':
        return profile.textEnums && !isTextEnum(schema, value);
      case 'format':
        return !profile.keywords.has(keyword) || !takesFormat(profile, schema);
      default:
        return !profile.keywords.has(keyword);
    }
  };
}

function isTextEnum({ type }: JsonObject, values: Json): boolean {
  return (
    (type === undefined || type === 'string') &&
    Array.isArray(values) &&
    values.every((value) => typeof value === 'string') &&
    values.some((value) => value !== '')
  );
}

/** An empty text is no value of an enum there: it is told beside it. */
function keepTexts(kept: JsonObject, moved: JsonObject): void {
  const values = kept['enum'] as Json[];
  kept['type'] = 'string';
  if (!values.includes('')) return;
  kept['enum'] = values.filter((value) => value !== '');
  moved['enum'] = values;
}

function nameType(kept: JsonObject): void {
  if (kept['type'] !== undefined || kept['anyOf'] !== undefined) return;
  if (kept['properties'] !== undefined) kept['type'] = 'object';
  else if (kept['items'] !== undefined) kept['type'] = 'array';
  else kept['anyOf'] = [...anyValue];
}

/** The union alone; what stood beside it is told with its first variant. */
function standAlone(schema: JsonObject): JsonObject {
  const { anyOf, type, description: _text, ...rest } = schema;
  const [first, ...others] = Array.isArray(anyOf) ? anyOf : [];
  const text = textMember(schema, 'description') ?? '';
  const words = [text, ...wordsFor(rest)].filter((word) => word !== '');
  const { type: own = type, description: inner, ...shape } = isObject(first) ? first : {};
  const description = withWords(words.join('\n'), typeof inner === 'string' ? [inner] : []);
  const told: JsonObject = {
    ...(own !== undefined && { type: own }),
    ...(description !== '' && { description }),
    ...shape,
  };
  return { anyOf: [told['anyOf'] === undefined ? told : standAlone(told), ...others] };
}
