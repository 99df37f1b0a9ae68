// One OpenAPI operation, self-contained: what it takes, where it goes, how it is secured.
import type { Json, JsonObject } from '../openai/chat.ts';
import type { ParameterPlace, PropertyEncoding, ValueEncoding } from '../openapi/serialize.ts';

export type {
  ParameterPlace,
  ParameterStyle,
  PropertyEncoding,
  ValueEncoding,
} from '../openapi/serialize.ts';

/**
 * A JSON Schema of an operation: references inlined (cycles and limits cut to `{type:"object"}`), 3.0's `nullable`
 * and boolean exclusive bounds in their 3.1 form, otherwise complete. What the model sees is derived from it in
 * `function.ts`; what is validated is this.
 */
export type Schema = boolean | JsonObject;

/** A declared parameter. Hidden ones (overridden, reserved headers) are here too; `function.ts` leaves them out. */
export interface Parameter extends ValueEncoding {
  readonly name: string;
  readonly in: ParameterPlace;
  readonly required: boolean;
  readonly description: string;
  readonly deprecated: boolean;
  readonly allowEmptyValue: boolean;
  readonly schema: Schema;
}

export type BodyKind = 'json' | 'form' | 'multipart' | 'text' | 'binary' | 'xml';

/** The declared body, of the one media type that is sent (`openapi.md` B6). */
export interface Body {
  /** As declared, with its parameters; `application/json` for a wildcard. */
  readonly contentType: string;
  readonly kind: BodyKind;
  readonly required: boolean;
  readonly description: string;
  readonly schema: Schema;
  /** By property name; only what the document states. */
  readonly encoding: ReadonlyMap<string, PropertyEncoding>;
}

/** Where and how a credential is placed (`openapi.md` B12). */
export type SecurityScheme =
  | {
      readonly name: string;
      readonly type: 'apiKey';
      readonly in: 'header' | 'query' | 'cookie';
      readonly parameter: string;
    }
  | { readonly name: string; readonly type: 'basic' }
  | { readonly name: string; readonly type: 'bearer' };

/** One operation of a document. Frozen. */
export interface Operation {
  /** The document's `operationId`, else `<method>_<path>` made legal. Unique within the plugin after `name`. */
  readonly id: string;
  /** Upper case. */
  readonly method: string;
  /** The path template, with a leading slash, without its query and fragment part. */
  readonly path: string;
  /** The `?a=1` part of the path key, decoded, in order (`openapi.md` B3). */
  readonly fixedQuery: readonly (readonly [name: string, value: string])[];
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly deprecated: boolean;
  /** May change something outside (`openapi.md` N8). */
  readonly consequential: boolean;
  readonly parameters: readonly Parameter[];
  readonly body: Body | null;
  /** Absolute base URL without a trailing slash (`https://host/base`); `null` when none is known (`server_unknown`). */
  readonly server: string | null;
  /** Alternatives, each a list of schemes that all apply; `null` when the document says nothing about security. */
  readonly security: readonly (readonly SecurityScheme[])[] | null;
  /** Media types of the declared responses, for `Accept`. */
  readonly produces: readonly string[];
  /** JSON pointer of the operation in its document. */
  readonly pointer: string;
}

/** A value that replaces whatever the model says (manifest and settings `params`). `null`: hidden and never sent. */
export type Overrides = ReadonlyMap<string, Json>;
