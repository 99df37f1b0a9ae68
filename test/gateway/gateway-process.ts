// A gateway in a process of its own, that a test can kill.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../../src/openai/chat.ts';
import type { Scope } from './loopback-server.ts';
import { temporaryFolder } from './plugin-folder.ts';

export interface GatewayProcess {
  readonly origin: string;
  /** As SIGKILL does it: without a word. */
  readonly kill: () => Promise<void>;
}

/** Starts `serve` with a configuration; resolves when it listens. */
export async function startGatewayProcess(scope: Scope, config: JsonObject): Promise<GatewayProcess> {
  const file = `${await temporaryFolder(scope)}/gateway.yaml`;
  await writeFile(file, JSON.stringify(config));
  const main = fileURLToPath(new URL('../../bin/plugin-gateway.js', import.meta.url));
  const child = spawn(process.execPath, [main, 'serve', '--config', file, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(child, 'exit');
  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await gone;
  }
  scope.after(kill);
  for await (const line of createInterface({ input: child.stdout })) {
    const [, origin] = /listens on (http:\S+)\/v1/.exec(line) ?? [];
    if (origin !== undefined) return { origin, kill };
  }
  throw new Error('the gateway ended before it listened');
}
