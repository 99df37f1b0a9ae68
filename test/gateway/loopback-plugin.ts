// A plugin's API on loopback: records exactly what arrives and answers as the test says, well or badly.
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import {
  receive,
  startLoopbackServer,
  type LoopbackServer,
  type ReceivedRequest,
  type Scope,
} from './loopback-server.ts';

/** Answers one request. What it does not end stays open until the test ends. */
export type PluginHandler = (request: ReceivedRequest, response: ServerResponse) => void | Promise<void>;

/** A plugin's API with the requests that it received, in order. */
export interface LoopbackPlugin extends LoopbackServer {
  readonly requests: readonly ReceivedRequest[];
  /** The next request that arrives, or one that did since the last call of this function. */
  next(): Promise<ReceivedRequest>;
}

/** Starts the API of one or several plugins. */
export async function startLoopbackPlugin(scope: Scope, handler: PluginHandler): Promise<LoopbackPlugin> {
  const requests: ReceivedRequest[] = [];
  const waiting: ((request: ReceivedRequest) => void)[] = [];
  let seen = 0;
  const server = await startLoopbackServer(scope, (incoming, response) => {
    void receive(incoming, response)
      .then((request) => {
        requests.push(request);
        const wake = waiting.shift();
        if (wake) {
          seen++;
          wake(request);
        }
        return handler(request, response);
      })
      .catch(() => response.destroy());
  });
  const next = () => {
    const request = requests[seen];
    if (!request) return new Promise<ReceivedRequest>((resolve) => waiting.push(resolve));
    seen++;
    return Promise.resolve(request);
  };
  return { ...server, requests, next };
}

/** Answers with JSON. */
export function answerJson(value: unknown, status = 200): PluginHandler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

/** Answers with text of a content type. */
export function answerText(
  text: string,
  contentType = 'text/plain; charset=utf-8',
  status = 200,
): PluginHandler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': contentType }).end(text);
  };
}

/** Never answers. */
export const hang: PluginHandler = () => {};

/** Closes the connection without an answer. */
export const reset: PluginHandler = (_request, response) => {
  response.socket?.resetAndDestroy();
};

/** Sends the caller elsewhere. */
export function redirectTo(url: string, status = 302): PluginHandler {
  return (_request, response) => {
    response.writeHead(status, { location: url, 'set-cookie': 'a=b' }).end();
  };
}

/** Answers with very much text, in pieces of 64 KiB, for as long as the caller takes it. */
export function answerHuge(bytes: number): PluginHandler {
  const piece = Buffer.alloc(65_536, 'x');
  const pieces = Array.from({ length: Math.ceil(bytes / piece.length) }, () => piece);
  return async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    await pipeline(Readable.from(pieces), response).catch(() => {}); // the caller may have had enough
  };
}

/** Answers with few compressed bytes that become very many. */
export function answerGzipBomb(bytes: number): PluginHandler {
  const bomb = gzipSync(Buffer.alloc(bytes, ' '));
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
  };
}

/** Announces more bytes than it sends, then closes. */
export const cutOff: PluginHandler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"a":');
  setImmediate(() => response.destroy());
};
