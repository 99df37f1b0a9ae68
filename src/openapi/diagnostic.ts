// What is wrong with a manifest or a document, where, and what to do.

/** `error`: not offered (the plugin, or one operation). `warning`: works less well. `info`: to know. */
export type Severity = 'error' | 'warning' | 'info';

/** One finding. Nothing is dropped or repaired without one. */
export interface Diagnostic {
  /** Kebab-case code, listed in `docs/diagnostics.md`. */
  readonly code: string;
  readonly severity: Severity;
  /** The file or URL it is about. */
  readonly source: string;
  /** JSON pointer into the manifest or document; `""` is its root. */
  readonly pointer: string;
  /** 1-based line in the text; `null` when unknown. */
  readonly line: number | null;
  /** What is wrong, where, and what to do. */
  readonly message: string;
}
