// Bytes that a model wrote as text.
import type { Json } from '../openai/chat.ts';
import { UnsendableValue } from '../openapi/serialize.ts';

/**
 * The bytes of base64 text (both alphabets, padded or not) or of a data URL, with the media type that the URL names.
 * Throws {@link UnsendableValue}.
 */
export function readBytes(value: Json): { readonly bytes: Uint8Array; readonly type: string | null } {
  if (typeof value !== 'string') throw new UnsendableValue('must be base64 text or a data URL');
  const comma = value.startsWith('data:') ? value.indexOf(',') : -1;
  if (comma < 0) return { bytes: decodeBase64(value), type: null };
  const [type = '', ...parameters] = value.slice('data:'.length, comma).split(';');
  const content = value.slice(comma + 1);
  const base64 = parameters.some((parameter) => parameter.trim().toLowerCase() === 'base64');
  return { bytes: base64 ? decodeBase64(content) : decodePercent(content), type: type.trim() || null };
}

function decodeBase64(text: string): Uint8Array {
  const compact = text
    .replaceAll(/[\t\n\r ]/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/');
  const bare = compact.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) {
    throw new UnsendableValue('must be base64 text or a data URL');
  }
  return Buffer.from(bare, 'base64');
}

function decodePercent(text: string): Uint8Array {
  try {
    return Buffer.from(decodeURIComponent(text), 'utf8');
  } catch {
    throw new UnsendableValue('must be a data URL that can be decoded');
  }
}
