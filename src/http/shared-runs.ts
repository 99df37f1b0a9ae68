// What the door knows of run records that all replicas see (`wire.md` T6). They are kept elsewhere.

/** What is asked for: the run that a request repeats. */
export interface RunClaim {
  readonly key: string;
  readonly body: string;
  readonly marked: boolean;
  /** Without a mark: whether runs of this very process count. */
  readonly own?: boolean;
  /** The id of a new run, if one is to be recorded. */
  readonly make: string | null;
  /** What has happened in a new run so far; present when a call is about to leave that must not be repeated. */
  readonly pieces?: readonly string[];
  /** Milliseconds since the new run has begun. */
  readonly since?: number;
  /** Runs of the same request that are known to be alive elsewhere. */
  readonly others?: readonly string[];
}

/** What came of it. `mine`: the one who runs it, or did last, is this process. */
export type ClaimedRun =
  | { readonly kind: 'new' | 'none' | 'reused' | 'superseded' }
  | { readonly kind: 'running'; readonly run: string; readonly mine: boolean; readonly lease: number }
  | {
      readonly kind: 'taken' | 'ended';
      readonly run: string;
      readonly mine: boolean;
      readonly pieces: readonly string[];
    };

/** The records. Nothing throws; `null`: they cannot be reached, and the process goes by what it knows itself. */
export interface SharedRuns {
  /** Finds the run that a request repeats, and takes what nobody holds any more, or makes a new one. */
  readonly claim: (asked: RunClaim) => Promise<ClaimedRun | null>;
  /** Whether there may be a run for a request without a mark to take up. */
  readonly broken: (key: string) => Promise<boolean | null>;
  readonly running: (run: string) => Promise<boolean | null>;
  /** Adds to a run of this process; `false`: it is not ours any more. `effect`: as `RunClaim.pieces`. */
  readonly append: (
    key: string,
    run: string,
    pieces: readonly string[],
    options: { readonly effect: boolean },
  ) => Promise<boolean | null>;
  readonly end: (
    key: string,
    run: string,
    end: {
      readonly state: 'done' | 'failed' | 'cut';
      readonly pieces: readonly string[];
      readonly delivered: boolean;
    },
  ) => Promise<unknown>;
  readonly forget: (run: string) => Promise<unknown>;
}
