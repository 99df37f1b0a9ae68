// Pages that call from a browser, and what their browser has to hear before it lets them (CORS).
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Lets the page of a request, which may call, read its answer. True when a browser only asks beforehand: that is
 * answered here, as it shows no key yet. Nothing is said of cookies: a key is a header, which no foreign page knows.
 */
export function letPageRead({ method, headers }: FastifyRequest, reply: FastifyReply): boolean {
  reply.headers({
    'access-control-allow-origin': headers.origin,
    'access-control-expose-headers': '*',
    vary: 'origin',
  });
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false;
  reply
    .code(204)
    .headers({
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
      'access-control-max-age': '600',
    })
    .send();
  return true;
}
