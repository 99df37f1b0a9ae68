// Run records of this process: a client that sends a request again gets the run it already has (`wire.md` T3 to T6).
import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { gatewayError } from '../errors.ts';
import { EndedAttempt } from './ended-attempt.ts';
import type { EventLog } from './event-log.ts';
import { createRunTape, type RunTape, type TapeLink } from './run-tape.ts';
import type { TapePiece } from './tape-piece.ts';

/** One attempt at a run: what it says, for everyone who waits for it. */
export interface Attempt {
  /** The id of the run, `x-request-id` of each of its answers. */
  readonly id: string;
  readonly log: EventLog;
  /** Headers of the answer, as far as they are known. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** One more response waits for it. */
  readonly serve: (response: ServerResponse) => void;
  /** Whether a client has the whole answer. */
  readonly delivered: () => boolean;
  /** Resolves when no response waits for it any more. */
  readonly released: Promise<void>;
}

/** The record of a run where all replicas see it (T6). */
export interface RunLink extends TapeLink {
  /** Its id; `null`: there is none, nothing has happened that others must know. */
  readonly record: () => string | null;
  /** An attempt has ended. Writes its answer when nobody waits for it any more, unless the run has gone on since. */
  readonly end: (attempt: Attempt, tape: RunTape, isCurrent: () => boolean) => Promise<void>;
}

/** How a request may be recognised when it comes again. */
export interface RetryMarks {
  /** Consumer first (I7). Made from the `Idempotency-Key`, else from the request itself (T3). */
  readonly key: string;
  /** Digest of the request itself, and the headers that change its answer. */
  readonly body: string;
  /** The client says that it repeats a request, or names it. */
  readonly marked: boolean;
  /** The id of the request, and of the run if it begins a new one. */
  readonly run: string;
}

export type StartAttempt = (tape: RunTape) => Attempt;

/** What a new record begins with besides an empty tape. */
export interface OpenOptions {
  readonly link?: RunLink;
  /** What an earlier run left at another replica. */
  readonly earlier?: readonly TapePiece[];
}

export interface RunRecords {
  /**
   * The attempt that answers a request: a running or finished one that the request repeats, or a new one. A new one
   * gets the tape of the run that was cut, or an empty one. Throws 400 `idempotency_key_reused`.
   */
  readonly join: (marks: RetryMarks, start: StartAttempt) => Attempt;
  /** The parts of `join`. The record that a request repeats; throws as `join` does. */
  readonly find: (marks: RetryMarks) => RunRecord | undefined;
  /** The record of a run that other replicas know. */
  readonly known: (marks: RetryMarks, run: string) => RunRecord | undefined;
  readonly open: (marks: RetryMarks, start: StartAttempt, options?: OpenOptions) => Attempt;
  /** The attempt of a record, or the next one where it broke off. */
  readonly goOn: (record: RunRecord, marks: RetryMarks, start: StartAttempt) => Attempt;
}

export interface RunRecord {
  readonly key: string;
  readonly body: string;
  /** `null`: the attempt has the whole answer, nobody will take the run up again. */
  tape: RunTape | null;
  /** The same record where all replicas see it, or may see it yet. */
  link: RunLink | null;
  attempt: Attempt;
  /** Milliseconds since the epoch; `null` while it runs. */
  endedAt: number | null;
  characters: number;
}

/** T4, T6. Times in milliseconds. */
export const recordLimits = { kept: 120_000, unmarked: 60_000, records: 1_000, characters: 64 * 1024 * 1024 };

/** The marks of a request: its `Idempotency-Key` or its bytes, and whether it says that it is a repetition. */
export function retryMarks({ headers, body, url, id }: FastifyRequest, partition: string): RetryMarks {
  const given = headers['idempotency-key'];
  const named = typeof given === 'string' && given !== '';
  const options = [headers['x-plugins'] ?? '', headers['x-plugin-trace'] ?? ''].join('\n');
  const request = `${hash('sha256', body as Buffer, 'base64')} ${options}`;
  const identity = named ? `key ${hash('sha256', given, 'base64')}` : `body ${request}`;
  return {
    key: JSON.stringify([partition, url, identity]),
    body: request,
    marked: named || Number(headers['x-stainless-retry-count']) > 0,
    run: id,
  };
}

