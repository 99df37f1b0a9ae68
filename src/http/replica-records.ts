// Run records over all replicas (`wire.md` T6): a repeated request gets the run that it repeats, wherever that is.
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { gatewayError, UpstreamError } from '../errors.ts';
import { LiveLog } from './event-log.ts';
import { createRunLink } from './run-link.ts';
import type { Attempt, RetryMarks, RunLink, RunRecord, RunRecords, StartAttempt } from './run-records.ts';
import type { WatchedRun } from './run-signals.ts';
import type { ClaimedRun, SharedRuns } from './shared-runs.ts';
import { answerIn, readPieces, type KeptAnswer, type TapePiece } from './tape-piece.ts';

export interface ReplicaRecordsOptions {
  /** Those of this process. */
  readonly local: RunRecords;
  readonly shared: SharedRuns;
  /** What ends the wait for a run of another replica. */
  readonly watch: () => WatchedRun;
  /** Fires when the process stops. */
  readonly stopping: AbortSignal;
}

export interface ReplicaRecords {
  /** As `RunRecords.join`. */
  readonly join: (marks: RetryMarks, start: StartAttempt) => Promise<Attempt>;
  /** Resolves when the ends of all runs are written, or after three seconds. */
  readonly written: () => Promise<void>;
}

/** Milliseconds: from look to look at a run of another replica, and the patience with a database that is down. */
const times = { look: 250, away: 15_000, written: 3_000 } as const;

export function createReplicaRecords(options: ReplicaRecordsOptions): ReplicaRecords {
  const { local, shared, stopping } = options;

  const ending = new Set<Promise<void>>();

  function link(marks: RetryMarks, record: string | null, earlier: readonly TapePiece[] = []): RunLink {
    const made = createRunLink({ shared, marks, record, earlier, stopping });
    async function end(...ended: Parameters<RunLink['end']>): Promise<void> {
      const writing = made.end(...ended);
      ending.add(writing);
      await writing;
      ending.delete(writing);
    }
    return { ...made, end };
  }

  /** A run that broke off elsewhere goes on here. */
  function takeUp(run: string, texts: readonly string[], marks: RetryMarks, start: StartAttempt): Attempt {
    const earlier = readPieces(texts);
    return local.open(marks, start, { link: link(marks, run, earlier), earlier });
  }

  /** The mark says that there may be a run already: all else waits until that is known. */
  async function joinMarked(marks: RetryMarks, start: StartAttempt): Promise<Attempt> {
    const { key, body, run } = marks;
    const own = local.find(marks);
    // What others need not know of goes on here, unless they have begun it as well.
    const isPrivate = own !== undefined && isUnrecorded(own);
    const claimed = await shared.claim({ key, body, marked: true, make: isPrivate ? null : run });
    if (claimed === null) return own ? local.goOn(own, marks, start) : anew(null);
    switch (claimed.kind) {
      case 'none':
      case 'superseded':
        return own ? local.goOn(own, marks, start) : anew(null);
      case 'reused':
        throw gatewayError('idempotency_key_reused');
      case 'new':
        return anew(run);
      default:
        return joinKnown(claimed, marks, start);
    }

    function anew(record: string | null): Attempt {
      return local.open(marks, start, { link: link(marks, record) });
    }
  }

  function joinKnown(
    claimed: Exclude<ClaimedRun, { kind: 'new' | 'none' | 'reused' | 'superseded' }>,
    marks: RetryMarks,
    start: StartAttempt,
  ): Attempt {
    const own = claimed.mine ? local.known(marks, claimed.run) : undefined;
    if (own) return local.goOn(own, marks, start);
    if (claimed.kind === 'running') return follow(claimed.run, () => joinMarked(marks, start), options);
    const answer = claimed.kind === 'ended' ? answerIn(readPieces(claimed.pieces)) : null;
    return answer ? replay(claimed.run, answer) : takeUp(claimed.run, claimed.pieces, marks, start);
  }

  /** T4: without a mark, only a run that broke off after a side effect may be meant; most often there is none. */
  async function joinUnmarked(marks: RetryMarks, start: StartAttempt): Promise<Attempt> {
    const own = local.find(marks);
    const anew = () => local.open(marks, start, { link: link(marks, null) });
    if (!own) return anew();
    if (isUnrecorded(own)) return local.goOn(own, marks, start);
    const { key, body } = marks;
    const claimed = await shared.claim({ key, body, marked: false, own: true, make: null });
    if (claimed === null) return local.goOn(own, marks, start);
    if (claimed.kind !== 'taken') return anew();
    if (claimed.mine && own.link?.record() === claimed.run) return local.goOn(own, marks, start);
    return takeUp(claimed.run, claimed.pieces, marks, start);
  }

  return {
    join: (marks, start) => (marks.marked ? joinMarked : joinUnmarked)(marks, start),
    async written() {
      const waiting = new AbortController();
      const { signal } = waiting;
      await Promise.race([
        Promise.all(ending),
        pause(times.written, undefined, { signal, ref: false }),
      ]).catch(() => {});
      waiting.abort();
    },
  };
}

function isUnrecorded({ link }: RunRecord): boolean {
  return link === null || link.record() === null;
}

/** An answer that another replica has given. */
function replay(run: string, { headers, said, failure }: KeptAnswer): Attempt {
  async function* say(): AsyncGenerator<string, void, undefined> {
    yield* said;
    if (failure) throw new UpstreamError(failure.status, failure.body, failure.headers);
  }
  return {
    id: run,
    log: new LiveLog(say(), { room: { keep: () => true } }),
    headers: () => headers,
    serve: () => {},
    delivered: () => false,
    released: Promise.resolve(),
  };
}

/** A run that another replica has the lease of: its end is waited for, then it is joined again. */
function follow(
  run: string,
  again: () => Promise<Attempt>,
  { shared, watch }: ReplicaRecordsOptions,
): Attempt {
  const watched = watch();
  const { signal } = watched;
  const responses: ServerResponse[] = [];
  let next: Attempt | null = null;

  async function wait(): Promise<void> {
    for (let away = 0; away < times.away;) {
      await pause(times.look, undefined, { signal });
      const running = await shared.running(run);
      if (running === false) return;
      away = running === null ? away + times.look : 0;
    }
  }

  async function* say(): AsyncGenerator<string, void, undefined> {
    try {
      await wait();
    } catch {
      throw signal.reason;
    }
    next = await again();
    for (const response of responses) next.serve(response);
    yield* next.log.read();
  }

  return {
    get id() {
      return next?.id ?? run;
    },
    // Others who repeat the request read the record for themselves.
    log: new LiveLog(say(), { room: { keep: () => false } }),
    headers: () => next?.headers() ?? {},
    serve(response) {
      responses.push(response);
      watched.serve(response);
      next?.serve(response);
    },
    delivered: () => next?.delivered() ?? false,
    released: watched.left,
  };
}
