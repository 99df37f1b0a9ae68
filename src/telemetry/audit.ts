// The audit: one record per plugin call and per run, built field by field, without contents.
import type { Log } from './log.ts';

/** A finished plugin call. Arguments and results are not part of it: they belong to the conversation. */
export interface PluginCallRecord {
  readonly consumer: string;
  readonly plugin: string;
  readonly operation: string;
  /** The injected name. */
  readonly function: string;
  readonly method: string;
  /** Where it went; `null` when nothing was sent. */
  readonly origin: string | null;
  /** HTTP status, or the error code of a call without an answer. */
  readonly status: number | string;
  readonly milliseconds: number;
  /** Decoded bytes of the answer. */
  readonly bytes: number;
  /** A request that may have changed something has left. */
  readonly sideEffect: boolean;
}

/** A finished run. */
export interface RunRecord {
  readonly id: string;
  readonly consumer: string;
  readonly upstream: string;
  readonly model: string;
  readonly stream: boolean;
  /** Status of the answer; 499 when the client went away. */
  readonly status: number;
  /** Error code, `null` for a complete answer. */
  readonly error: string | null;
  readonly steps: number;
  /** The upstream's ids of its answers, one per step; the client sees the first alone (`wire.md` M1). */
  readonly completionIds: readonly string[];
  /** The upstream's ids of our requests, where it gave some (F6). */
  readonly upstreamRequestIds: readonly string[];
  readonly pluginCalls: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Steps whose tokens the upstream did not count, or not in a way that makes sense: the sums lack them (M2). */
  readonly uncountedSteps: number;
  readonly milliseconds: number;
}

/** Where the records go. */
export interface Audit {
  pluginCall(record: PluginCallRecord): void;
  run(record: RunRecord): void;
}

/** Writes the records to the log, at level `info`, with `audit` naming their kind. */
export function createAudit(options: { readonly log: Log }): Audit {
  const { log } = options;
  return {
    pluginCall: (record) =>
      log.info('plugin call', {
        audit: 'plugin-call',
        consumer: record.consumer,
        plugin: record.plugin,
        operation: record.operation,
        function: record.function,
        method: record.method,
        origin: record.origin,
        status: record.status,
        milliseconds: Math.round(record.milliseconds),
        bytes: record.bytes,
        sideEffect: record.sideEffect,
      }),
    run: (record) =>
      log.info('run', {
        audit: 'run',
        id: record.id,
        consumer: record.consumer,
        upstream: record.upstream,
        model: record.model,
        stream: record.stream,
        status: record.status,
        error: record.error,
        steps: record.steps,
        completionIds: record.completionIds,
        upstreamRequestIds: record.upstreamRequestIds,
        pluginCalls: record.pluginCalls,
        promptTokens: record.promptTokens,
        completionTokens: record.completionTokens,
        uncountedSteps: record.uncountedSteps,
        milliseconds: Math.round(record.milliseconds),
      }),
  };
}
