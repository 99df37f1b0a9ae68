// The load process, as the rest of the benchmark sees it: jobs and their results.
import { fileURLToPath } from 'node:url';
import { chatPath, requestHeaders } from './closed-load.ts';
import { cores, nextMessage, start } from './processes.ts';
import type { Way } from './ways.ts';

/** A request and where it goes. */
export interface Target {
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface Jobs {
  /** So many requests per second, sent when their time has come. */
  readonly arrivals: { readonly perSecond: number; readonly seconds: number };
  /** So many requests, each connection sending its next one when the last answer is complete. */
  readonly exchanges: { readonly count: number; readonly connections: number };
  /** So many streams at the same time, begun at a rate, each of so many events. */
  readonly streams: { readonly count: number; readonly perSecond: number; readonly events: number };
}

/** What a job gives. All times in microseconds. */
export interface JobResults {
  /** Times from sending to the end of the answer; `late`: p99 of how late the load itself sent. */
  readonly arrivals: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly late: number;
  };
  readonly exchanges: { readonly elapsed: number };
  /** Times from the upstream's writing of an event to its arrival; `broken`: streams that lacked something. */
  readonly streams: {
    readonly p50: number;
    readonly p99: number;
    readonly events: number;
    readonly broken: number;
    /** What was wrong, and how often. */
    readonly reasons: Readonly<Record<string, number>>;
    /** How many were open at the same time. */
    readonly atOnce: number;
  };
}

export type Job = {
  [Kind in keyof Jobs]: { readonly kind: Kind; readonly target: Target } & Jobs[Kind];
}[keyof Jobs];

/** Runs a job through a way. Throws when a request of it fails. */
export type RunJob = <Kind extends keyof Jobs>(
  kind: Kind,
  way: Way,
  body: string,
  job: Jobs[Kind],
) => Promise<JobResults[Kind]>;

/** What the process says of a job: one of both. */
interface Said<Kind extends keyof Jobs> {
  readonly result?: JobResults[Kind];
  readonly error?: string;
}

/** Starts the load process, which ends with the stack. */
export async function startLoad(stack: AsyncDisposableStack): Promise<RunJob> {
  const { child } = stack.use(
    await start({
      name: 'load',
      command: process.execPath,
      args: [fileURLToPath(new URL('load-process.ts', import.meta.url))],
      cores: cores.load,
      messages: true,
    }),
  );
  return async (kind, way, body, job) => {
    way.running.forgetOutput();
    const target: Target = { origin: way.origin, path: chatPath, headers: requestHeaders(way), body };
    child.send({ kind, target, ...job });
    const { result, error } = (await nextMessage(child)) as Said<typeof kind>;
    if (!result) throw new Error(`${way.name}: ${error}`);
    return result;
  };
}
