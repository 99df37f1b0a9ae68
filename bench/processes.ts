// The processes of the benchmark: pinned to cores, measured by the operating system's own accounting, ended by id.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A running process. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Empties the file that its output goes to, so that a log at full load does not fill the disk. */
  readonly forgetOutput: () => void;
}

export interface StartOptions {
  /** Also names the file that its output goes to. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** Numbers of the cores that it may use. */
  readonly cores: readonly number[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Asked until it answers: then the process is ready. */
  readonly ready?: string;
  /** Opens Node's channel for messages. */
  readonly messages?: boolean;
}

const lastCore = availableParallelism() - 1;

/**
 * Where things run. What is measured has the first core for itself; load and upstream share the second, or have one
 * each where there are more. With four, a second measured process has its own too.
 */
export const cores = {
  subject: [0],
  second: [Math.min(1, lastCore)],
  upstream: [Math.max(lastCore - 1, Math.min(1, lastCore))],
  load: [lastCore],
  all: Array.from({ length: lastCore + 1 }, (_, at) => at),
} as const;

/** Starts a process and waits until it is ready. Throws, with what it has said, when it does not get there. */
export async function start(options: StartOptions): Promise<Running> {
  const file = join(tmpdir(), `plugin-gateway-bench-${process.pid}-${options.name}.log`);
  const output = openSync(file, 'a');
  const child = spawn('taskset', ['-c', options.cores.join(','), options.command, ...(options.args ?? [])], {
    stdio: ['ignore', output, output, ...(options.messages ? ['ipc' as const] : [])],
    env: { ...process.env, ...options.environment },
  });
  closeSync(output);
  // Not even a benchmark that is cut off leaves processes behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  await once(child, 'spawn');
  const ready = options.ready === undefined || (await answers(options.ready, child));
  if (!ready || child.pid === undefined) {
    await stop(child);
    throw new Error(`${options.name} did not get ready: ${readFileSync(file, 'utf8').slice(-2_000)}`);
  }
  return {
    pid: child.pid,
    child,
    forgetOutput: () => truncateSync(file),
    async [Symbol.asyncDispose]() {
      await stop(child);
      rmSync(file, { force: true });
    },
  };
}

/** Ends a process: asked to, then made to. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 2_000);
  await exit;
  clearTimeout(kill);
}

/** Whether a process answers at an address, with any status, within 60 seconds. */
async function answers(url: string, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
    if (answer) {
      await answer.arrayBuffer();
      return true;
    }
    await wait(2);
  }
  return false;
}

/** What a process says next. Throws when it ends instead, or says nothing for five minutes. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const heard = new AbortController();
  const signal = AbortSignal.any([heard.signal, AbortSignal.timeout(300_000)]);
  try {
    const said = await Promise.race([once(child, 'message', { signal }), once(child, 'exit', { signal })]);
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the process has ended');
    return said[0];
  } finally {
    heard.abort();
  }
}

const ticksPerSecond = 100;

/** Seconds of processor time that a process has used, in its own code and for it in the kernel. */
export function cpuSeconds({ pid }: Running): number {
  // The name of the program, in parentheses, may hold blanks.
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Megabytes of memory that a process holds now (`VmRSS`) or has held at most (`VmHWM`). */
export function memory({ pid }: Running, which: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const line = status.split('\n').find((line) => line.startsWith(which));
  return (Number(line?.split(/\s+/)[1]) * 1024) / 1_000_000;
}
