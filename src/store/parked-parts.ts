// Parked parts: the hidden messages of mixed steps, kept until the client comes back with its own results.
import { LRUCache } from 'lru-cache';
import type { Json } from '../openai/chat.ts';
import { silentLog, type Log } from '../telemetry/log.ts';
import { StoreDownError } from './availability.ts';
import type { PartsTable } from './parts-table.ts';

/** Parts by consumer partition and tool call id (P3). Another partition's id gives what an unknown one gives (I7). */
export interface ParkedParts {
  /** Keeps a part under each id. Resolves when it is stored; a database that fails is logged, never thrown (P2). */
  readonly put: (partition: string, ids: readonly string[], part: Json) => Promise<void>;
  /** The parts of each id, oldest first, up to four (P4). Ids without one are absent. */
  readonly find: (partition: string, ids: readonly string[]) => Promise<Map<string, Json[]>>;
}

export interface ParkedPartsOptions {
  /** What outlives the process, and is shared; `null`: nothing. */
  readonly behind: PartsTable | null;
  readonly log?: Log;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const hour = 3_600_000;

/** P8. Sizes in characters. */
const limits = { parts: 10_000, size: 64 * 1024 * 1024, partSize: 16 * 1024 * 1024 } as const;

/** Parts of one id that are told apart (P4). */
export const partsPerId = 4;

/** Milliseconds since last use after which a part behind the memory is forgotten (P8). */
export const partsMaxAge = 24 * hour;

/** Makes the shelf: memory, and behind it the database. */
export function createParkedParts(options: ParkedPartsOptions): ParkedParts {
  const { behind, log = silentLog, now = Date.now } = options;
  const memory = createMemory(now);

  /** The store never fails a request. While it is down, it has said so itself. */
  async function attempt<T>(work: Promise<T> | undefined, message: string): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof StoreDownError)) log.error(message, { error });
      return undefined;
    }
  }

  /**
   * Brings what only the database knows into memory. Of a shared one everything may be newer: other replicas park too,
   * under ids that recur (P4).
   */
  async function recall(partition: string, ids: readonly string[]): Promise<void> {
    const asked = behind?.shared === true ? ids : ids.filter((id) => !memory.isWhole(partition, id));
    if (behind === null || asked.length === 0) return;
    const message = 'parked parts cannot be read: answers go on without them';
    const found = await attempt(behind.find(partition, asked), message);
    if (behind.shared) for (const [id, texts] of found ?? []) memory.add(partition, id, texts);
    else if (found) for (const id of asked) memory.complete(partition, id, found.get(id) ?? []);
  }

  return {
    async put(partition, ids, part) {
      const text = JSON.stringify(part);
      if (text.length > limits.partSize)
        return log.warn('a part is too large to be parked', { characters: text.length });
      for (const id of new Set(ids)) memory.add(partition, id, [text]);
      const message = 'a parked part cannot be written: it will not outlive the process';
      await attempt(behind?.put(partition, ids, text), message);
    },
    async find(partition, ids) {
      await recall(partition, ids);
      const found = ids.map(
        (id) => [id, memory.get(partition, id).map((text) => JSON.parse(text) as Json)] as const,
      );
      return new Map(found.filter(([, parts]) => parts.length > 0));
    },
  };
}

interface Memory {
  /** Whether {@link complete} has told what was put before the process began. */
  readonly isWhole: (partition: string, id: string) => boolean;
  readonly get: (partition: string, id: string) => readonly string[];
  /** Adds texts as the newest, in their order; the oldest beyond four are forgotten. */
  readonly add: (partition: string, id: string, texts: readonly string[]) => void;
  /** Adds the texts that are not there yet as the oldest. */
  readonly complete: (partition: string, id: string, texts: readonly string[]) => void;
}

/** The consumer comes first in every key (I7). */
function keyOf(partition: string, id: string): string {
  return JSON.stringify([partition, id]);
}

/** Parts stay text: nobody can change one that is kept, and their size is known. */
function createMemory(now: () => number): Memory {
  const cache = new LRUCache<string, { readonly texts: readonly string[]; readonly whole: boolean }>({
    max: limits.parts,
    maxSize: limits.size,
    sizeCalculation: ({ texts }, key) => texts.reduce((size, text) => size + text.length, key.length),
    ttl: hour,
    updateAgeOnGet: true,
    ttlResolution: 0,
    perf: { now },
  });
  return {
    isWhole: (partition, id) => cache.peek(keyOf(partition, id))?.whole === true,
    get: (partition, id) => cache.get(keyOf(partition, id))?.texts ?? [],
    add(partition, id, texts) {
      const key = keyOf(partition, id);
      const { texts: known = [], whole = false } = cache.get(key) ?? {};
      const older = known.filter((text) => !texts.includes(text));
      cache.set(key, { texts: [...older, ...texts].slice(-partsPerId), whole });
    },
    complete(partition, id, texts) {
      const key = keyOf(partition, id);
      const known = cache.get(key)?.texts ?? [];
      const older = texts.filter((text) => !known.includes(text));
      const all = [...older, ...known].slice(-partsPerId);
      if (all.length > 0) cache.set(key, { texts: all, whole: true });
    },
  };
}
