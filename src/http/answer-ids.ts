// Which answers of upstreams a client's answer was made of: it is asked for by the one id that the client knows (M1).
import { LRUCache } from 'lru-cache';

/** Where an answer is stored, if its client asked for that: the last step has the whole conversation. */
export interface StoredAnswer {
  readonly upstream: string;
  readonly id: string;
}

export interface AnswerIds {
  /** `ids`: the upstream's, step by step; the first is the one that the client knows (E2). */
  readonly remember: (partition: string, ids: readonly string[], upstream: string) => void;
  /** `null`: unknown, or another consumer's (I7). */
  readonly find: (partition: string, id: string) => StoredAnswer | null;
}

const maxAnswers = 10_000;

/** An id is an upstream's word, and becomes part of a path. */
const plainId = /^[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,198}$/;

/** Keeps the ids in memory: another replica, or a later process, asks for the id as the client says it. */
export function createAnswerIds(): AnswerIds {
  const stored = new LRUCache<string, StoredAnswer>({ max: maxAnswers });
  const keyOf = (partition: string, id: string) => JSON.stringify([partition, id]);
  return {
    remember(partition, ids, upstream) {
      const [shown, id] = [ids[0], ids.at(-1)];
      if (shown === undefined || id === undefined || !plainId.test(id)) return;
      stored.set(keyOf(partition, shown), { upstream, id });
    },
    find: (partition, id) => stored.get(keyOf(partition, id)) ?? null,
  };
}
