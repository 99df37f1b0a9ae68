// Opens the ways out: one per plugin, one for documents, one per upstream.
import { parseAllowList } from './allow-list.ts';
import { followRedirects } from './document.ts';
import { EgressError, type Egress, type Send } from './egress.ts';
import {
  guardedRules,
  parseTarget,
  queueLookups,
  resolveBySystem,
  upstreamRules,
  type Resolve,
  type Rules,
} from './guard.ts';
import { createSend } from './send.ts';

/** What the ways out need to know. */
export interface EgressOptions {
  /** Entries that all plugins and documents may use (`egress.allow`). */
  readonly allow: readonly string[];
  /** Where the gateway listens (`host:port`), once it does (E7). */
  readonly own: () => readonly string[];
  /** Id of this process, sent as `x-plugin-gateway` with every request (E7). */
  readonly instance: string;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
}

const guardedSockets = 64;
const guardedKeepAlive = 4_000;
const guardedLookups = 2;
/** Longer, as a race that the peer wins is retried silently here (`wire.md` T2). */
const upstreamKeepAlive = 30_000;

/** Makes an {@link Egress}. Throws `AllowListError` for an entry that cannot be read (E5). */
export function createEgress(options: EgressOptions): Egress {
  const { own, instance, resolve = resolveBySystem } = options;
  const common = parseAllowList(options.allow);
  const guardedResolve = queueLookups(resolve, guardedLookups);
  const ways = new Map<string, { send: Send; close: () => Promise<void> }>();

  function open(key: string, rules: Rules, guarded: boolean): Send {
    const known = ways.get(key);
    if (known) return known.send;
    const way = createSend({
      rules,
      instance,
      resolve: guarded ? guardedResolve : resolve,
      connections: guarded ? guardedSockets : null,
      keepAlive: guarded ? guardedKeepAlive : upstreamKeepAlive,
    });
    ways.set(key, way);
    return way.send;
  }

  const guarded = (kind: string, name: string, allow: readonly string[]) =>
    open(JSON.stringify([kind, name, allow]), guardedRules([common, parseAllowList(allow)], own), true);

  return {
    plugin: (name, allow) => guarded('plugin', name, allow),
    document: (allow = []) => followRedirects(guarded('document', '', allow)),
    upstream(name, url) {
      const { origin } = parseTarget(new URL(url).origin);
      const send = open(JSON.stringify(['upstream', name, origin]), upstreamRules(own), false);
      return (request, signal) => {
        if (request.origin === origin) return send(request, signal);
        const message = `${request.origin} is not the upstream '${name}' (${origin}).`;
        return Promise.reject(new EgressError('address_refused', message));
      };
    },
    async close() {
      await Promise.all([...ways.values()].map((way) => way.close()));
    },
  };
}
