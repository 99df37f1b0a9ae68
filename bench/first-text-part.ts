// How long the first visible text takes from the upstream's socket to the client.
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import type { Bench, Part } from './bench.ts';
import { now } from './clock.ts';
import { chatPath, requestHeaders } from './closed-load.ts';
import { median, shortly, spread, withSpread } from './figures.ts';
import { startGateway } from './gateway.ts';
import { freePort } from '../test/free-port.ts';
import { cores, start } from './processes.ts';
import { chat } from './requests.ts';
import type { Way } from './ways.ts';

const cases = [
  ['plain', 'first text of a stream'],
  ['held', "first text while a function's name is still held back"],
] as const;

export const firstTextPart: Part = {
  name: 'first',
  async run(bench) {
    const times = bench.quick ? 50 : 300;
    const [direct, gateway] = await openWays(bench);
    const rows: { readonly name: string; readonly direct: number[]; readonly through: number[] }[] = [];
    for (const [model, name] of cases) {
      const row = { name, direct: [] as number[], through: [] as number[] };
      // The first few warm all processes up.
      for (let time = -10; time < times; time++) {
        const took = [await readFirstText(direct, model), await readFirstText(gateway, model)] as const;
        if (time < 0) continue;
        row.direct.push(took[0]);
        row.through.push(took[1]);
      }
      rows.push(row);
    }
    await Promise.all([direct.pool.close(), gateway.pool.close()]);
    return [
      {
        title: 'The first text of a stream',
        text: `The upstream writes the time into the first text, the client reads it on arrival; ${times} streams each way, in turn, 20 functions injected. Milliseconds; medians, in parentheses the least and the greatest.`,
        columns: ['', 'direct', 'through the gateway', 'added'],
        rows: rows.map(({ name, direct, through }) => [
          name,
          withSpread(spread(direct)),
          withSpread(spread(through)),
          shortly(median(through) - median(direct)),
        ]),
        aims: rows.map(({ name, through }) => ({ what: name, unit: 'ms', most: 5, figure: median(through) })),
      },
    ];
  },
};

type OpenWay = Pick<Way, 'origin' | 'headers' | 'name'> & { readonly pool: Pool };

async function openWays({ stack, release, plugins }: Bench): Promise<[OpenWay, OpenWay]> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  stack.use(
    await start({
      name: `first-text-${port}`,
      command: process.execPath,
      args: [fileURLToPath(new URL('first-text-process.ts', import.meta.url))],
      cores: cores.upstream,
      environment: { PORT: String(port) },
      ready: origin,
    }),
  );
  const way = stack.use(await startGateway({ release, upstream: origin, plugins })).way(20);
  const direct = { name: 'direct', origin, headers: {} };
  return [
    { ...direct, pool: new Pool(origin) },
    { ...way, pool: new Pool(way.origin) },
  ];
}

async function readFirstText({ name, headers, pool }: OpenWay, model: string): Promise<number> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: chatPath,
    headers: requestHeaders({ headers }),
    body: chat(model, { stream: true }),
  });
  let text = '';
  let milliseconds: number | undefined;
  for await (const bytes of body) {
    const arrived = now();
    text += String(bytes);
    const written = /"at ([\d.]+) "/.exec(text)?.[1];
    if (written !== undefined) milliseconds ??= arrived - Number(written);
  }
  if (milliseconds === undefined) throw new Error(`${name}, ${statusCode}: ${text.slice(0, 300)}`);
  return milliseconds;
}
