// Tells when files change: by the system's word where it gives one, and by looking now and then where it does not.
import { watch, type FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface WatchOptions {
  /** Folders whose manifests and documents count; they may be absent and come later. */
  readonly folders: readonly string[];
  /** Single files. */
  readonly files: readonly string[];
  /** Called when a file is new, changed or gone. */
  readonly onChange: () => void;
  /** When the files were read that are known already, milliseconds since the epoch; default now. */
  readonly since?: number;
  /** Milliseconds of quiet after the system's word: an editor writes, renames and removes several files. */
  readonly quiet?: number;
  /** Milliseconds from look to look. Some file systems give no word: network mounts, containers on a desktop. */
  readonly lookEvery?: number;
}

/** Watches until it is closed. Keeps no process alive. */
export function watchFiles(options: WatchOptions): { readonly close: () => void } {
  const { folders, files, onChange, since = Date.now(), quiet = 100, lookEvery = 10_000 } = options;
  const watched = new Set([...folders, ...files.map((file) => dirname(file))]);
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number }>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let known: string | null = null;
  let looking = false;
  let again = false;

  const lookIn = (milliseconds: number): void => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void look(), milliseconds).unref();
  };
  const hear = (): void => {
    again = true;
    if (!looking) lookIn(quiet);
  };
  /** A folder that was replaced has another inode; its old watcher hears nothing any more. */
  const follow = async (folder: string): Promise<void> => {
    const inode = await stat(folder).then(
      ({ ino }) => ino,
      () => null,
    );
    const old = watchers.get(folder);
    if (closed || old?.inode === inode) return;
    old?.watcher.close();
    watchers.delete(folder);
    if (inode === null) return;
    try {
      const watcher = watch(folder, { persistent: false }, hear);
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(folder);
      });
      watchers.set(folder, { watcher, inode });
    } catch {
      // No watch to be had (their number is limited): looking does it.
    }
  };
  const look = async (): Promise<void> => {
    looking = true;
    again = false;
    // Watch first, look then: what happens between is heard.
    await Promise.all(Array.from(watched, follow));
    const { text, newest } = await describe(folders, files);
    const changed = known === null ? newest > since : text !== known;
    known = text;
    looking = false;
    lookIn(again ? quiet : lookEvery);
    if (changed && !closed) onChange();
  };

  void look();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      for (const { watcher } of watchers.values()) watcher.close();
    },
  };
}

/** Names, sizes, times and inodes of all files that count, as one text; and when the last of them changed. */
async function describe(
  folders: readonly string[],
  files: readonly string[],
): Promise<{ text: string; newest: number }> {
  const listed = await Promise.all(folders.map(listFolder));
  let text = '';
  let newest = 0;
  for (const file of [...listed.flat(), ...files]) {
    const { mtimeMs, ctimeMs, size, ino } = await stat(file).catch(() => absent);
    text += `${[file, mtimeMs, ctimeMs, size, ino].join(' ')}\n`;
    newest = Math.max(newest, ctimeMs);
  }
  return { text, newest };
}

const absent = { mtimeMs: 0, ctimeMs: 0, size: 0, ino: 0 };

async function listFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /\.(?:json|ya?ml)$/i.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}
