// nginx, twice: as the upstream with the plugins' API, told what to say by a script, and as the proxy to compare with.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerFiles } from './answers.ts';
import { freePort } from '../test/free-port.ts';
import { cores, start, type Running } from './processes.ts';

/** An nginx, one process without a master, and where it listens: `http://127.0.0.1:1234`. */
export interface Nginx extends Running {
  readonly origin: string;
}

/** Starts the upstream and the plugins' API, one server. Files go into the folder. */
export async function startUpstream(folder: string): Promise<Nginx> {
  const script = fileURLToPath(new URL('upstream.lua', import.meta.url));
  const answers = join(folder, 'answers');
  await mkdir(answers);
  for (const [name, text] of Object.entries(answerFiles())) await writeFile(join(answers, name), text);
  return startNginx(folder, 'upstream', cores.upstream, {
    top: ['ndk_http', 'ngx_http_lua'].map((name) => `load_module /usr/lib/nginx/modules/${name}_module.so;`),
    http: [
      // Debian puts the module's own Lua files there.
      'lua_package_path "/usr/share/lua/5.1/?.lua;;";',
      `init_by_lua_block { upstream = dofile("${script}")("${answers}/") }`,
    ],
    server: [
      'location / { default_type application/json; return 200 "{}"; }',
      'location /v1/ { content_by_lua_block { upstream.chat() } }',
      'location /api/ { content_by_lua_block { upstream.api() } }',
      'location /waited { content_by_lua_block { upstream.waited() } }',
    ],
  });
}

/** Starts a proxy before the upstream: what a proxy costs that reads nothing. */
export async function startProxy(folder: string, upstream: string): Promise<Nginx> {
  return startNginx(folder, 'proxy', cores.subject, {
    top: [],
    http: [
      `upstream far { server ${new URL(upstream).host}; keepalive 9000; keepalive_requests 1000000000; }`,
    ],
    server: [
      // Without buffering, or the events of a stream would wait for each other.
      'location / { proxy_pass http://far; proxy_http_version 1.1; proxy_set_header connection ""; proxy_buffering off; }',
    ],
  });
}

interface Lines {
  readonly top: readonly string[];
  readonly http: readonly string[];
  readonly server: readonly string[];
}

async function startNginx(
  folder: string,
  name: string,
  pinned: readonly number[],
  lines: Lines,
): Promise<Nginx> {
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${name}-temporary;`,
  );
  const file = join(folder, `${name}-${port}.conf`);
  await writeFile(
    file,
    `daemon off; master_process off; pid ${file}.pid; error_log stderr warn; worker_rlimit_nofile 20000;
${lines.top.join('\n')}
events { worker_connections 19000; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_max_body_size 8m; client_body_buffer_size 2m;
  ${[...temporary, ...lines.http].join('\n  ')}
  server {
    listen 127.0.0.1:${port} backlog=8192;
    ${lines.server.join('\n    ')}
  }
}
`,
  );
  const origin = `http://127.0.0.1:${port}`;
  const running = await start({
    name: `${name}-${port}`,
    command: '/usr/sbin/nginx',
    args: ['-p', folder, '-c', file],
    cores: pinned,
    ready: origin,
  });
  return { ...running, origin };
}
