// The two ways in which an upstream is asked for a chat answer: chat completions, or `/v1/responses` (`wire.md` C4).
import { UpstreamError } from '../errors.ts';
import { ChatReader, type AnswerReader } from '../openai/answer-reader.ts';
import type { JsonObject } from '../openai/chat.ts';
import { requestBytes, type ChatRequest } from '../openai/request.ts';
import { createResponsesReader } from '../openai/responses-events.ts';
import { toResponsesRequest } from '../openai/responses-request.ts';

/** How one run talks to its upstream. */
export interface Dialect {
  /** Behind the upstream's base URL. */
  readonly path: string;
  readonly body: (request: ChatRequest) => string | Uint8Array;
  /** Makes the reader of one answer; `maxEventBytes` as the operator says (D3). */
  readonly reader: (maxEventBytes?: number) => AnswerReader;
  /** It answers at once, and is silent while the model thinks: then only the run's own time ends the wait (K5). */
  readonly maybeSilent: boolean;
}

export const chatDialect: Dialect = {
  path: '/chat/completions',
  body: requestBytes,
  reader: (maxEventBytes) => new ChatReader(maxEventBytes),
  maybeSilent: false,
};

/** For one run: the output items of each step go back verbatim with the next, the encrypted reasoning among them. */
export function createResponsesDialect(): Dialect {
  const itemsByCall = new Map<string, readonly JsonObject[]>();
  return {
    path: '/responses',
    body: (request) => toResponsesRequest(request, (callId) => itemsByCall.get(callId)),
    reader: (maxEventBytes) =>
      createResponsesReader((items) => {
        for (const { call_id: id } of items) if (typeof id === 'string') itemsByCall.set(id, items);
      }, maxEventBytes),
    maybeSilent: true,
  };
}

/** C2: a refusal whose words send the request to `/v1/responses`. */
export function pointsToResponses(error: unknown): boolean {
  const refused = error instanceof UpstreamError && [400, 404, 422].includes(error.statusCode);
  return refused && JSON.stringify(error.body).includes('v1/responses');
}
