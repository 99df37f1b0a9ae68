// From text to an OpenAPI document: everything that can be understood is read, nothing is gated on validation (D1).
import type { JsonObject } from '../openai/chat.ts';
import { beginningOf, createReport, type Diagnostic, type Report } from './diagnostic.ts';
import { pathMethods } from './path-method.ts';
import { upgradeSwagger } from './swagger.ts';
import { entriesOf, freezeDeep, isObject, member, textMember } from './value.ts';
import { linesOf } from './line.ts';
import { readText, TextError, type ReadText } from './yaml.ts';

/** What a document may be (D13). */
export interface DocumentLimits {
  readonly bytes: number;
  /** Values of all kinds, aliases expanded. */
  readonly nodes: number;
  readonly operations: number;
}

export const fetchedDocumentLimits: DocumentLimits = {
  bytes: 2 * 1024 * 1024,
  nodes: 200_000,
  operations: 1000,
};
export const localDocumentLimits: DocumentLimits = {
  bytes: 64 * 1024 * 1024,
  nodes: 5_000_000,
  operations: 25_000,
};

/** Freezing a larger document would cost more than reading it: nobody writes to it all the same. */
const mostFrozenBytes = 4 * 1024 * 1024;

/** A readable document. Read-only; frozen all through unless it is larger than 4 MiB. */
export interface ApiDocument {
  readonly source: string;
  /** As declared, or inferred from the shape. 2.0 has been upgraded: it reads as 3.0. */
  readonly version: '2.0' | '3.0' | '3.1' | '3.2';
  readonly title: string;
  readonly description: string;
  readonly root: JsonObject;
  /** The text, for the lines of diagnostics. */
  readonly text: string;
}

/**
 * Reads a document, tolerantly (D2 to D12). `document` is `null` for what is no document at all or beyond the limits;
 * it is never refused for failing validation. Throws what `beforeRepair` throws, which is called before much work.
 */
export function readDocument(
  text: string,
  source: string,
  limits: DocumentLimits = fetchedDocumentLimits,
  beforeRepair?: () => void,
): { document: ApiDocument | null; diagnostics: Diagnostic[] } {
  const report = createReport(source);
  const root = readRoot(text, source, limits, report, beforeRepair);
  const document = root && describe(root, text, source, limits, report);
  return { document, diagnostics: withLines(report.diagnostics, text) };
}

/** The findings with their lines in the text. */
export function withLines(diagnostics: readonly Diagnostic[], text: string): Diagnostic[] {
  if (diagnostics.length === 0) return [];
  const lines = linesOf(text, new Set(diagnostics.map((finding) => finding.pointer)));
  return diagnostics.map((finding) => ({
    ...finding,
    line: finding.line ?? lines.get(finding.pointer) ?? null,
  }));
}

/** D2 to D5: an object that looks like a document, or nothing. */
function readRoot(
  text: string,
  source: string,
  limits: DocumentLimits,
  report: Report,
  beforeRepair?: () => void,
): JsonObject | null {
  if (Buffer.byteLength(text) > limits.bytes) {
    report.error(
      'document-limit',
      '',
      `The document is larger than ${limits.bytes} bytes. Narrow it to what is needed.`,
    );
    return null;
  }
  const refuse = (what: string): null => {
    report.error('not-a-document', '', `This is ${what}, not an OpenAPI document.${beginningOf(text)}`);
    return null;
  };
  if (text.trim() === '') return refuse('an empty text');
  if (text.trimStart().startsWith('<')) return refuse('an HTML or XML page');
  let read: ReadText;
  try {
    read = readText(text, { nodes: limits.nodes, characters: limits.bytes * 4 }, beforeRepair);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    if (error.limit) report.error('document-limit', '', `The document is refused: ${error.message}.`);
    else {
      const place = `line ${error.line}, column ${error.column}`;
      report.error(
        'document-syntax',
        '',
        `Neither YAML nor JSON: ${error.message} (${place}).${beginningOf(text)}`,
      );
      setLastLine(report, error.line);
    }
    return null;
  }
  if (!isObject(read.value)) return refuse('plain text');
  if (['paths', 'openapi', 'swagger'].every((name) => member(read.value, name) === undefined)) {
    return refuse('an object without "paths" or "openapi"');
  }
  reportForm(read, source, report);
  return read.value;
}

