// Who calls: from the key that a caller shows to a consumer.
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Who calls. */
export interface Consumer {
  /** The configured name; `anonymous` when no consumers are configured. Also the user id sent to plugins. */
  readonly name: string;
  /** Granted plugins and operations (`todo`, `todo.addItem`, `todo.*`, `*`). */
  readonly plugins: readonly string[];
  /**
   * What separates this caller's stored data from another's: the consumer's name, or, without consumers, a digest of
   * the caller's own upstream key.
   */
  readonly partition: string;
  /** The caller's own `Authorization`, sent on to an upstream without a key. Only without consumers. */
  readonly authorization: string | null;
}

/** A consumer as configured. */
export interface ConsumerConfig {
  readonly name: string;
  readonly key: string;
  readonly plugins: readonly string[];
}

/** Request headers with names in lower case, as Node gives them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Tells who calls; `null`: the key is absent or unknown (both are one and the same 401). */
export type Authenticate = (headers: RequestHeaders) => Consumer | null;

/**
 * Makes the one function through which every carrier of a key goes (I1): `Authorization: Bearer`, `api-key`,
 * `x-api-key`; the first one present decides. Without consumers everyone is anonymous, with all plugins.
 */
export function createAuthentication(consumers: readonly ConsumerConfig[]): Authenticate {
  return consumers.length === 0 ? anonymous : createKeyCheck(consumers);
}

function createKeyCheck(consumers: readonly ConsumerConfig[]): Authenticate {
  const pepper = randomBytes(32);
  // I2: the identity is the HMAC of the whole key; found and compared as such, so that time tells nothing of the key.
  const digestOf = (key: string) => createHmac('sha256', pepper).update(key).digest();
  const byDigest = new Map(
    consumers.map((consumer) => [digestOf(consumer.key).toString('hex'), freeze(consumer)]),
  );
  const nobody = randomBytes(32).toString('hex');
  /** Keys that were right before need no digest again: as many as there are consumers at most. */
  const proved = new Map<string, Consumer>();

  function prove(key: string): Consumer | null {
    const digest = digestOf(key);
    const found = byDigest.get(digest.toString('hex'));
    const expected = Buffer.from(found ? digest.toString('hex') : nobody, 'hex');
    if (!timingSafeEqual(digest, expected) || !found) return null;
    proved.set(key, found);
    return found;
  }

  return (headers) => {
    const key = shownKey(headers)?.key ?? '';
    return proved.get(key) ?? prove(key);
  };
}

function freeze(consumer: ConsumerConfig): Consumer {
  return Object.freeze({
    name: consumer.name,
    plugins: consumer.plugins,
    partition: `consumer:${consumer.name}`,
    authorization: null,
  });
}

const everything: readonly string[] = Object.freeze(['*']);

function anonymous(headers: RequestHeaders): Consumer {
  const shown = shownKey(headers);
  return Object.freeze({
    name: 'anonymous',
    plugins: everything,
    partition: shown ? `key:${hash('sha256', shown.key)}` : 'anonymous',
    authorization: shown?.authorization ?? null,
  });
}

/** The key of the first carrier present, and the same as an `Authorization` header. */
function shownKey(headers: RequestHeaders): { key: string; authorization: string } | null {
  const authorization = single(headers['authorization']);
  if (authorization !== null) {
    const key = /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? authorization;
    return { key, authorization };
  }
  const key = single(headers['api-key']) ?? single(headers['x-api-key']);
  return key === null ? null : { key, authorization: `Bearer ${key}` };
}

function single(value: string | readonly string[] | undefined): string | null {
  const text = typeof value === 'string' ? value.trim() : (value?.join(', ') ?? '');
  return text === '' ? null : text;
}
