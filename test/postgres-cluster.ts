// A PostgreSQL server of the tests' own, in a temporary folder, on a loopback port, gone when the tests end.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';

const execute = promisify(execFile);

export interface Cluster {
  /** Of its first database, as its owner. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Who may run the server: anyone but root. */
interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a server that forgets everything; `null` when PostgreSQL is not installed. */
export async function startCluster(): Promise<Cluster | null> {
  const programs = findPrograms();
  const account = programs && findAccount();
  if (!programs || !account) return null;
  const password = randomBytes(12).toString('hex');
  const folder = await mkdtemp(join(tmpdir(), 'gateway-postgres-'));
  const passwordFile = `${folder}/password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [folder, passwordFile]) chownSync(path, account.uid ?? -1, account.gid ?? -1);
  const data = `${folder}/data`;
  const making = ['-D', data, '-U', 'gateway', '-A', 'scram-sha-256', '--pwfile', passwordFile];
  const plain = ['--no-sync', '--no-instructions', '--locale=C', '--encoding=UTF8'];
  await execute(`${programs}/initdb`, [...making, ...plain], { ...account, cwd: folder });
  const port = await freePort();
  const server = spawn(`${programs}/postgres`, ['-D', data, ...settings(port)], {
    ...account,
    cwd: folder,
    stdio: 'ignore',
  });
  process.once('exit', () => server.kill('SIGQUIT'));
  const url = `postgres://gateway:${password}@127.0.0.1:${port}/postgres`;
  await answering(url, server);
  return {
    url,
    async stop() {
      const gone = once(server, 'exit');
      if (server.exitCode === null && server.kill('SIGINT')) await gone;
      await rm(folder, { recursive: true });
    },
  };
}

/** No care is taken of data: the tests take some of their own by ending it. */
function settings(port: number): string[] {
  const options = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    shared_buffers: '32MB',
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    autovacuum: 'off',
  };
  return Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function findPrograms(): string | null {
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    ...globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed(),
  ];
  return (
    folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)))) ?? null
  );
}

/** PostgreSQL refuses to be run by root: its package brings an account. */
function findAccount(): Account | null {
  if (process.getuid?.() !== 0) return {};
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return line ? { uid: Number(line[1]), gid: Number(line[2]) } : null;
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 400 && server.exitCode === null; tries += 1) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await wait(25);
    }
  }
  throw new Error('the PostgreSQL server of the tests does not answer');
}