/** What is odd about the text itself (D3, D5). */
function reportForm({ format, repaired, fault }: ReadText, source: string, report: Report): void {
  const place = fault ? `: ${fault.message} (line ${fault.line})` : '';
  if (repaired) {
    const lost = place.includes('duplicated') ? ' Of equal keys the last one counts.' : '';
    report.warning('yaml-repaired', '', `Read after a repair${place}.${lost} Mend the file.`);
  } else if (format === 'yaml' && /\.json$/i.test(source)) {
    const message = `The name says JSON, but the content is YAML${place}. Other programs may refuse it.`;
    report.info('yaml-in-json', '', message);
  } else {
    if (format === 'json' && /\.ya?ml$/i.test(source))
      report.info('json-in-yaml', '', 'The content is JSON although its name says YAML; content decides.');
    return;
  }
  if (fault) setLastLine(report, fault.line);
}

function setLastLine(report: Report, line: number): void {
  const last = report.diagnostics.pop();
  if (last) report.diagnostics.push({ ...last, line });
}

function describe(
  read: JsonObject,
  text: string,
  source: string,
  limits: DocumentLimits,
  report: Report,
): ApiDocument | null {
  const version = findVersion(read, report);
  const root = version === '2.0' ? upgradeSwagger(read, report) : read;
  const operations = countOperations(root);
  if (operations > limits.operations) {
    const message = `The document has ${operations} operations, more than ${limits.operations}. Keep the ones that are needed.`;
    report.error('document-limit', '/paths', message);
    return null;
  }
  if (operations === 0) report.warning('no-operations', '/paths', 'The document has no operation to offer.');
  const info = member(root, 'info');
  const title = member(info, 'title');
  const description = member(info, 'description');
  return {
    source,
    version,
    title: typeof title === 'string' ? title : '',
    description: typeof description === 'string' ? description : '',
    root: text.length > mostFrozenBytes ? root : freezeDeep(root),
    text,
  };
}

/** D6: the declared version, whatever its spelling; without one, the shape decides. */
function findVersion(root: JsonObject, report: Report): ApiDocument['version'] {
  const name = member(root, 'swagger') === undefined ? 'openapi' : 'swagger';
  const declared = member(root, name);
  const plain =
    typeof declared === 'number'
      ? declared.toFixed(1)
      : (textMember(root, name) ?? '').replaceAll(/["'\s]/g, '');
  const found = /^(2\.0|3\.0|3\.1|3\.2)(?:\.|$)/.exec(plain)?.[1] as ApiDocument['version'] | undefined;
  const shape =
    member(root, 'swagger') !== undefined || member(root, 'definitions') !== undefined ? '2.0' : '3.0';
  if (declared === undefined) {
    report.info(
      'version-odd',
      '',
      `The document names no version; it is read as ${shape} by its shape. Add "openapi".`,
    );
  } else if (
    !found ||
    typeof declared !== 'string' ||
    !/^(2\.0|3\.0\.[0-4]|3\.1\.[0-2]|3\.2\.0)$/.test(declared)
  ) {
    report.info(
      'version-odd',
      `/${name}`,
      `The version ${JSON.stringify(declared)} is unusual; read as ${found ?? shape}.`,
    );
  }
  return found ?? shape;
}

/** How many operations the paths hold, roughly: what a reference leads to counts as one. */
function countOperations(root: JsonObject): number {
  let count = 0;
  for (const [, item] of entriesOf(member(root, 'paths'))) {
    for (const method of pathMethods) if (isObject(member(item, method))) count += 1;
    count += entriesOf(member(item, 'additionalOperations')).length;
    if (member(item, '$ref') !== undefined) count += 1;
  }
  return count;
}
