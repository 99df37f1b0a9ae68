// Fetched texts, kept from one reload to the next: they are asked for again in the background alone (D15).
import type { SendDocument } from '../egress/egress.ts';
import {
  fetchMilliseconds,
  fetchSource,
  readLocal,
  SourceError,
  type ReadSource,
  type SourceBytes,
} from './source.ts';

/** Which kept texts a reload asks for again. What was never asked for is always fetched. */
export type Refresh = 'none' | 'failed' | 'all';

/** What the texts of all plugins are read through. */
export interface KeptTexts {
  /** Puts in what is known from before: it is asked for by its validator. */
  put(plugin: string | null, url: string, text: SourceBytes): void;
  /** Reads for one reload. Each text is fetched once at most; all fetches together take 15 s at most. */
  startReload(refresh: Refresh): ReadSource;
  /** Forgets what the last reload did not read. */
  forget(): void;
  /** Whether some text could not be fetched. */
  readonly failing: () => boolean;
}

export interface KeptTextsOptions {
  /** The way out, with what the plugin alone may reach. */
  readonly send: (plugin: string | null) => SendDocument;
  readonly userAgent: string;
}

interface Kept {
  readonly text: SourceBytes | null;
  readonly failure: SourceError | null;
}

/** Nothing kept yet. */
export function createKeptTexts({ send, userAgent }: KeptTextsOptions): KeptTexts {
  const kept = new Map<string, Kept>();
  let used = new Set<string>();

  const fetch = async (url: string, maxBytes: number, plugin: string | null, signal: AbortSignal) => {
    const key = keyOf(plugin, url);
    const text = kept.get(key)?.text ?? null;
    const options = { send: send(plugin), maxBytes, signal, userAgent, etag: text?.etag ?? null };
    try {
      const fresh = (await fetchSource(url, options)) ?? text;
      kept.set(key, { text: fresh, failure: null });
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      kept.set(key, { text, failure: error });
    }
  };

  return {
    put: (plugin, url, text) => void kept.set(keyOf(plugin, url), { text, failure: null }),
    startReload(refresh) {
      const signal = AbortSignal.timeout(fetchMilliseconds);
      const fetches = new Map<string, Promise<void>>();
      used = new Set();
      return async (location, maxBytes, plugin) => {
        if (location.kind === 'file') return readLocal(location, maxBytes);
        const key = keyOf(plugin, location.url);
        used.add(key);
        const known = kept.get(key);
        const again = refresh === 'all' || (refresh === 'failed' && known?.failure);
        if (!known || again || fetches.has(key)) {
          const fetching = fetches.get(key) ?? fetch(location.url, maxBytes, plugin, signal);
          fetches.set(key, fetching);
          await fetching;
        }
        const { text, failure } = kept.get(key) ?? { text: null, failure: null };
        if (failure) throw failure;
        if (!text) throw new SourceError('unreachable', `${location.url} answered with status 304.`);
        return text;
      };
    },
    forget() {
      for (const key of kept.keys()) if (!used.has(key)) kept.delete(key);
    },
    failing: () => [...kept.values()].some(({ failure }) => failure !== null),
  };
}

/** What one plugin may fetch is not thereby known to another. */
function keyOf(plugin: string | null, url: string): string {
  return JSON.stringify([plugin, url]);
}