/** Makes the records of one process. They are memory: a later one knows nothing of its runs. */
export function createRunRecords(limits: typeof recordLimits = recordLimits): RunRecords {
  const byKey = new Map<string, Set<RunRecord>>();
  /** Ended ones, oldest first; those without a side effect go first when room is needed. */
  const ended = { harmless: new Set<RunRecord>(), effective: new Set<RunRecord>() };
  let sweeping: NodeJS.Timeout | null = null;
  let count = 0;
  let characters = 0;

  function forget(record: RunRecord): void {
    const known = byKey.get(record.key);
    if (!known?.delete(record)) return;
    if (known.size === 0) byKey.delete(record.key);
    unshelve(record);
    count -= 1;
    characters -= record.characters;
    record.characters = 0;
  }

  function forgetOldest(): boolean {
    const [oldest] = ended.harmless.size > 0 ? ended.harmless : ended.effective;
    if (oldest) forget(oldest);
    return oldest !== undefined;
  }

  function unshelve(record: RunRecord): void {
    ended.harmless.delete(record);
    ended.effective.delete(record);
  }

  function shelve(record: RunRecord, sideEffect: boolean): void {
    record.endedAt = Date.now();
    const { log } = record.attempt;
    // Nothing has happened: to repeat it is harmless, and what the client was told to do.
    if (log.state() === 'failed' && !sideEffect) return forget(record);
    if (!byKey.get(record.key)?.has(record)) return;
    ended[sideEffect ? 'effective' : 'harmless'].add(record);
    sweeping ??= setTimeout(sweep, limits.kept).unref();
  }

  /** The answer is whole: of its run nothing is needed any more. */
  function keepAnswer(record: RunRecord): void {
    const said = record.attempt.log.said();
    keep(record, said.length - record.characters);
    record.attempt = new EndedAttempt(record.attempt, said);
    record.tape = null;
    // Without a record the link only holds the run's steps, until a first call leaves: none will now.
    if (record.link?.record() === null) record.link = null;
  }

  /** One timer for all: it comes back when the oldest record that stays is due. */
  function sweep(): void {
    const now = Date.now();
    const due = [ended.harmless, ended.effective].map((records) => {
      for (const record of records) {
        const at = (record.endedAt ?? now) + limits.kept;
        if (at > now) return at;
        forget(record);
      }
      return Infinity;
    });
    const next = Math.min(...due);
    sweeping = next === Infinity ? null : setTimeout(sweep, next - now).unref();
  }

  /** Books room for a record, and forgets the oldest ended ones for it. `false`: there is none, it must not be used. */
  function keep(record: RunRecord | undefined, wanted: number): boolean {
    if (!record) return false;
    const isKept = () => byKey.get(record.key)?.has(record) === true;
    while (isKept() && characters + wanted > limits.characters && forgetOldest());
    // It may have been the oldest itself.
    if (!isKept()) return false;
    if (wanted > 0 && characters + wanted > limits.characters) return false;
    record.characters += wanted;
    characters += wanted;
    return true;
  }

  function begin(record: RunRecord, tape: RunTape, attempt: Attempt): Attempt {
    unshelve(record);
    record.attempt = attempt;
    record.endedAt = null;
    const isCurrent = (): boolean => record.attempt === attempt;
    const end = async (): Promise<void> => {
      await attempt.log.closed;
      if (!isCurrent()) return;
      shelve(record, tape.hadSideEffect());
      await record.link?.end(attempt, tape, isCurrent);
      await attempt.released; // until then nobody knows whether a client has the answer
      const { log } = attempt;
      if (isCurrent() && log.whole() && log.state() === 'done') keepAnswer(record);
    };
    void end();
    return attempt;
  }

  const open: RunRecords['open'] = ({ key, body }, start, { link = null, earlier = [] } = {}) => {
    while (count >= limits.records && forgetOldest());
    // A box: the tape is needed before the record that it asks for room.
    const own: { record?: RunRecord } = {};
    const tape = createRunTape({ keep: (wanted) => keep(own.record, wanted), link, earlier });
    const attempt = start(tape);
    const record: RunRecord = {
      key,
      body,
      tape,
      link,
      attempt,
      endedAt: null,
      characters: 0,
    };
    own.record = record;
    const known = byKey.get(key) ?? new Set();
    byKey.set(key, known.add(record));
    count += 1;
    return begin(record, tape, attempt);
  };

  /** T4: without a mark, only a run that broke off after a side effect may be meant. */
  function interrupted(known: ReadonlySet<RunRecord>): RunRecord | undefined {
    const since = Date.now() - limits.unmarked;
    return [...ended.effective].findLast(
      (record) => known.has(record) && (record.endedAt ?? 0) >= since && !record.attempt.delivered(),
    );
  }

  const find: RunRecords['find'] = (marks) => {
    const known = byKey.get(marks.key);
    const [first] = known ?? [];
    if (first && first.body !== marks.body) throw gatewayError('idempotency_key_reused');
    return known && (marks.marked ? repeated([...known]) : interrupted(known));
  };
  const goOn: RunRecords['goOn'] = (record, marks, start) => {
    const { attempt, tape } = record;
    return tape && !answers(attempt, marks) ? begin(record, tape, start(tape)) : attempt;
  };

  return {
    find,
    open,
    goOn,
    known: ({ key }, run) => [...(byKey.get(key) ?? [])].find(({ link }) => link?.record() === run),
    join(marks, start) {
      const record = find(marks);
      return record ? goOn(record, marks, start) : open(marks, start);
    },
  };
}

/** Whether what an attempt says is the answer, errors too; else the run is taken up again where it stopped (T5). */
function answers({ log }: Attempt, { marked }: RetryMarks): boolean {
  const state = log.state();
  return log.whole() && state !== 'cut' && (marked || state !== 'failed');
}

/** T4: the run that a marked request repeats. Of several like it, the one whose client has lost it. */
function repeated(known: readonly RunRecord[]): RunRecord | undefined {
  return known.findLast(({ attempt }) => attempt.log.state() === 'cut') ?? known.at(-1);
}
