// Before all tests: starts a server that judges requests by OpenAI's own description, as the upstreams' examiner.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sharedFolder } from './shared-data.ts';

let examiner: ChildProcess | undefined;

/** Tells every test file where the examiner listens: `PLUGIN_GATEWAY_EXAMINER`, unset without `../shared`. */
export async function globalSetup(): Promise<void> {
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

export async function globalTeardown(): Promise<void> {
  if (examiner?.exitCode !== null) return;
  const gone = once(examiner, 'exit');
  examiner.kill();
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
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
