// Writes an answer to its response directly: a `Readable` for Fastify to pipe would cost several times as much.
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** Takes the response over from Fastify, with the status and the headers that were set. */
export function takeOver(reply: FastifyReply): ServerResponse {
  const response = reply.raw;
  response.statusCode = reply.statusCode;
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  reply.hijack();
  return response;
}

/**
 * Sends bytes as they come, at the reader's pace. Throws what fails before the first of them. What fails later cuts the
 * answer, as its status has gone out: `onCut` hears of it. A reader who leaves ends the reading.
 */
export async function pourBytes(
  bytes: AsyncIterable<Uint8Array>,
  reply: FastifyReply,
  onCut: (error: unknown) => void,
): Promise<void> {
  let response: ServerResponse | null = null;
  try {
    for await (const piece of bytes) {
      response ??= takeOver(reply);
      if (response.destroyed) return;
      if (!response.write(piece)) await drained(response);
    }
  } catch (error) {
    if (!response) throw error;
    if (!response.destroyed) onCut(error);
    response.destroy();
    return;
  }
  (response ?? takeOver(reply)).end();
}

/** Resolves when the reader has taken what was written, or has gone. */
export async function drained(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once('drain', resolve).once('close', resolve);
  await promise;
  response.off('drain', resolve).off('close', resolve);
}
