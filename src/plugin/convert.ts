// From a document's bytes to its operations: the work that runs in a worker, as one pure function.
import { createHash } from 'node:crypto';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import {
  fetchedDocumentLimits,
  localDocumentLimits,
  readDocument,
  type DocumentLimits,
} from '../openapi/document.ts';
import { decodeText } from '../openapi/yaml.ts';
import { readOperations, type Operation, type OperationContext } from './operation.ts';

/** A document to convert. Plain data: it crosses to a worker. */
export interface ConversionJob {
  readonly bytes: Uint8Array;
  /** The file or URL, for diagnostics. */
  readonly source: string;
  /** Decides the limits (D13). */
  readonly kind: 'local' | 'fetched';
  readonly context: ConversionContext;
}

/** What the operations depend on besides the document. */
export interface ConversionContext extends Omit<OperationContext, 'allows' | 'proceed'> {
  /** Private `host:port` that a public document may name as servers (M27). */
  readonly allowed: readonly string[] | 'all';
}

/** What a document came to. */
export interface Conversion {
  /** `null`: it is no document, or beyond the limits. */
  readonly info: { readonly title: string; readonly description: string } | null;
  /** Frozen. */
  readonly operations: readonly Operation[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Converts a document. Rejects only for a fault of ours; what is wrong with the document is a diagnostic. */
export type Convert = (job: ConversionJob) => Promise<Conversion>;

/**
 * Values in all operations together: references and aliases make a small document large (`security.md` D5). Of a
 * fetched one each is counted as often as it is used, because that is what it costs to make functions of it; of the
 * operator's own, what operations share is counted once, because that is what it takes in memory.
 */
const mostValues = { fetched: 1_000_000, local: 10_000_000 } as const;

export interface ConvertOptions {
  /** In place of the limits of the job's kind. */
  readonly limits?: DocumentLimits;
  /** Most values in all operations together. */
  readonly values?: number;
  /** Called before each operation, and before a text is repaired, which is slow; may throw to stop. */
  readonly proceed?: (step: 'operation' | 'repair') => void;
}

/** Reads a document and its operations. Throws what `proceed` throws. */
export function convertDocument(
  { bytes, source, kind, context }: ConversionJob,
  options: ConvertOptions = {},
): Conversion {
  const limits = options.limits ?? (kind === 'local' ? localDocumentLimits : fetchedDocumentLimits);
  const { proceed } = options;
  const { document, diagnostics } = readDocument(decodeText(bytes), source, limits, () =>
    proceed?.('repair'),
  );
  if (document === null) return { info: null, operations: [], diagnostics };
  const { allowed, ...rest } = context;
  const read = readOperations(document, {
    ...rest,
    proceed: () => proceed?.('operation'),
    allows: (url) =>
      allowed === 'all' ||
      allowed.includes(`${url.hostname}:${url.port || (url.protocol === 'http:' ? 80 : 443)}`),
  });
  const most = options.values ?? mostValues[kind];
  if (countValues(read.operations, most, kind === 'local' ? new Set() : null) > most)
    return refuse(source, `its operations hold more than ${most} values when their references are followed`);
  const { title, description } = document;
  return {
    info: { title, description },
    operations: read.operations,
    diagnostics: [...diagnostics, ...read.diagnostics],
  };
}

/** The conversion of a document beyond the limits. */
export function refuse(source: string, reason: string): Conversion {
  const report = createReport(source);
  report.error('document-limit', '', `The document is refused: ${reason}. Narrow it to what is needed.`);
  return { info: null, operations: [], diagnostics: report.diagnostics };
}

/** Values of all kinds in a value, counted up to a little more than `most`; with `seen`, each object and array once. */
export function countValues(value: unknown, most: number, seen: Set<unknown> | null = null): number {
  const waiting: unknown[] = [value];
  let count = 0;
  while (waiting.length > 0 && count <= most) {
    const next = waiting.pop();
    count += 1;
    if (typeof next !== 'object' || next === null || seen?.has(next)) continue;
    seen?.add(next);
    for (const inner of Object.values(next)) waiting.push(inner);
  }
  return count;
}

/**
 * Wraps a `Convert`: the same bytes in the same context are converted once. `forget` drops what was not asked for
 * since the last `forget`.
 */
export function rememberConversions(convert: Convert): { convert: Convert; forget: () => void } {
  let older = new Map<string, Promise<Conversion>>();
  let newer = new Map<string, Promise<Conversion>>();
  return {
    convert(job) {
      const { bytes, source, kind, context } = job;
      const digest = createHash('sha256').update(bytes).digest('hex');
      const key = JSON.stringify([digest, source, kind, context]);
      const conversion = newer.get(key) ?? older.get(key) ?? convert(job);
      newer.set(key, conversion);
      conversion.catch(() => newer.delete(key));
      return conversion;
    },
    forget() {
      older = newer;
      newer = new Map();
    },
  };
}
