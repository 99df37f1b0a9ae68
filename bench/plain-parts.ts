// Requests that cause no call, as many as go through one core: functions, whole streams, large bodies.
import { everybody, mostOf, type Part } from './bench.ts';
import type { Section } from './report.ts';
import { chat } from './requests.ts';
import { compareThroughput, times, type Contestant } from './throughput.ts';
import type { Way } from './ways.ts';

const ours = 'gateway, 20 functions';

/** Plain requests with and without functions: what the gateway costs everybody. */
export const plainPart: Part = {
  name: 'plain',
  async run(bench) {
    const { section, results } = await compareThroughput(bench, {
      title: 'Answers of 1 KB to requests of 2 KB',
      contestants: sending(chat('json'), everybody(bench)),
      connections: 64,
    });
    const ofNginx = times(results, 'nginx proxy_pass', ours);
    const ofTwenty = times(results, 'gateway, 500 functions', ours);
    return [
      {
        ...section,
        aims: [
          { what: '20 functions, none called: of nginx', least: 0.2, figure: ofNginx },
          {
            what: '20 functions, none called: × Portkey',
            least: 11,
            figure: times(results, 'Portkey', ours),
          },
          { what: '500 functions: × 20 functions', most: 1.3, figure: ofTwenty },
        ],
      },
    ];
  },
};

/** Streams that come as fast as the upstream can. */
export const streamsPart: Part = {
  name: 'streams',
  async run(bench) {
    const { section, results } = await compareThroughput(bench, {
      title: 'Streams of 200 events at once',
      contestants: sending(chat('events', { stream: true }), mostOf(bench)),
      connections: 64,
    });
    const figure = times(results, 'nginx proxy_pass', ours);
    return [{ ...section, aims: [{ what: 'streams of 200 events: of nginx', least: 0.25, figure }] }];
  },
};

/** Requests of other sizes. */
export const bodiesPart: Part = {
  name: 'bodies',
  async run(bench) {
    const bodies = [
      { what: 'conversations of 100 KB', body: chat('json', { turns: 32 }), connections: 32 },
      { what: 'requests with an image of 1 MB', body: chat('json', { image: 1_000_000 }), connections: 16 },
    ];
    const sections: Section[] = [];
    for (const { what, body, connections } of bodies.slice(0, bench.quick ? 1 : 2)) {
      const { section } = await compareThroughput(bench, {
        title: `Answers of 1 KB to ${what}`,
        contestants: sending(body, mostOf(bench)),
        connections,
        rounds: 5,
        seconds: 2,
      });
      sections.push(section);
    }
    return sections;
  },
};

function sending(body: string, ways: readonly Way[]): Contestant[] {
  return ways.map((way) => ({ name: way.name, ours: way.ours, way, body }));
}
