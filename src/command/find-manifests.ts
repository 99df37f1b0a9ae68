// Finds the manifests that a path names: a file, a folder of manifests or documents, or a tree of manifests.
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from './arguments.ts';

/** Folders in which no manifests lie. */
const skipped = new Set(['node_modules', 'openapi', '.git']);
/** Names of a document beside its `ai-plugin.json`. */
export const documentNames = ['openapi.yaml', 'openapi.yml', 'openapi.json'];
const maxDepth = 12;
/** A manifest is small, and its name stands near its beginning. */
const headBytes = 64 * 1024;

/**
 * The files below a path, sorted: a file as it is; of a folder, every `*.json` that it holds directly (as the gateway
 * reads its folder), and where none of these is a manifest the YAML documents beside them; in folders below it those
 * that are manifests. Throws {@link UsageError} for what is not there.
 */
export async function findManifests(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new UsageError(`There is no file or folder ${path}.`);
  if (!found.isDirectory()) return [path];
  const files = await walk(path, 0);
  for (const file of files) if (await isNamed(file)) return files;
  return [...files, ...(await findDocuments(path))].toSorted();
}

async function walk(folder: string, depth: number): Promise<string[]> {
  if (depth > maxDepth) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const names = new Set(entries.map((entry) => entry.name));
  const files: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) files.push(...(await walk(path, depth + 1)));
    } else if (/\.json$/i.test(entry.name) && (await isManifest(path, entry.name, names, depth))) {
      files.push(path);
    }
  }
  return files;
}

async function isManifest(
  path: string,
  name: string,
  beside: ReadonlySet<string>,
  depth: number,
): Promise<boolean> {
  if (name === 'ai-plugin.json') return true;
  const isSite = beside.has('ai-plugin.json');
  if (isSite && documentNames.includes(name)) return false;
  if (depth === 0 && !isSite) return true;
  return isNamed(path);
}

/** Whether a file has a manifest's name of a plugin. */
async function isNamed(path: string): Promise<boolean> {
  return (await readHead(path)).includes('"name_for_model"');
}

/** The YAML files of a folder that say of themselves that they are OpenAPI documents. */
async function findDocuments(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /\.ya?ml$/i.test(name));
  const files = names.map((name) => join(folder, name));
  const heads = await Promise.all(files.map(readHead));
  return files.filter((_, at) => /^["']?(?:openapi|swagger)["']?\s*:/m.test(heads[at] ?? ''));
}

async function readHead(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return '';
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(headBytes) });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
