// Load of fixed concurrency, by wrk: each connection sends its next request when the last answer is complete.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cores, cpuSeconds, memory } from './processes.ts';
import type { Way } from './ways.ts';

/** One round of load through one way. */
export interface Round {
  readonly perSecond: number;
  /** Processor time of the measured process, in microseconds per request. */
  readonly cpu: number;
  /** Share of a core that it used. */
  readonly core: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Memory of the measured process at the end. */
  readonly megabytes: number;
}

export interface ClosedLoad {
  readonly way: Way;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
}

interface Said {
  readonly requests: number;
  readonly seconds: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

const script = fileURLToPath(new URL('closed-load.lua', import.meta.url));

/** Loads a way for a time. Throws when one request fails. */
export async function loadClosed({ way, body, connections, seconds }: ClosedLoad): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-gateway-load-'));
  try {
    const file = join(folder, 'body.json');
    await writeFile(file, body);
    way.running.forgetOutput();
    const headers = Object.entries(requestHeaders(way)).map(([name, value]) => `${name}: ${value}`);
    const wrk = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script];
    const pinned = ['-c', cores.load.join(','), ...wrk, `${way.origin}${chatPath}`, '--', file, ...headers];
    const before = cpuSeconds(way.running);
    const { stdout } = await promisify(execFile)('taskset', pinned, { timeout: (seconds + 60) * 1000 });
    const used = cpuSeconds(way.running) - before;
    const said = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Said;
    if (said.failed > 0) throw new Error(`${way.name}: ${said.failed} of ${said.requests} requests failed`);
    if (said.requests === 0)
      throw new Error(`${way.name}: no answer in ${seconds} s; is something else running on this machine?`);
    // Those under way when the time is over are half done on average.
    const done = said.requests + connections / 2;
    return {
      perSecond: said.requests / said.seconds,
      cpu: (used / done) * 1e6,
      core: used / said.seconds,
      p50: said.p50,
      p99: said.p99,
      megabytes: memory(way.running),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where chats are posted, every way. */
export const chatPath = '/v1/chat/completions';

/** The headers of a request through a way. */
export function requestHeaders({ headers }: Pick<Way, 'headers'>): Record<string, string> {
  return { 'content-type': 'application/json', authorization: 'Bearer sk-of-the-client', ...headers };
}
