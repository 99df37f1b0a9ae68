// Finds the manifests that a path names: a file, a folder of manifests, or a tree of them.
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
 * reads its folder), and in folders below it those that are manifests. Throws {@link UsageError} for what is not there.
 */
export async function findManifests(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new UsageError(`There is no file or folder ${path}.`);
  return found.isDirectory() ? walk(path, 0) : [path];
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
  return (await readHead(path)).includes('"name_for_model"');
}

async function readHead(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(headBytes) });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
