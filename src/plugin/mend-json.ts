// Mends JSON that a model wrote with faults, where no text can stall the gateway (`openapi.md` A1, `security.md` B2).
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { jsonrepair } from 'jsonrepair';

const largest = 256 * 1024;
/** 5,000 open brackets overflow the stack of `jsonrepair`. */
const deepest = 100;
/** What a text may cost on this thread: some 20 ms. */
const cheap = { characters: 8 * 1024, cost: 50_000_000 } as const;
/** Milliseconds that any text may take; the start of the worker alone takes some 50. */
const longest = 2000;

/**
 * The text as JSON, in words that `JSON.parse` takes in most cases; `null` where it is too large, too deep, or cannot be
 * mended in time. What may take long is mended by a worker: the time grows with the cube of the quotes that do not end
 * their string (18 s for `{"a": ['b'b'b...` of 8 KiB) and with the square of its lines.
 */
export async function mendJson(text: string, milliseconds: number = longest): Promise<string | null> {
  if (Buffer.byteLength(text) > largest || countOpen(text) > deepest) return null;
  if (!isCheap(text)) return mendAside(text, milliseconds);
  try {
    return jsonrepair(text);
  } catch {
    return null;
  }
}

function isCheap(text: string): boolean {
  if (text.length > cheap.characters) return false;
  let quotes = 0;
  // `&` begins an entity, which may be a quote
  for (const _ of text.matchAll(/["'`´‘’“”&]/g)) quotes += 1;
  return quotes ** 2 * text.length <= cheap.cost;
}

/** The greatest surplus of opening over closing brackets; those in strings count, as quotes may be what is broken. */
function countOpen(text: string): number {
  let open = 0;
  let most = 0;
  for (const [bracket] of text.matchAll(/[{}[\]]/g)) {
    open += bracket === '{' || bracket === '[' ? 1 : -1;
    if (open > most) most = open;
  }
  return most;
}

async function mendAside(text: string, milliseconds: number): Promise<string | null> {
  // In a checkout this file is TypeScript, in a release JavaScript; the worker's is of the same kind.
  const file = new URL(`./mend-worker${extname(import.meta.url)}`, import.meta.url);
  const resourceLimits = { maxOldGenerationSizeMb: 128 };
  const worker = new Worker(file, { workerData: text, resourceLimits, execArgv: [] });
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const timer = setTimeout(() => resolve(null), milliseconds);
  worker.once('message', resolve).once('error', () => resolve(null));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
