// The model that a request names which passes through: in its path, or in the first part of its JSON body.
import { Readable } from 'node:stream';
import { findMember } from '../openai/json-text.ts';

/** Bytes of a body that are held to find the model in. */
const maxHead = 8 * 1024 * 1024;

/** The model of a path such as `/models/gpt-4o?x=1`. */
export function modelInPath(path: string): string | null {
  return /^\/models\/([^?]+)/.exec(path)?.[1] ?? null;
}

/**
 * Reads as much of a body as it takes to know its model, all of it at most up to 8 MiB, and gives it back whole. The
 * model of a body that is not JSON is not known. Throws what the body throws.
 */
export async function readModel(
  body: Readable,
  contentType: string | undefined,
): Promise<{ model: string | null; body: Readable }> {
  if (!/^application\/json\b/i.test(contentType ?? '')) return { model: null, body };
  const rest = body.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  const head: Buffer[] = [];
  let size = 0;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    head.push(next.value);
    size += next.value.length;
    if (size >= maxHead) break;
  }
  const start = Buffer.concat(head);
  return { model: modelIn(start.toString()), body: Readable.from(whole(start, rest), { objectMode: false }) };
}

async function* whole(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (start.length > 0) yield start;
  yield* rest;
}

function modelIn(text: string): string | null {
  const found = findMember(text, 'model');
  if (found?.startsWith('"') !== true) return null;
  try {
    return JSON.parse(found) as string;
  } catch {
    return null; // no JSON: the upstream says so
  }
}
