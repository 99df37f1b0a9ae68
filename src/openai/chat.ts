// The words of `/v1/chat/completions`: what the gateway touches is typed, everything else is kept as it came.

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object with members that we may not know. */
export interface JsonObject {
  [name: string]: Json | undefined;
}

/** A call that the model asks for. Unknown members (`extra_content`, ...) stay on it. */
export interface ToolCall {
  id: string;
  type: string;
  function: { name: string; arguments: string; [name: string]: Json | undefined };
  [name: string]: Json | undefined | ToolCall['function'];
}

/** A message of a conversation. */
export interface Message {
  role: string;
  content?: Json;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
  [name: string]: Json | undefined | ToolCall[];
}

/** A fragment of a tool call in a streamed delta. */
export interface ToolCallDelta {
  index?: number;
  id?: string;
  type?: string;
  function?: { name?: string; arguments?: Json };
  [name: string]: Json | undefined;
}

/** What one chunk adds to a choice. */
export interface Delta {
  role?: string;
  content?: Json;
  refusal?: string | null;
  tool_calls?: ToolCallDelta[] | null;
  [name: string]: Json | undefined | ToolCallDelta[];
}

/** One choice of a chunk. */
export interface ChunkChoice {
  index: number;
  delta: Delta;
  finish_reason?: string | null;
  logprobs?: Json;
  [name: string]: Json | undefined | Delta;
}

/** Token counts; every numeric leaf is summed over the steps of a run, unknown ones too. */
export type Usage = JsonObject;

/** One event of a streamed answer. A plain JSON answer is unfolded into chunks, so the loop sees nothing else. */
export interface Chunk {
  id?: string;
  object?: string;
  created?: number;
  model?: string;
  choices: ChunkChoice[];
  usage?: Usage | null;
  [name: string]: Json | undefined | ChunkChoice[] | Usage | null;
}

/**
 * A chunk again and again, with other texts: most of a stream is that, and is neither parsed nor written again
 * (`more-text.ts`). `like` has one choice, whose delta has `content` alone.
 */
export interface MoreText {
  readonly like: Chunk;
  /** In place of the content of `like`, one for each chunk; no character needs an escape in JSON. */
  readonly texts: readonly string[];
  /** In place of the `obfuscation` of `like`, if it has one; likewise. */
  readonly obfuscations: readonly string[] | null;
}

/** A piece of a streamed answer: a chunk, or several. */
export type Piece = Chunk | MoreText;

/** Pieces that came together: one read of the upstream's bytes, one write to the client. */
export type Pieces = readonly Piece[];

/**
 * Hears pieces at once: while everybody on the way waits, what the upstream's socket brings reaches the client's in one
 * call, as waking some twenty promises for each event would cost more than the event
 * (`docs/decisions/2026-11-23-events-at-once.md`). The end, and what fails, always go to the reader.
 */
export interface PiecesListener {
  /** Whether it, and all behind it, can take pieces now; else they wait for the reader. */
  readonly ready: () => boolean;
  readonly hear: (pieces: Pieces) => void;
}

/** The pieces of a stream, read once: each goes to the reader, or to the listener. */
export interface PieceSource extends AsyncIterable<Pieces> {
  readonly listen?: ((listener: PiecesListener) => void) | undefined;
}

/** A JSON answer of an upstream: the bytes that came, and what they say. */
export interface WholeAnswer {
  readonly bytes: Buffer;
  readonly value: JsonObject;
}

/** An upstream's answer that has begun well: from here on no other upstream is asked. */
export type UpstreamAnswer =
  | { readonly whole: WholeAnswer; readonly pieces: readonly Pieces[] }
  | { readonly whole: null; readonly pieces: PieceSource | readonly Pieces[] };

/** One choice of a complete answer. */
export interface Choice {
  index: number;
  message: Message;
  finish_reason: string | null;
  logprobs: Json;
  [name: string]: Json | undefined | Message;
}

/** A complete answer (`chat.completion`). */
export interface Completion {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  choices: Choice[];
  usage?: Usage;
  [name: string]: Json | undefined | Choice[] | Usage;
}

/**
 * What a plugin call was, for `x-plugin-trace` and the audit record. `status` is the plugin's HTTP status, or the
 * error code of a call that got no answer (`plugin_timeout`, `invalid_arguments`, ...).
 */
export interface PluginCall {
  plugin: string;
  operation: string;
  arguments: Json;
  /** How many arguments the model sent that the function does not have; they were left out (`openapi.md` A3). */
  dropped?: number;
  status: number | string;
  milliseconds: number;
  /** The tool result's text; shown only for `x-plugin-trace: full`. */
  result: string;
}

/** What goes back to the model for one tool call. A failed call is a result too: the model reads it. */
export interface ToolResult {
  /** The text of the tool message. */
  content: string;
  /** Absent when no operation was found for the call. */
  call?: PluginCall;
  /** The arguments did not fit: three of these end a run's calls (`security.md` A1). */
  badArguments?: true;
}
