// A load generator: a number of workers, each sending its next request when the last answer is complete.
import { Pool } from 'undici';

/** One exchange of a worker; the benchmark's unit of work. */
export type Work = (pool: Pool) => Promise<unknown>;

/** What one measurement saw. Milliseconds. */
export interface Measurement {
  readonly perSecond: number;
  readonly median: number;
  readonly p99: number;
}

export interface LoadOptions {
  readonly origin: string;
  readonly work: Work;
  readonly workers: number;
  readonly milliseconds: number;
}

/** Runs a load for a time and gives what it saw. Throws when an exchange fails. */
export async function measure({ origin, work, workers, milliseconds }: LoadOptions): Promise<Measurement> {
  const pool = new Pool(origin, { connections: workers, pipelining: 1 });
  const took: number[] = [];
  const start = performance.now();
  const end = start + milliseconds;
  const worker = async () => {
    for (let before = performance.now(); before < end;) {
      await work(pool);
      const now = performance.now();
      took.push(now - before);
      before = now;
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  const seconds = (performance.now() - start) / 1000;
  await pool.close();
  took.sort((one, other) => one - other);
  return { perSecond: took.length / seconds, median: quantile(took, 0.5), p99: quantile(took, 0.99) };
}

/** The value below which a share of sorted numbers lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Sends one request, reads the whole answer, gives its text. */
export async function exchange(
  pool: Pool,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await pool.request({
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...headers,
      authorization: 'Bearer bench',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200)
    throw new Error(`${path} answered ${answer.statusCode}: ${text.slice(0, 300)}`);
  return text;
}
