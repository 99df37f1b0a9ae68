// Which of the recorded runs a request repeats (T4): pure, over the rows of one key, oldest first.

export interface RunRow {
  readonly id: string;
  readonly body: string;
  readonly marked: 0 | 1;
  readonly state: 'running' | 'done' | 'failed' | 'cut';
  readonly effect: 0 | 1;
  readonly delivered: 0 | 1;
  readonly lease: number;
  /** Held by the process that asks. */
  readonly mine: boolean;
  /** It was running when its lease ran out: the process that had it has died. */
  readonly abandoned: boolean;
  /** Milliseconds since its end, or since its lease ran out. */
  readonly age: number;
  /** Milliseconds since its beginning. */
  readonly begunAgo: number;
}

export interface Asked {
  readonly body: string;
  readonly marked: boolean;
  readonly own?: boolean;
  /** The id of the run that asks, if it would make a record. */
  readonly make?: string | null;
  /** Present: something that must not be done twice is about to be done. */
  readonly pieces?: readonly string[];
  /** Milliseconds since the run that asks has begun. */
  readonly since?: number;
  readonly others?: readonly string[];
}

export type Chosen =
  | { readonly kind: 'new' | 'reused' | 'superseded' }
  | { readonly kind: 'running' | 'taken' | 'ended'; readonly row: RunRow };

/** Milliseconds in which a request without a mark may mean a run that broke off (T4). */
export const unmarkedMilliseconds = 60_000;

/** Chooses. */
export function chooseRun(rows: readonly RunRow[], asked: Asked): Chosen {
  if (rows.some(({ body }) => body !== asked.body)) return { kind: 'reused' };
  return asked.marked ? repeated(rows) : interrupted(rows, asked);
}

/** Of several like it, the one whose client has lost it. */
function repeated(rows: readonly RunRow[]): Chosen {
  const row = rows.findLast(isCut) ?? rows.at(-1);
  if (!row) return { kind: 'new' };
  if (isCut(row)) return { kind: 'taken', row };
  return { kind: row.state === 'running' ? 'running' : 'ended', row };
}

/** Without a mark, only a run that broke off after a side effect may be meant. */
function interrupted(
  rows: readonly RunRow[],
  { own = false, make, pieces, since = 0, others = [] }: Asked,
): Chosen {
  // Its own record was made, and the word of it came too late.
  const made = rows.find(({ id, mine }) => mine && id === make);
  if (made) return { kind: 'taken', row: made };
  const lost = rows.findLast(
    (row) =>
      (own || !row.mine) &&
      row.effect === 1 &&
      row.delivered === 0 &&
      row.age < unmarkedMilliseconds &&
      !isAlive(row),
  );
  if (lost) return { kind: 'taken', row: lost };
  if (!pieces) return { kind: 'new' };
  // The client has asked again since, and named what it repeats: what it waits for is that run.
  if (rows.some((row) => row.marked === 1 && row.begunAgo < since)) return { kind: 'superseded' };
  // Alive, or dead since less than a lease: who asks has to find out.
  const doubtful = rows.find(
    (row) => !row.mine && isAlive(row) && row.effect === 1 && !others.includes(row.id),
  );
  return doubtful ? { kind: 'running', row: doubtful } : { kind: 'new' };
}

function isAlive({ state, abandoned }: RunRow): boolean {
  return state === 'running' && !abandoned;
}

function isCut({ state, abandoned }: RunRow): boolean {
  return state === 'cut' || abandoned;
}
