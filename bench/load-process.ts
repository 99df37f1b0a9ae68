// The load that wrk cannot make: constant arrival, a fixed number of requests, many slow streams. A process of its own.
import { setTimeout as wait } from 'node:timers/promises';
import { Client, Pool, type Dispatcher } from 'undici';
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
  const delays: number[] = [];
  const reasons: Record<string, number> = {};
  const running: Promise<void>[] = [];
  let open = 0;
  let atOnce = 0;
  const started = now();
  for (let begun = 0; begun < job.count; begun++) {
    const due = started + (begun / job.perSecond) * 1e6;
    if (now() < due) await wait(Math.ceil((due - now()) / 1_000));
    atOnce = Math.max(atOnce, ++open);
    const note = ({ message }: Error) => {
      reasons[message] = (reasons[message] ?? 0) + 1;
    };
    running.push(
      follow(job, delays)
        .catch(note)
        .finally(() => (open -= 1)),
    );
  }
  await Promise.all(running);
  const broken = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  return {
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99),
    events: delays.length,
    broken,
    reasons,
    atOnce,
  };
}

/** Reads one stream to its end. Rejects unless each event came, once and in order. */
function follow({ target, events }: Job & { kind: 'streams' }, delays: number[]): Promise<void> {
  const { origin, path, headers, body } = target;
  const client = new Client(origin, { bodyTimeout: 60_000 });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let rest = '';
  let seen = 0;
  let complete = false;
  // Thousands of them: undici's own streams would cost more than what is measured.
  client.dispatch(
    { method: 'POST', path, headers, body },
    {
      onRequestStart() {},
      onResponseStart(_controller, status) {
        if (status !== 200) throw new Error(`answered ${status}`);
      },
      onResponseData(_controller, bytes) {
        const arrived = now();
        const text = rest + bytes.toString('latin1');
        const end = text.lastIndexOf('\n\n');
        const whole = end === -1 ? '' : text.slice(0, end + 2);
        rest = text.slice(whole.length);
        for (const [, number, written] of whole.matchAll(/"(\d+) at ([\d.]+) "/g)) {
          seen += 1;
          if (Number(number) !== seen) throw new Error('an event is not the one after the one before');
          delays.push(arrived - Number(written));
        }
        complete ||= seen === events && whole.endsWith('data: [DONE]\n\n');
      },
      onResponseEnd() {
        if (complete) resolve();
        else reject(new Error('the stream ended too early'));
      },
      onResponseError: (_controller, error) => reject(error),
    },
  );
  return promise.finally(() => client.close());
}
