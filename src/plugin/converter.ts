// Converts documents where none can stall or exhaust the gateway: small ones at once, all others in a worker (D1).
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { fetchedDocumentLimits } from '../openapi/document.ts';
import { freezeDeep } from '../openapi/value.ts';
import type { WorkerAnswer, WorkerQuestion } from './convert-worker.ts';
import { convertDocument, refuse, type Conversion, type ConversionJob, type Convert } from './convert.ts';
import type { Operation } from './operation.ts';

/** A `Convert` with a worker behind it. */
export interface Converter {
  readonly convert: Convert;
  /** Ends the worker; a document that it is reading is refused. */
  readonly close: () => Promise<void>;
}

/** Limits; times in milliseconds, sizes in bytes. */
export interface ConverterOptions {
  /** Documents up to this size are tried without a worker, which costs 200 ms to start. */
  readonly smallBytes?: number;
  /** How long such a try may take before the worker gets the document after all. */
  readonly smallTime?: number;
  readonly fetchedTime?: number;
  readonly localTime?: number;
  /** An idle worker ends after this time. */
  readonly idleTime?: number;
  /** Heap of the worker in MiB. */
  readonly heap?: number;
}

const defaults = {
  smallBytes: 64 * 1024,
  smallTime: 50,
  fetchedTime: 5_000,
  localTime: 30_000,
  idleTime: 10_000,
  heap: 256,
} as const satisfies ConverterOptions;

/** Heap in MiB for documents that are too large to be fetched: the operator's own. */
const largeHeap = 2048;

class OverTime extends Error {}

/** A converter. The worker starts when it is first needed, reads one document at a time, and holds up no exit. */
export function createConverter(options: ConverterOptions = {}): Converter {
  const limits = { ...defaults, ...options };
  let worker: Worker | null = null;
  let heap = 0;
  let last: Promise<unknown> = Promise.resolve();
  let idle: NodeJS.Timeout | undefined;
  let closed = false;

  const end = async (): Promise<void> => {
    clearTimeout(idle);
    const ending = worker;
    worker = null;
    await ending?.terminate();
  };
  const start = (neededHeap: number): Worker => {
    // In a checkout this file is TypeScript, in a release JavaScript; the worker's is of the same kind.
    const file = new URL(`./convert-worker${extname(import.meta.url)}`, import.meta.url);
    heap = neededHeap;
    const resourceLimits = { maxOldGenerationSizeMb: heap };
    // Flags of this process (--eval, --test) are not meant for the worker.
    const started = new Worker(file, { resourceLimits, execArgv: [] });
    // Whoever waits for an answer hears of a failure too; this one only keeps it from ending the process.
    started.on('error', () => {});
    started.once('exit', () => {
      if (worker === started) worker = null;
    });
    return started;
  };
  const inWorker = async (job: ConversionJob): Promise<Conversion> => {
    if (closed) return refuse(job.source, 'the gateway is stopping');
    clearTimeout(idle);
    const neededHeap = job.bytes.length > fetchedDocumentLimits.bytes ? largeHeap : limits.heap;
    if (worker && heap !== neededHeap) await end();
    const busy = (worker ??= start(neededHeap));
    busy.ref();
    const time = job.kind === 'local' ? limits.localTime : limits.fetchedTime;
    let answer: Conversion | string | null = null;
    try {
      answer = await askAll(busy, job, time);
    } finally {
      busy.unref();
      // One that misbehaved is not used again.
      if (answer === null || typeof answer === 'string') await end();
      else idle = setTimeout(() => void end(), limits.idleTime).unref();
    }
    if (typeof answer !== 'string') return answer;
    return refuse(job.source, answer === 'memory' ? `reading it takes more than ${heap} MiB` : answer);
  };

  return {
    async convert(job) {
      const small = job.bytes.length <= limits.smallBytes ? tryAtOnce(job, limits.smallTime) : null;
      if (small) return small;
      // One after the other: the time of a document begins when its reading does.
      const turn = last.then(() => inWorker(job));
      last = turn.catch(() => {});
      return turn;
    },
    close() {
      closed = true;
      return end();
    },
  };
}

/** `null`: it takes too long here, or its size shows only when it is expanded. One operation more is bounded (F7). */
function tryAtOnce(job: ConversionJob, time: number): Conversion | null {
  const end = performance.now() + time;
  const proceed = (step: 'operation' | 'repair'): void => {
    if (step === 'repair' || performance.now() > end) throw new OverTime();
  };
  try {
    const conversion = convertDocument(job, { limits: fetchedDocumentLimits, proceed });
    const beyond = conversion.diagnostics.some(({ code }) => code === 'document-limit');
    return beyond && job.kind === 'local' ? null : conversion;
  } catch (error) {
    if (error instanceof OverTime) return null;
    throw error;
  }
}

/** The whole conversion, taken over in portions between which other work has its turn; or why there is none. */
async function askAll(worker: Worker, job: ConversionJob, time: number): Promise<Conversion | string> {
  const end = performance.now() + time;
  const operations: Operation[] = [];
  let head: Conversion | null = null;
  let question: WorkerQuestion = { job };
  for (;;) {
    const answer = await ask(worker, question, end - performance.now());
    if (answer === 'time') return `reading it takes more than ${time / 1000} s`;
    if (typeof answer === 'string') return answer;
    if ('fault' in answer) throw new Error(answer.fault);
    for (const operation of answer.operations) operations.push(freezeDeep(operation));
    head ??= answer.head && { ...answer.head, operations };
    if (!answer.more) break;
    await setImmediate();
    question = 'more';
  }
  return head ?? 'the worker gave no answer';
}

/** One question and its answer; else `time`, `memory`, or what ended the worker. */
function ask(worker: Worker, question: WorkerQuestion, time: number): Promise<WorkerAnswer | string> {
  const { promise, resolve } = Promise.withResolvers<WorkerAnswer | string>();
  const timer = setTimeout(() => resolve('time'), Math.max(0, time));
  const hear = (answer: WorkerAnswer): void => resolve(answer);
  const fail = (error: NodeJS.ErrnoException): void =>
    resolve(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : `reading it failed (${error.message})`);
  const exit = (): void => resolve('reading it was stopped');
  worker.once('message', hear).once('error', fail).once('exit', exit);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
  worker.postMessage(question);
  return promise.finally(() => {
    clearTimeout(timer);
    worker.off('message', hear).off('error', fail).off('exit', exit);
  });
}
