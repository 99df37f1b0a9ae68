// Fetches manifests and documents: the only requests whose redirects are followed, a few, to the same host or below.
import { EgressError, type Send, type SendDocument } from './egress.ts';

const maxRedirects = 3;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Wraps a `Send` so that redirects are followed to the same host or below, each checked anew by that `Send` (E6). The
 * total deadline holds for all requests together.
 */
export function followRedirects(send: Send): SendDocument {
  return async (request, signal) => {
    const end = performance.now() + request.limits.total;
    const first = new URL(request.path, request.origin);
    let url = first;
    for (let followed = 0; ; followed += 1) {
      const limits = { ...request.limits, total: Math.max(1, end - performance.now()) };
      const { origin, pathname, search } = url;
      const answer = await send({ ...request, origin, path: pathname + search, limits }, signal);
      if (!redirects.has(answer.status)) return { ...answer, url: url.href };
      await answer.body[Symbol.asyncIterator]().return?.();
      url = nextUrl(first, url, answer.headers['location']);
      if (followed === maxRedirects) throw refused(first, `more than ${maxRedirects} times`);
    }
  };
}

function nextUrl(first: URL, current: URL, location: string | string[] | undefined): URL {
  const next = typeof location === 'string' ? URL.parse(location, current) : null;
  if (!next) throw refused(first, 'without a readable Location');
  const below = next.hostname === first.hostname || next.hostname.endsWith(`.${first.hostname}`);
  const samePort = next.port === current.port;
  const upgraded = current.protocol === 'http:' && next.protocol === 'https:';
  if (
    !below ||
    !(next.protocol === current.protocol ? samePort : upgraded) ||
    next.username ||
    next.password
  ) {
    throw refused(first, `to ${next.origin}, which is not the same host or below it`);
  }
  return next;
}

function refused(url: URL, reason: string): EgressError {
  return new EgressError('redirect_refused', `${url.href} redirects ${reason}. Use its final address.`);
}
