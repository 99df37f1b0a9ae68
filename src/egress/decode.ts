// Decodes compressed answers and counts what comes out: 200 KB of gzip can be 200 MB (N4, E9).
import { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import { EgressError, type Asked, type EgressAnswer } from './egress.ts';

const decoders = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
]);

/** The decoder that an answer needs; `null` for a plain one. Throws {@link EgressError} for two or an unknown one. */
export function decoderOf(request: Asked, headers: EgressAnswer['headers']): Transform | null {
  const encoding = String(headers['content-encoding'] ?? '')
    .trim()
    .toLowerCase();
  if (encoding === '' || encoding === 'identity') return null;
  const create = decoders.get(encoding);
  if (!create) {
    const message = `The answer of ${request.origin} has the content encoding "${encoding.slice(0, 80)}".`;
    throw new EgressError('bad_encoding', message);
  }
  return create();
}

/** The decoded body. It fails with {@link EgressError} when it grows over the limit or is no such encoding. */
export function decodeAnswer(
  encoded: AsyncIterable<Uint8Array>,
  decoder: Transform,
  request: Asked,
): Readable {
  const body = Readable.from(encoded, { objectMode: false });
  const { maxBytes } = request.limits;
  let seen = 0;
  const decoded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      const message = `The decoded answer of ${request.origin} is larger than ${maxBytes} bytes.`;
      if (seen > maxBytes) done(new EgressError('too_large', message));
      else done(null, chunk);
    },
  });
  body.on('error', (error) => decoded.destroy(error));
  decoder.on('error', (error) => decoded.destroy(nameFailure(request, error)));
  decoded.on('error', () => undefined);
  decoded.on('close', () => {
    decoder.destroy();
    body.destroy();
  });
  return body.pipe(decoder).pipe(decoded);
}

function nameFailure(request: Asked, error: Error & { code?: unknown }): EgressError {
  const failure = error.code === 'Z_BUF_ERROR' ? 'truncated' : 'bad_encoding';
  const message = `The answer of ${request.origin} cannot be decoded: ${error.message}.`;
  return new EgressError(failure, message, { cause: error });
}
