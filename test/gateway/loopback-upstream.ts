// An OpenAI-compatible API on loopback that plays a script of answers and records every request.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import type { JsonObject } from '../../src/openai/chat.ts';
import {
  receive,
  startLoopbackServer,
  type LoopbackServer,
  type ReceivedRequest,
  type Scope,
} from './loopback-server.ts';
import { cutAt, rechunk } from './rechunk.ts';

/** A request to the upstream; `json` is its parsed body, empty when there was none. */
export interface UpstreamRequest extends ReceivedRequest {
  readonly json: JsonObject;
}

/** Plays one answer. */
export type Answer = (request: UpstreamRequest, response: ServerResponse) => void | Promise<void>;

/** Answers in the order of the requests, or chosen by request (number from 0). */
export type Script = readonly Answer[] | ((request: UpstreamRequest, number: number) => Answer);

/** A listening upstream with the requests that it received. */
export interface LoopbackUpstream extends LoopbackServer {
  /** Base URL, ends in `/v1`. */
  readonly url: string;
  /** Every request, in order. */
  readonly requests: readonly UpstreamRequest[];
  /** The requests to `/v1/chat/completions`, in order. */
  readonly chats: readonly UpstreamRequest[];
  /** Resolves with the request of this number (from 0) to `/v1/chat/completions`. */
  chat(number: number): Promise<UpstreamRequest>;
}

/** Starts an upstream. Paths besides chat completions are answered by `elsewhere`. */
export async function startLoopbackUpstream(
  scope: Scope,
  script: Script,
  elsewhere: Answer = answerJson({ error: { message: 'Unknown path', type: 'invalid_request_error' } }, 404),
): Promise<LoopbackUpstream> {
  const requests: UpstreamRequest[] = [];
  const chats: UpstreamRequest[] = [];
  const arrivals = new Map<number, PromiseWithResolvers<UpstreamRequest>>();
  const arrival = (number: number) => {
    const known = arrivals.get(number) ?? Promise.withResolvers<UpstreamRequest>();
    arrivals.set(number, known);
    return known;
  };
  const server = await startLoopbackServer(scope, (incoming, response) => {
    void receive(incoming, response)
      .then((received) => {
        const request = { ...received, json: parseBody(received.body) };
        requests.push(request);
        if (request.path !== '/v1/chat/completions') return elsewhere(request, response);
        const number = chats.push(request) - 1;
        arrival(number).resolve(request);
        const answer = typeof script === 'function' ? script(request, number) : script[number];
        return (answer ?? offScript)(request, response);
      })
      .catch(() => response.destroy());
  });
  return {
    ...server,
    url: `${server.origin}/v1`,
    requests,
    chats,
    chat: (number) => arrival(number).promise,
  };
}

function parseBody(body: Buffer): JsonObject {
  try {
    return JSON.parse(body.toString()) as JsonObject;
  } catch {
    return {};
  }
}

/** More requests than the script has answers: 418, which nobody repeats and no test expects. */
const offScript: Answer = answerJson(
  { error: { message: 'off script', type: 'test', code: 'off_script' } },
  418,
);

/** Answers with a JSON body. */
export function answerJson(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
}

/** Answers with an error in OpenAI's envelope. */
export function answerError(status: number, code: string, headers: Record<string, string> = {}): Answer {
  const error = { message: `upstream says ${code}`, type: 'invalid_request_error', param: null, code };
  return answerJson({ error }, status, headers);
}

/** How bytes are played. */
export interface Playing {
  readonly contentType?: string;
  readonly headers?: Record<string, string>;
  /** Cut the bytes at random borders, one write each. */
  readonly seed?: number;
  /** Cut at this many borders, rather than about every 97 bytes. */
  readonly cuts?: number;
  /** Destroy the connection after the last byte instead of ending the answer. */
  readonly cut?: boolean;
  /** Wait for this before the answer ends. */
  readonly until?: Promise<unknown>;
}

/** Plays bytes as they are, an event stream unless said otherwise. */
export function answerBytes(bytes: string | Uint8Array, playing: Playing = {}): Answer {
  const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  return async (_request, response) => {
    response.writeHead(200, {
      'content-type': playing.contentType ?? 'text/event-stream; charset=utf-8',
      ...playing.headers,
    });
    for (const piece of piecesOf(all, playing)) {
      if (response.destroyed) return;
      response.write(piece);
      await nextTurn();
    }
    await playing.until;
    if (playing.cut) response.destroy();
    else response.end();
  };
}

function piecesOf(bytes: Uint8Array, { seed, cuts }: Playing): Uint8Array[] {
  if (seed === undefined) return [bytes];
  return cuts === undefined ? rechunk(bytes, seed) : cutAt(bytes, seed, cuts);
}

/** Plays pieces of an event stream, waiting before each piece for what stands before it. */
export function answerSlowly(pieces: readonly (string | Promise<unknown>)[]): Answer {
  return async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const piece of pieces) {
      if (typeof piece === 'string') response.write(piece);
      else await piece;
    }
    response.end();
  };
}

/** Never answers. */
export const hang: Answer = () => {};

/** Closes the connection without an answer. */
export const reset: Answer = (_request, response) => {
  response.socket?.resetAndDestroy();
};
