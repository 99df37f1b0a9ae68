// What an upstream can do with a model, as far as the gateway has to know it (`wire.md` section 7).

/** Differences between upstreams that a run heeds. */
export interface Capabilities {
  /** Where function tools are taken: in a chat request, on `/v1/responses` alone, or nowhere. */
  readonly tools: 'chat' | 'responses' | 'none';
  /** Forms of `tool_choice`: all; only `auto` and `none`; no objects; it is taken but has no effect. */
  readonly toolChoice: 'full' | 'auto' | 'strings' | 'ignored';
  /** Whether a JSON `response_format` may stand beside tools, or has to wait until they are gone (M13). */
  readonly jsonWithTools: 'native' | 'deferred';
  /** Ids of tool calls: any, or exactly nine letters and digits (Q6). */
  readonly toolCallIds: 'any' | 'alphanumeric9';
}

/** What counts while nothing else is known: everything that OpenAI's own API does (C1). */
export const defaultCapabilities: Capabilities = {
  tools: 'chat',
  toolChoice: 'full',
  jsonWithTools: 'native',
  toolCallIds: 'any',
};
