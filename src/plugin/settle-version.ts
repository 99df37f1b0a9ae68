// Which version of a plugin serves: the newest, the approved one while a change waits, or the last good one (D10, D16).
import type { PluginSettings } from '../config/schema.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import type { Log } from '../telemetry/log.ts';
import { judgeChange, type ChangeReason } from './change.ts';
import type { Loaded } from './load.ts';
import { readReasons, writeRecord, type Version, type Versions } from './version.ts';

/** A plugin as it was just read, and what is known of it from before. */
export interface ReadPlugin {
  /** Its file or URL, the plugin's identity. */
  readonly source: string;
  readonly fresh: Loaded;
  /** What was fetched for `fresh`; `null` when nothing was: it is the operator's own. */
  readonly version: Version | null;
  /** `unknown`: the store does not say. */
  readonly approved: Version | null | 'unknown';
  /** What it was when it was last good. */
  readonly good: Loaded | undefined;
  readonly changes: PluginSettings['changes'];
  /**
   * Loads the plugin from a kept version; `null` when the operator has since configured something that it has no text
   * of: what is read now was never approved otherwise.
   */
  readonly loadVersion: (version: Version) => Promise<Loaded | null>;
}

/** What a plugin comes to. */
export interface SettledPlugin {
  /** The version that serves, with what there is to say about the choice. */
  readonly served: Loaded;
  /** The same without; `null` when it cannot be used. */
  readonly good: Loaded | null;
}

/** Where versions are kept. `versions: null`: every change is adopted. */
export interface SettleOptions {
  readonly versions: Versions | null;
  readonly log: Log;
}

/** Chooses the version that serves, and keeps what the choice means for the next time. */
export async function settleVersion(
  plugin: ReadPlugin,
  { versions, log }: SettleOptions,
): Promise<SettledPlugin> {
  const { source, fresh, version, approved, good, changes } = plugin;
  if (isGood(fresh) && (versions === null || version === null)) return asIs(fresh);
  if (versions === null) return lastGood(good, fresh);
  if (approved === 'unknown') return changes === 'automatic' ? asIs(fresh) : lastGood(good, undecided(fresh));
  if (isGood(fresh) && version?.hash === approved?.hash) {
    await versions.dismiss(source);
    return asIs(fresh);
  }
  const before = approved && (await plugin.loadVersion(approved));
  if (!isGood(fresh) || version === null) {
    if (!approved || !before || !isGood(before)) return lastGood(good, fresh);
    return { served: await withWaiting(stale(before, fresh.diagnostics), approved, versions), good: before };
  }
  const reasons = before ? reasonsToWait(before, fresh, changes) : [];
  const { name } = fresh.candidate;
  if (approved && before && reasons.length > 0) {
    await versions.keep('waiting', writeRecord(source, name, version, reasons));
    return { served: await withWaiting(before, approved, versions), good: before };
  }
  await versions.keep('approved', writeRecord(source, name, version));
  log.info('a version of a plugin is adopted', { source, hash: version.hash, before: approved?.hash });
  return asIs(fresh);
}

function isGood(loaded: Loaded): boolean {
  return loaded.candidate.manifest !== null && loaded.operations.length > 0;
}

function asIs(loaded: Loaded): SettledPlugin {
  return { served: loaded, good: loaded };
}

/** The last good version; what is broken when there is none. */
function lastGood(good: Loaded | undefined, fresh: Loaded): SettledPlugin {
  return good ? { served: stale(good, fresh.diagnostics), good } : { served: fresh, good: null };
}

/** D10: what came may be what was never approved. It is not used until the store says. */
function undecided(fresh: Loaded): Loaded {
  const report = createReport(fresh.candidate.source);
  const message =
    'The store does not answer, so nobody can say which version was approved. It is loaded again as soon as it does.';
  report.error('approval-unknown', '', message);
  return { ...fresh, operations: [], diagnostics: [...report.diagnostics, ...fresh.diagnostics] };
}

function reasonsToWait(before: Loaded, fresh: Loaded, changes: PluginSettings['changes']): ChangeReason[] {
  if (changes === 'automatic') return [];
  const reasons = judgeChange(before, fresh);
  if (changes === 'safe' || reasons.length > 0) return reasons;
  return [{ code: 'changed', message: 'Its manifest or document has changed, and "changes" is "approve".' }];
}

/** What serves, saying why it is not the newest (D16). */
function stale(served: Loaded, diagnostics: readonly Diagnostic[]): Loaded {
  const reason = diagnostics.find((finding) => finding.severity === 'error') ?? diagnostics[0];
  const report = createReport(reason?.source ?? served.candidate.source);
  report.warning(
    'stale',
    reason?.pointer ?? '',
    `The last good version is in use. ${reason?.message ?? ''}`.trim(),
  );
  return { ...served, diagnostics: [...served.diagnostics, ...report.diagnostics] };
}

/** What serves, saying what waits, if something does (D10). */
async function withWaiting(served: Loaded, approved: Version, versions: Versions): Promise<Loaded> {
  const record = await versions.find(served.candidate.source, 'waiting');
  if (record === null) return served;
  const reasons = readReasons(record);
  const since = new Date(record.since).toISOString();
  const why = reasons.map(({ message }) => message).join(' ');
  const report = createReport(served.candidate.source);
  report.warning(
    'change-waiting',
    '',
    `A changed version waits for approval: ${why} Until then the approved one serves. Run: plugin-gateway approve ${served.name}`,
  );
  const diagnostics = [...served.diagnostics, ...report.diagnostics];
  return { ...served, diagnostics, waiting: { hash: record.hash, approved: approved.hash, since, reasons } };
}
