// The way from one run to the record of it that all replicas see (`wire.md` T6): what is written there, and when.
import { setTimeout as pause } from 'node:timers/promises';
import type { Attempt, RetryMarks, RunLink } from './run-records.ts';
import type { TapeLink } from './run-tape.ts';
import { wireError } from './error-answer.ts';
import { maxKeptCharacters } from './event-log.ts';
import type { SharedRuns } from './shared-runs.ts';
import {
  nameOf,
  outcomesIn,
  readPieces,
  writePieces,
  type KeptAnswer,
  type TapePiece,
} from './tape-piece.ts';

export interface RunLinkOptions {
  readonly shared: SharedRuns;
  readonly marks: RetryMarks;
  /** The record, if there is one already. */
  readonly record: string | null;
  /** What an earlier run left there. */
  readonly earlier?: readonly TapePiece[];
  /** Fires when the process stops: what is cut then is not at its end. */
  readonly stopping: AbortSignal;
}

/**
 * Milliseconds: from look to look at a run that may be dead, the patience with a slow reader, and the time in which the
 * database hears how old a run is: it must not take what has begun since for older than that.
 */
const times = { look: 500, released: 10_000, asked: 250 } as const;

type Left = Awaited<ReturnType<TapeLink['leave']>>;

const goes: Left = { stays: false, known: [] };
const stays: Left = { stays: true, known: [] };

/**
 * Links a run to its record. A run without a mark has none until a call is about to leave that must not be repeated:
 * before, there is nothing that others could spoil. So its upstream never waits for the database.
 */
export function createRunLink({ shared, marks, stopping, ...options }: RunLinkOptions): RunLink {
  const { key, body, run } = marks;
  const begun = performance.now();
  let { record } = options;
  let unsent: TapePiece[] = [];
  /** Others know that a call has left: from now on they hear of everything. */
  let announced = [...outcomesIn(options.earlier ?? []).values()].some(({ effect }) => effect);
  /** Somebody else runs it. */
  let lost = false;
  let queue: Promise<unknown> = Promise.resolve();

  /** One write after another: pieces keep their order. */
  function queued<T>(work: () => Promise<T>): Promise<T> {
    const done = queue.then(work);
    queue = done;
    return done;
  }

  /** Whether the run is still ours. What cannot be written now is tried again with the next piece. */
  async function append(effect: boolean): Promise<boolean> {
    if (record === null || lost || unsent.length === 0) return !lost;
    const pieces = unsent;
    unsent = [];
    const ours = await shared.append(key, record, writePieces(pieces), { effect: effect && !announced });
    if (ours === null) unsent = [...pieces, ...unsent];
    else announced ||= effect;
    lost = ours === false;
    return !lost;
  }

  async function leave(piece: TapePiece, signal: AbortSignal): Promise<Left> {
    if (lost) return stays;
    if (record === null) return firstLeave(piece, signal);
    unsent.push(piece);
    return (await append(true)) ? goes : stays;
  }

  /** The first call that must not be repeated: the record is made, unless another run has come before. */
  async function firstLeave(piece: TapePiece, signal: AbortSignal): Promise<Left> {
    const others: string[] = [];
    const leases = new Map<string, number>();
    while (!signal.aborted) {
      const since = performance.now() - begun + times.asked;
      const sent = unsent.length;
      const pieces = writePieces([...unsent, piece]);
      const claimed = await shared.claim({ key, body, marked: false, make: run, pieces, since, others });
      if (claimed?.kind === 'new') {
        // What was noted meanwhile is not among them.
        [record, unsent, announced] = [run, unsent.slice(sent), true];
        return goes;
      }
      if (claimed?.kind === 'superseded') {
        lost = true;
        return stays;
      }
      if (claimed?.kind === 'taken') return takeUp(claimed.run, readPieces(claimed.pieces), piece);
      if (claimed?.kind !== 'running') {
        unsent.push(piece);
        return goes;
      }
      // An equal request that is alive is another one. One that has died is ours.
      const lease = leases.get(claimed.run) ?? claimed.lease;
      leases.set(claimed.run, lease);
      if (claimed.lease > lease) others.push(claimed.run);
      else await pause(times.look, undefined, { signal }).catch(() => {});
    }
    return stays;
  }

  async function takeUp(taken: string, known: readonly TapePiece[], piece: TapePiece): Promise<Left> {
    [record, announced] = [taken, true];
    const made = piece.kind === 'left' && outcomesIn(known).has(nameOf(piece.call));
    if (!made) unsent.push(piece);
    return { stays: !(await append(true)), known };
  }

  async function recall(): Promise<readonly TapePiece[] | null> {
    if ((await shared.broken(key)) !== true) return null;
    const claimed = await shared.claim({ key, body, marked: false, make: null });
    if (claimed?.kind !== 'taken') return null;
    [record, announced] = [claimed.run, true];
    return readPieces(claimed.pieces);
  }

  return {
    record: () => record,
    // Asked now, while the upstream is: what it says is mostly there when the upstream's answer is.
    ...(record === null && !marks.marked && { recall: recall() }),
    note(piece) {
      unsent.push(piece);
      if (announced) void queued(() => append(false));
    },
    leave: (piece, signal) => queued(() => leave(piece, signal)),
    async end(attempt, tape, isCurrent) {
      const released = await settles(attempt.released, times.released);
      await tape.settled();
      await queue;
      if (record === null || lost || !isCurrent()) return;
      const state = attempt.log.state();
      if (state === 'failed' && !tape.hadSideEffect()) {
        await shared.forget(record);
        return;
      }
      // What the end of the process has cut may go on elsewhere.
      const answer = stopping.aborted && state !== 'done' ? null : await answerOf(attempt);
      const pieces = writePieces([...unsent, ...(answer ? [{ kind: 'answer', answer } as const] : [])]);
      unsent = [];
      const ended = answer && state !== 'open' ? state : 'cut';
      await shared.end(key, record, { state: ended, pieces, delivered: attempt.delivered() });
      if (released) return;
      await attempt.released;
      if (attempt.delivered() && isCurrent())
        await shared.end(key, record, { state: ended, pieces: [], delivered: true });
    },
  };
}

/** What an attempt has said, if it can be given again. */
async function answerOf(attempt: Attempt): Promise<KeptAnswer | null> {
  const { log } = attempt;
  if (!log.whole() || log.state() === 'cut' || log.state() === 'open') return null;
  const said: string[] = [];
  let size = 0;
  try {
    for await (const piece of log.read()) {
      // A log may keep words alone, and its events are many times as long.
      size += piece.length;
      if (size > maxKeptCharacters) return null;
      said.push(piece);
    }
    return { headers: attempt.headers(), said, failure: null };
  } catch (error) {
    const { status, headers, body } = wireError(error, attempt.id);
    return { headers: attempt.headers(), said, failure: { status, headers, body: { ...body } } };
  }
}

/** Whether it does within the time. */
async function settles(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const late = pause(milliseconds, false, { signal, ref: false }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    waiting.abort();
  }
}
