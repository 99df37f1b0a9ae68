// An operation as the model sees it: a legal, self-contained function definition, and the way back to the operation.
import type { JsonObject } from '../openai/chat.ts';
import type { Operation, Parameter, Schema } from './operation.ts';

/** A function definition exactly as injected into `tools`. Frozen. */
export interface FunctionDefinition {
  readonly type: 'function';
  readonly function: { readonly name: string; readonly description: string; readonly parameters: JsonObject };
}

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
}

/** A function that may be injected. Frozen; made once when its plugin is loaded. */
export interface PluginFunction {
  /** Legal, unique over all plugins (`openapi.md` N1 to N5). */
  readonly name: string;
  /** `name_for_model` of its plugin. */
  readonly plugin: string;
  readonly operation: Operation;
  readonly definition: FunctionDefinition;
  /** `JSON.stringify(definition)`: the bytes that are injected, the same in every step and replica. */
  readonly text: string;
  /** Tokens of `text` (o200k). */
  readonly tokens: number;
  readonly arguments: ReadonlyMap<string, Argument>;
  /** Parameter and top-level body property names that the model may not set, in lower case. */
  readonly hidden: ReadonlySet<string>;
}
