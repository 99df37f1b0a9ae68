// Which headers a plugin request may carry, and from whom (security A6, A10).
const reserved = new Set([
  'host',
  'connection',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'content-type',
  'accept',
  'expect',
  'upgrade',
  'keep-alive',
  'authorization',
  'cookie',
  'forwarded',
  'via',
]);
const reservedPrefixes = ['proxy-', 'x-forwarded-', 'x-plugin'];

/**
 * Headers that are the gateway's own: no model, document or manifest sets them, in whatever spelling. The one exception
 * is `authorization` in a manifest's or operator's `headers`, which is a credential (A10).
 */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return reserved.has(lower) || reservedPrefixes.some((prefix) => lower.startsWith(prefix));
}

/** A name that HTTP can carry (RFC 9110: a token). */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
}

/** A value that HTTP can carry: latin-1 without control characters, so without CR, LF and NUL (B5). */
export function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
