// What is installed: an immutable snapshot, swapped whole. A run keeps the snapshot that it started with.
import type { Diagnostic } from '../openapi/diagnostic.ts';
import type { PluginFunction } from './function.ts';
import type { Manifest } from './manifest.ts';
import type { Overrides } from './operation.ts';

/** `needs-oauth`: shown, its functions are not offered. `error`: nothing of it can be used. */
export type PluginState = 'ok' | 'warning' | 'needs-oauth' | 'error';

/** An installed plugin, broken ones too. Frozen. */
export interface Plugin {
  /** `name_for_model`; for a manifest without one, the file's name without its ending. */
  readonly name: string;
  /** The manifest's file or URL. */
  readonly source: string;
  /** The document's file or URL; `null` when none was found. */
  readonly document: string | null;
  readonly state: PluginState;
  readonly manifest: Manifest | null;
  readonly functions: readonly PluginFunction[];
  readonly diagnostics: readonly Diagnostic[];
  /** `params` of the manifest with the operator's over them. */
  readonly params: Overrides;
  /** `headers` of the manifest with the operator's over them; names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Origins that its API calls may go to (`https://host:port`). */
  readonly origins: readonly string[];
}

/** All plugins and their functions at one moment. */
export interface Snapshot {
  /** Sorted by name. */
  readonly plugins: readonly Plugin[];
  readonly byName: ReadonlyMap<string, Plugin>;
  /** Functions of the plugins that may be called, by function name, sorted. */
  readonly functions: ReadonlyMap<string, PluginFunction>;
}
