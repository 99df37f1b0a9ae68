// The real documents: where they lie, what they were labelled, their text.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A plugin of the store. */
export interface StorePlugin {
  readonly name: string;
  readonly label: string;
  readonly domain: string;
  /** Operations as counted by who labelled it. */
  readonly operations: number;
  readonly manifestFile: string;
  /** `null`: the store named none that could be fetched. */
  readonly documentFile: string | null;
}

/** Labels of documents that say what they are for, valid or not. */
export const genuineLabels = ['valid', 'parses-but-invalid', 'broken-yaml-recoverable'];
/** Labels of what was served in place of a document. */
export const errorLabels = ['html', 'error-json', 'error-text', 'empty'];

interface Label {
  readonly name: string;
  readonly label: string;
  readonly ops: number | null;
  readonly domain: string;
}

export function storePlugins(shared: string): StorePlugin[] {
  const folder = join(shared, 'corpus/store');
  const labels = JSON.parse(readFileSync(`${folder}-labels.json`, 'utf8')) as Label[];
  return labels.map(({ name, label, ops, domain }) => {
    const file = readdirSync(join(folder, name)).find((one) => one.startsWith('openapi.'));
    return {
      name,
      label,
      domain,
      operations: ops ?? 0,
      manifestFile: join(folder, name, 'ai-plugin.json'),
      documentFile: file === undefined ? null : join(folder, name, file),
    };
  });
}

/** A general document. */
export interface GeneralDocument {
  readonly name: string;
  readonly file: string;
  readonly operations: number;
}

export function generalDocuments(shared: string): GeneralDocument[] {
  const folder = join(shared, 'openapi');
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    file: string;
    ops: number;
  }[];
  return index.map(({ file, ops }) => {
    const name = file.replace(/^(?:git|npm|raw)__/, '').replace(/\.gz$/, '');
    return { name, file: join(folder, file), operations: ops };
  });
}

/** The text of a document, unpacked where it is packed. */
export function readText(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

export function fileSize(file: string): number {
  return statSync(file).size;
}
