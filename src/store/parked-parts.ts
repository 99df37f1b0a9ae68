// Parked parts: the hidden messages of mixed steps, kept until the client comes back with its own results.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Json } from '../openai/chat.ts';
import { silentLog, type Log } from '../telemetry/log.ts';
import { openPartsDatabase, type PartsDatabase } from './parts-database.ts';
import { createSeal, keyOfFile, keyOfSecret } from './seal.ts';

/** Parts by consumer partition and tool call id (P3). Another partition's id gives what an unknown one gives (I7). */
export interface ParkedParts {
  /** Keeps a part under each id. Resolves when it is stored; a disk that fails is logged, never thrown (P2). */
  put(partition: string, ids: readonly string[], part: Json): Promise<void>;
  /** The parts of each id, oldest first, up to four (P4). Ids without one are absent. */
  find(partition: string, ids: readonly string[]): Promise<Map<string, Json[]>>;
  close(): Promise<void>;
}

export interface ParkedPartsOptions {
  /** `memory:`, or `sqlite:FILE` (relative to the working directory). */
  readonly url: string;
  /** Secret from which the sealing key is made; absent: a key file `FILE.key` beside the database. */
  readonly key?: string | undefined;
  readonly log?: Log;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const hour = 3_600_000;

/** P8. Sizes in characters. */
const limits = { parts: 10_000, size: 64 * 1024 * 1024, partSize: 16 * 1024 * 1024, perId: 4 } as const;

/** Opens the store. Throws when the database cannot be used, naming its file (F-G11). */
export function createParkedParts(options: ParkedPartsOptions): ParkedParts {
  const log = options.log ?? silentLog;
  const now = options.now ?? Date.now;
  const behind = openBehind(options, now);
  const memory = createMemory(now);

  /** Brings what only the disk knows into memory. */
  const recall = (partition: string, ids: readonly string[]): void => {
    const absent = ids.filter((id) => !memory.has(partition, id));
    if (behind === null || absent.length === 0) return;
    try {
      for (const [id, texts] of behind.find(partition, absent)) memory.set(partition, id, texts);
    } catch (error) {
      log.error('parked parts cannot be read: answers go on without them', { error });
    }
  };

  return {
    async put(partition, ids, part) {
      const text = JSON.stringify(part);
      if (text.length > limits.partSize)
        return log.warn('a part is too large to be parked', { characters: text.length });
      recall(partition, ids);
      for (const id of new Set(ids)) {
        memory.set(partition, id, [...memory.get(partition, id), text].slice(-limits.perId));
      }
      try {
        behind?.put(partition, ids, text);
      } catch (error) {
        log.error('a parked part cannot be written: it will not outlive the process', { error });
      }
    },
    async find(partition, ids) {
      recall(partition, ids);
      const found = ids.map(
        (id) => [id, memory.get(partition, id).map((text) => JSON.parse(text) as Json)] as const,
      );
      return new Map(found.filter(([, parts]) => parts.length > 0));
    },
    async close() {
      behind?.close();
    },
  };
}

function openBehind(options: ParkedPartsOptions, now: () => number): PartsDatabase | null {
  if (options.url === 'memory:') return null;
  const file = options.url.replace(/^sqlite:/, '');
  try {
    mkdirSync(dirname(file), { recursive: true });
    const seal = createSeal(options.key ? keyOfSecret(options.key) : keyOfFile(`${file}.key`));
    return openPartsDatabase({ file, seal, perId: limits.perId, maxAge: 24 * hour, now });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The store ${file} cannot be used: ${reason}. Mend it, or set store.url to "memory:".`, {
      cause,
    });
  }
}

interface Memory {
  has(partition: string, id: string): boolean;
  get(partition: string, id: string): readonly string[];
  set(partition: string, id: string, texts: readonly string[]): void;
}

/** The consumer comes first in every key (I7). */
function keyOf(partition: string, id: string): string {
  return JSON.stringify([partition, id]);
}

/** Parts stay text: nobody can change one that is kept, and their size is known. */
function createMemory(now: () => number): Memory {
  const cache = new LRUCache<string, readonly string[]>({
    max: limits.parts,
    maxSize: limits.size,
    sizeCalculation: (texts, key) => texts.reduce((size, text) => size + text.length, key.length),
    ttl: hour,
    updateAgeOnGet: true,
    ttlResolution: 0,
    perf: { now },
  });
  return {
    has: (partition, id) => cache.has(keyOf(partition, id)),
    get: (partition, id) => cache.get(keyOf(partition, id)) ?? [],
    set: (partition, id, texts) => void cache.set(keyOf(partition, id), texts),
  };
}
