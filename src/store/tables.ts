// The tables of the store, the same ones in SQLite and PostgreSQL. Times are milliseconds since the epoch.
import type { Generated } from 'kysely';

export interface Tables {
  /** Hidden history that waits for its client (P8): one row for each id of a part. */
  parked_part: {
    readonly number: Generated<number>;
    /** Digest of consumer and id. */
    readonly id: string;
    readonly sealed: Uint8Array;
    readonly used: number;
  };
  /** Versions of remote plugins (D10). */
  plugin_version: {
    readonly source: string;
    readonly state: 'approved' | 'waiting';
    readonly name: string;
    readonly hash: string;
    readonly texts: string;
    readonly reasons: string;
    readonly since: number;
  };
  /** Runs that may be asked for again, at any replica (T6). */
  run_record: {
    readonly number: Generated<number>;
    /** The run's id, `x-request-id` of its answers. */
    readonly id: string;
    /** Digest of what a repetition is recognised by. */
    readonly key: string;
    /** Digest of the request. */
    readonly body: string;
    readonly marked: 0 | 1;
    readonly state: 'running' | 'done' | 'failed' | 'cut';
    /** The process that runs it. Nobody else may, until the lease is over. */
    readonly holder: string;
    readonly lease: number;
    readonly begun: number;
    /** A plugin call that must not be repeated has left. */
    readonly effect: 0 | 1;
    /** A client has the whole answer. */
    readonly delivered: 0 | 1;
    readonly ended: number | null;
    /** Bytes of all its pieces. */
    readonly size: number;
  };
  /** What a run is taken up from, or answered with, in the order in which it happened. */
  run_piece: {
    readonly number: Generated<number>;
    readonly run: string;
    readonly sealed: Uint8Array;
  };
}
