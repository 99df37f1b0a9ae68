// Requests that cause no call, as many as go through one core: functions, whole streams, large bodies.
import type { Bench, Part } from './bench.ts';
import type { Section } from './report.ts';
import { chat } from './requests.ts';
import { compareThroughput, times, type Contestant } from './throughput.ts';

/** Plain requests with and without functions: what the gateway costs everybody. */
export const plainPart: Part = {
  name: 'plain',
  async run(bench) {
    const { section, of } = await compareThroughput(bench, {
      title: 'Answers of 1 KB to requests of 2 KB',
      contestants: everybody(bench, chat('json')),
      connections: 64,
    });
    const ours = 'gateway, 20 functions';
    const aims = [
      {
        what: '20 functions, none called: of nginx',
        least: 0.2,
        figure: times(of, 'nginx proxy_pass', ours),
      },
      { what: '20 functions, none called: × Portkey', least: 11, figure: times(of, 'Portkey', ours) },
      { what: '500 functions: × 20 functions', most: 1.3, figure: times(of, 'gateway, 500 functions', ours) },
    ];
    return [{ ...section, aims }];
  },
};

/** Streams that come as fast as the upstream can. */
export const streamsPart: Part = {
  name: 'streams',
  async run(bench) {
    const { section, of } = await compareThroughput(bench, {
      title: 'Streams of 200 events at once',
      contestants: everybody(bench, chat('events', { stream: true })),
      connections: 64,
    });
    const figure = times(of, 'nginx proxy_pass', 'gateway, 20 functions');
    return [{ ...section, aims: [{ what: 'streams of 200 events: of nginx', least: 0.25, figure }] }];
  },
};

/** Requests of other sizes. */
export const bodiesPart: Part = {
  name: 'bodies',
  async run(bench) {
    const sizes = [
      { size: '100 KB', bytes: 100_000, connections: 32 },
      { size: '1 MB', bytes: 1_000_000, connections: 16 },
    ];
    const sections: Section[] = [];
    for (const { size, bytes, connections } of sizes.slice(0, bench.quick ? 1 : 2)) {
      const { section } = await compareThroughput(bench, {
        title: `Answers of 1 KB to requests of ${size}`,
        contestants: everybody(bench, chat('json', { bytes })),
        connections,
        rounds: 5,
        seconds: 2,
      });
      sections.push(section);
    }
    return sections;
  },
};

/** Everybody with the same request. */
function everybody({ direct, nginx, gateway, portkey, naive }: Bench, body: string): Contestant[] {
  const ways = [direct, nginx, gateway.way(0), gateway.way(20), gateway.way(500), portkey, naive];
  return ways.map((way) => ({ name: way.name, way, body }));
}
