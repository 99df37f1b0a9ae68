// What the benchmark needs of the machine; it installs what is missing, and says so.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Debian packages, by a file of each. */
const packages = [
  ['/usr/sbin/nginx', 'nginx'],
  ['/usr/lib/nginx/modules/ngx_http_lua_module.so', 'libnginx-mod-http-lua'],
  ['/usr/bin/wrk', 'wrk'],
  ['/usr/bin/taskset', 'util-linux'],
] as const;

/** Installs what is missing. Throws when it cannot: elsewhere than on Debian, or without the rights. */
export function installTools(): void {
  const missing = packages.filter(([file]) => !existsSync(file)).map(([, name]) => name);
  if (missing.length > 0) {
    say(`Installing the Debian packages ${missing.join(', ')}. Debian may start nginx as a service, too.`);
    const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
    const apt = [...root, 'apt-get', 'install', '-y', '--no-install-recommends', ...missing];
    run(apt, `install ${missing.join(', ')} by hand; the benchmark runs on Debian and its kin`);
  }
  const folder = fileURLToPath(new URL('portkey', import.meta.url));
  if (existsSync(`${folder}/node_modules/.package-lock.json`)) return;
  say("Installing Portkey's gateway into bench/portkey/node_modules, once.");
  const npm = ['npm', 'ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'];
  run([...npm, '--loglevel=error'], 'run npm ci in bench/portkey by hand to see why');
}

function run([command = '', ...args]: readonly string[], advice: string): void {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${advice}`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
