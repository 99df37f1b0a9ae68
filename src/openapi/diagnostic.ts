// What is wrong with a manifest or a document, where, and what to do.
import type { JsonObject } from '../openai/chat.ts';
import { member, pointerTo } from './value.ts';

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

/** Collects the findings about one source; lines are filled in at the end, in one pass. */
export interface Report {
  readonly diagnostics: Diagnostic[];
  error(code: string, pointer: string, message: string): void;
  warning(code: string, pointer: string, message: string): void;
  info(code: string, pointer: string, message: string): void;
}

/** A member that has to be a text; what is none is ignored, with a warning (D10). */
export function expectText(object: JsonObject, name: string, pointer: string, report: Report): string {
  const value = member(object, name) ?? '';
  if (typeof value === 'string') return value;
  report.warning('misplaced', pointerTo(pointer, name), `"${name}" is no text; it is ignored.`);
  return '';
}

/** How a text begins that is not what it should be, as the end of a message; empty for an empty text (D2). */
export function beginningOf(text: string): string {
  const beginning = text.trimStart().slice(0, 80);
  return beginning === '' ? '' : ` It begins with ${JSON.stringify(beginning)}.`;
}

/** More findings than this of one severity are not kept: a hostile document could make millions. */
const mostFindings = 1000;

/** A report without findings. */
export function createReport(source: string): Report {
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<string>();
  const adder = (severity: Severity) => {
    let count = 0;
    return (code: string, pointer: string, message: string) => {
      const key = `${code} ${pointer} ${message}`;
      if (seen.has(key) || count >= mostFindings) return;
      count += 1;
      seen.add(key);
      diagnostics.push({ code, severity, source, pointer, line: null, message });
    };
  };
  return { diagnostics, error: adder('error'), warning: adder('warning'), info: adder('info') };
}
