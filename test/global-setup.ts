// Before all tests: a server that judges requests by OpenAI's own description, and a PostgreSQL server.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { startCluster, type Cluster } from './postgres-cluster.ts';
import { sharedFolder } from './shared-data.ts';

let examiner: ChildProcess | undefined;
let cluster: Cluster | null = null;

export async function globalSetup(): Promise<void> {
  await Promise.all([startExaminer(), startPostgres()]);
}

/** Tells every test file where the examiner listens: `PLUGIN_GATEWAY_EXAMINER`, unset without `../shared`. */
async function startExaminer(): Promise<void> {
  const shared = sharedFolder();
  if (!shared) return;
  const port = await freePort();
  const command = fileURLToPath(import.meta.resolve('@stdy/cli/steady.js'));
  const options = ['--host', '127.0.0.1', '--port', String(port), '--quiet'];
  examiner = spawn(process.execPath, [command, ...options, `${shared}/openai-api/openapi.yml`], {
    stdio: 'ignore',
  });
  process.once('exit', () => examiner?.kill());
  await listening(port, examiner);
  process.env['PLUGIN_GATEWAY_EXAMINER'] = `http://127.0.0.1:${port}`;
}

/**
 * Tells every test file where PostgreSQL is: `PLUGIN_GATEWAY_POSTGRES`, unset where it is not installed. Throws there
 * when `PLUGIN_GATEWAY_REQUIRE_POSTGRES` is set: nothing may be skipped then.
 */
async function startPostgres(): Promise<void> {
  cluster = await startCluster();
  if (cluster) process.env['PLUGIN_GATEWAY_POSTGRES'] = cluster.url;
  else if (process.env['PLUGIN_GATEWAY_REQUIRE_POSTGRES']) throw new Error('PostgreSQL is not installed');
}

export async function globalTeardown(): Promise<void> {
  await cluster?.stop();
  if (examiner?.exitCode !== null) return;
  const gone = once(examiner, 'exit');
  examiner.kill();
  await gone;
}

async function listening(port: number, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600 && server.exitCode === null; tries++) {
    try {
      await fetch(`http://127.0.0.1:${port}/models`, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch {
      await wait(50);
    }
  }
  throw new Error('the examiner does not listen');
}
