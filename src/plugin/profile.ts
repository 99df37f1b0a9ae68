// What the APIs of models take of a function definition: a table of profiles (`openapi.md` S9, `wire.md` Q6).
import type { JsonObject } from '../openai/chat.ts';
import type { ProfileName } from '../openai/function-form.ts';
import { plainKeywords } from './model-schema.ts';

/** Keywords besides `type`, `description`, `enum`, `properties`, `required`, `items` and `anyOf`. */
const constraints = [...plainKeywords, 'additionalProperties'] as const;

type Constraint = (typeof constraints)[number];

/** How large a strict function may be (S8). */
export interface StrictLimits {
  readonly properties: number;
  readonly levels: number;
  /** Characters of all names and enum values together. */
  readonly characters: number;
  readonly enumValues: number;
}

/** What an API takes. Every profile takes what `common` is made of; some take less, and get the rest in words (S2). */
export interface Profile {
  /** Keywords that it takes; the others become words. */
  readonly keywords: ReadonlySet<string>;
  /** Values of `format` that it takes, by type; `null`: all. */
  readonly formats: ReadonlyMap<string, readonly string[]> | null;
  /** Enums hold texts alone, none of them empty, and their type is `string`. */
  readonly textEnums: boolean;
  /** `anyOf` stands without any other keyword. */
  readonly loneUnions: boolean;
  /** Every schema has a type or is a union. */
  readonly typed: boolean;
  /** `properties` are left out rather than empty. */
  readonly noEmptyProperties: boolean;
  readonly longestDescription: number;
  /** `null`: `strict` means nothing to it. */
  readonly strict: StrictLimits | null;
}

const strictToday = { properties: 5000, levels: 10, characters: 120_000, enumValues: 1000 } as const;
const strictBefore = { properties: 100, levels: 5, characters: 15_000, enumValues: 500 } as const;

/** Inline schemas with one type, unions below the root, 1,024 characters of description: taken everywhere (S9). */
const common: Profile = {
  keywords: new Set(constraints),
  formats: null,
  textEnums: false,
  loneUnions: false,
  typed: false,
  noEmptyProperties: false,
  longestDescription: 1024,
  strict: strictToday,
};

/** What each API takes beyond `common`, or less, and where that was seen. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  common,

  // Longer descriptions are accepted since May 2025 (openai-dotnet#317, zed#42393).
  openai: { ...common, longestDescription: Infinity },

  // The description's limit is enforced (OpenHands#4838), and so are the older limits of strict (ellmer#671).
  azure: { ...common, strict: strictBefore },

  // Its Schema has no other keywords: "Unknown name" (zed#44875, unity-gateway#491); `default` at older ones.
  // `format` (gemini-cli#3178), enums (9router#359, opencode#46676), a union's neighbours (opencode#15795, litellm#11164),
  // the missing type (adk-python#6381), empty properties (SWE-agent#1431).
  gemini: {
    ...common,
    keywords: allBut(
      'default',
      'exclusiveMinimum',
      'exclusiveMaximum',
      'multipleOf',
      'uniqueItems',
      'additionalProperties',
    ),
    formats: new Map([
      ['string', ['date-time']],
      ['integer', ['int32', 'int64']],
      ['number', ['float', 'double']],
    ]),
    textEnums: true,
    loneUnions: true,
    typed: true,
    noEmptyProperties: true,
    strict: null,
  },

  // Top-level keys `^[a-zA-Z0-9_.-]{1,64}$`: `common` names are narrower (appstore-connect-mcp#2); `strict` is ignored.
  anthropic: { ...common, strict: null },

  // Schemas as `common`; ids of calls are the matter of `upstream/fit-request.ts` (opencode#1680).
  mistral: common,

  // `required` without `properties` is refused, which `common` never has (strix#1088). Objects are closed in strict mode
  // alone, which is what wants it (eigent#1786): calls are checked there, and a needless argument would end the run.
  groq: common,

  // Where a call is forced, a grammar is made of the schema; these have none (xgrammar of vllm, vllm#16880).
  vllm: { ...common, keywords: allBut('multipleOf', 'uniqueItems', 'minProperties', 'maxProperties') },

  // Drops what it does not know without a word (ollama `api/types.go`).
  ollama: { ...common, keywords: new Set(), strict: null },
};

function allBut(...refused: readonly Constraint[]): ReadonlySet<string> {
  return new Set(constraints).difference(new Set(refused));
}

/** Whether the profile takes the `format` of a schema. */
export function takesFormat({ formats }: Profile, { type, format }: JsonObject): boolean {
  if (formats === null) return true;
  return (
    typeof type === 'string' && typeof format === 'string' && formats.get(type)?.includes(format) === true
  );
}

/** The profile with the few keywords that every strict mode has: what a grammar cannot hold stands in words (S8). */
export function strictProfile(profile: Profile): Profile {
  return { ...profile, keywords: new Set() };
}
