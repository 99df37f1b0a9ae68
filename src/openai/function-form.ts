// In which form an upstream gets the functions of plugins (`openapi.md` S8, S9): what upstreams and plugins agree on.

/** What an API takes of a function definition; the table is in `plugin/profile.ts`. */
export type ProfileName =
  | 'common'
  | 'openai'
  | 'azure'
  | 'gemini'
  | 'anthropic'
  | 'mistral'
  | 'groq'
  | 'vllm'
  | 'ollama';

/** The form of all functions in one request. */
export interface FunctionForm {
  readonly profile: ProfileName;
  /** The upstream holds the model to the schema, for functions whose schema allows it (S8). */
  readonly strict: boolean;
}

/** What every API takes (S9). */
export const commonForm: FunctionForm = { profile: 'common', strict: false };
