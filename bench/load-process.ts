// The load that wrk cannot make: constant arrival, a fixed number of requests, many slow streams. A process of its own.
import { setTimeout as wait } from 'node:timers/promises';
import { Pool, type Dispatcher } from 'undici';
import { quantile } from './figures.ts';
import type { Job, JobResults, Target } from './load.ts';

const jobs = { arrivals, exchanges, streams };

process.on('message', (job: Job) => {
  const run = jobs[job.kind] as (job: Job) => Promise<JobResults[keyof JobResults]>;
  run(job).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

/** Microseconds on the clock that all processes of the machine share. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}

async function post(pool: Pool, { path, headers, body }: Target): Promise<Dispatcher.ResponseData> {
  const answer = await pool.request({ method: 'POST', path, headers, body });
  if (answer.statusCode !== 200)
    throw new Error(`answered ${answer.statusCode}: ${(await answer.body.text()).slice(0, 300)}`);
  return answer;
}

/**
 * Constant arrival: a request is sent when its time has come, whatever has become of those before it, so that an
 * answer that is late delays no request that would have seen it (no coordinated omission).
 */
async function arrivals(job: Job & { kind: 'arrivals' }): Promise<JobResults['arrivals']> {
  const pool = new Pool(job.target.origin, { connections: 256, pipelining: 1 });
  const took: number[] = [];
  const late: number[] = [];
  const running: Promise<void>[] = [];
  const total = job.perSecond * job.seconds;
  const started = now();
  for (let sent = 0; sent < total;) {
    const due = started + (sent / job.perSecond) * 1e6;
    const at = now();
    if (at < due) {
      await wait(Math.ceil((due - at) / 1_000));
      continue;
    }
    late.push(at - due);
    running.push(exchange(at));
    sent += 1;
  }
  await Promise.all(running);
  await pool.close();
  return {
    p50: quantile(took, 0.5),
    p90: quantile(took, 0.9),
    p99: quantile(took, 0.99),
    late: quantile(late, 0.99),
  };

  async function exchange(sentAt: number): Promise<void> {
    const { body } = await post(pool, job.target);
    await body.arrayBuffer();
    took.push(now() - sentAt);
  }
}

/** So many requests, each connection sending its next one when the last answer is complete. */
async function exchanges(job: Job & { kind: 'exchanges' }): Promise<JobResults['exchanges']> {
  const pool = new Pool(job.target.origin, { connections: job.connections, pipelining: 1 });
  let left = job.count;
  const started = now();
  const connection = async () => {
    while (left-- > 0) await (await post(pool, job.target)).body.arrayBuffer();
  };
  await Promise.all(Array.from({ length: job.connections }, connection));
  const elapsed = now() - started;
  await pool.close();
  return { elapsed };
}

/** Many streams at the same time; each event tells its number and when the upstream wrote it. */
async function streams(job: Job & { kind: 'streams' }): Promise<JobResults['streams']> {
  const pool = new Pool(job.target.origin, { connections: job.count, pipelining: 1, bodyTimeout: 60_000 });
  const delays: number[] = [];
  let open = 0;
  let atOnce = 0;
  let broken = 0;
  const started = now();
  const running: Promise<void>[] = [];
  for (let begun = 0; begun < job.count; begun++) {
    const due = started + (begun / job.perSecond) * 1e6;
    if (now() < due) await wait(Math.ceil((due - now()) / 1_000));
    running.push(
      follow().catch(() => {
        broken += 1;
      }),
    );
  }
  await Promise.all(running);
  await pool.close();
  return { p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), events: delays.length, broken, atOnce };

  async function follow(): Promise<void> {
    open += 1;
    atOnce = Math.max(atOnce, open);
    try {
      await read(await post(pool, job.target));
    } finally {
      open -= 1;
    }
  }

  async function read({ body }: Dispatcher.ResponseData): Promise<void> {
    let rest = '';
    let seen = 0;
    body.setEncoding('utf8');
    for await (const text of body as AsyncIterable<string>) {
      const arrived = now();
      const events = (rest + text).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const [, number, written] = /"(\d+) at ([\d.]+) "/.exec(event) ?? [];
        if (number === undefined) continue;
        seen += 1;
        if (Number(number) !== seen) throw new Error(`event ${number} came as number ${seen}`);
        delays.push(arrived - Number(written));
      }
      if (text.endsWith('data: [DONE]\n\n') && seen === job.events) return;
    }
    throw new Error(`the stream ended after ${seen} of ${job.events} events`);
  }
}
