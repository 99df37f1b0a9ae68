// The address guard: what a destination may be, and the connector that dials nothing else.
import { lookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { networkInterfaces } from 'node:os';
import type { LookupFunction, Socket } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import { isLocal, isMetadata, isPublic, readAddress, type Address } from './address.ts';
import type { AllowList } from './allow-list.ts';
import { EgressError } from './egress.ts';

/** Where a request wants to go. */
export interface Target {
  readonly origin: string;
  readonly secure: boolean;
  /** As the socket gets it: IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The rules of one kind of destination. Both refuse by throwing {@link EgressError}. */
export interface Rules {
  /** Asked before a name is looked up. */
  admitHost(target: Target): void;
  /** Asked of every address before it is dialled. */
  admitAddress(target: Target, address: Address): void;
}

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

/** DNS and connect may take this long each (section 8). */
const connectDeadline = 3_000;

/** Asks the system's resolver, so that hosts files count. */
export const resolveBySystem: Resolve = (host) => lookup(host, { all: true });

/** Reads an origin (`https://host:port`). Throws {@link EgressError} when it is anything else. */
export function parseTarget(origin: string): Target {
  const url = URL.parse(origin);
  const bare = url && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (!url || !bare || url.password !== '' || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new EgressError('address_refused', `"${origin}" is no origin of the form https://host:port.`);
  }
  const secure = url.protocol === 'https:';
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return { origin: url.origin, secure, host, port: Number(url.port) || (secure ? 443 : 80) };
}

/** Rules of plugins and documents: https to public addresses, besides what the lists allow (E2, E3, E5). */
export function guardedRules(lists: readonly AllowList[], own: () => readonly string[]): Rules {
  const named = (target: Target) => lists.some((list) => list.hasHost(target.host, target.port));
  return {
    admitHost(target) {
      const undecided = lists.some((list) => list.hasPort(target.port));
      if (!target.secure && !named(target) && !undecided) throw insecureServer(target);
    },
    admitAddress(target, address) {
      refuseOwn(target, address, own());
      if (lists.some((list) => list.hasAddress(address, target.port))) return;
      if (named(target) && !isMetadata(address)) return;
      if (!isPublic(address)) {
        throw new EgressError(
          'address_refused',
          `${target.host} is ${address.toString()}, no public address. If it may be reached, allow "${entryOf(target)}" for egress.`,
        );
      }
      if (!target.secure) throw insecureServer(target);
    },
  };
}

function insecureServer(target: Target): EgressError {
  const message = `${target.origin} is not called over plain http. Use https, or allow "${entryOf(target)}" for egress.`;
  return new EgressError('insecure_server', message);
}

/** Rules of an upstream: the operator's own words, so any address but ours (E1, E7). */
export function upstreamRules(own: () => readonly string[]): Rules {
  return {
    admitHost: () => undefined,
    admitAddress: (target, address) => refuseOwn(target, address, own()),
  };
}

/** Lets at most `slots` lookups run at once: the process has four resolver threads, upstreams need some (E4). */
export function queueLookups(resolve: Resolve, slots: number): Resolve {
  let free = slots;
  const waiting: (() => void)[] = [];
  return async (host) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await resolve(host);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/**
 * A connector for one target. undici and Node call `lookup` for names alone, so a literal is judged here and a name in
 * the lookup, where every answer must be admitted or none is used; what is dialled is what was judged (N1, E4).
 */
export function createConnector(target: Target, rules: Rules, resolve: Resolve): buildConnector.connector {
  const judge = (text: string) => {
    const address = readAddress(text);
    if (!address)
      throw new EgressError('address_refused', `${target.host} is "${text}", which is no address.`);
    rules.admitAddress(target, address);
  };
  const lookUp = callbackify(async (host: string) => {
    const [first, ...rest] = await resolve(host);
    if (!first) throw new EgressError('dns_failed', `${host} has no address.`);
    for (const { address } of [first, ...rest]) judge(address);
    return { first, all: [first, ...rest] };
  });
  const lookupAdmitted: LookupFunction = (host, options, callback) => {
    lookUp(host, (error, answers) => {
      if (error) callback(error, '');
      else if (options.all) callback(null, answers.all);
      else callback(null, answers.first.address, answers.first.family);
    });
  };
  const dial = buildConnector({
    allowH2: false,
    timeout: 0, // ours below is exact; undici's is coarse (N5)
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    lookup: lookupAdmitted,
  });
  return (options, callback) => {
    try {
      if (readAddress(options.hostname)) judge(options.hostname);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    watchConnect(target, options, callback, dial);
  };
}

/** Dials, with a deadline for DNS and another for the rest, and names the phase that failed. */
function watchConnect(
  target: Target,
  options: buildConnector.Options,
  callback: buildConnector.Callback,
  dial: buildConnector.connector,
): void {
  let phase: 'dns_failed' | 'unreachable' | 'tls_failed' = readAddress(options.hostname)
    ? 'unreachable'
    : 'dns_failed';
  const socket = dial(options, (...[error, connected]) => {
    clearTimeout(deadline);
    if (!error) callback(null, connected);
    else if (error instanceof EgressError) callback(error, null);
    else callback(new EgressError(phase, `${target.origin}: ${error.message}`, { cause: error }), null);
  }) as unknown as Socket; // the types do not say that the socket is returned
  const deadline = setTimeout(() => {
    const failure = phase === 'unreachable' ? 'connect_timeout' : phase;
    const message = `${target.origin} took longer than ${connectDeadline} ms to connect.`;
    socket.destroy(new EgressError(failure, message));
  }, connectDeadline);
  socket.once('lookup', (error: Error | null) => {
    if (error) return;
    phase = 'unreachable';
    deadline.refresh();
  });
  if (target.secure) socket.once('connect', () => (phase = 'tls_failed'));
}

/** Refuses the addresses that we listen on: a plugin or upstream there would be the gateway itself (E7). */
function refuseOwn(target: Target, address: Address, own: readonly string[]): void {
  for (const listen of own) {
    const { host, port } = parseTarget(`http://${listen}`);
    if (port !== target.port) continue;
    const bound = readAddress(host);
    const everywhere = bound?.range() === 'unspecified' && (isLocal(address) || isInterface(address));
    // A name is localhost; to dial 0.0.0.0 or :: is to dial loopback.
    const vague = isLocal(address) && (!bound || (isLocal(bound) && address.range() === 'unspecified'));
    if (everywhere || vague || bound?.toString() === address.toString()) {
      throw new EgressError(
        'loop_detected',
        `${target.origin} is the gateway itself (${address.toString()}).`,
      );
    }
  }
}

function isInterface(address: Address): boolean {
  const text = address.toString();
  return Object.values(networkInterfaces())
    .flat()
    .some((own) => own !== undefined && readAddress(own.address)?.toString() === text);
}

/** The target as an entry of the allow-list. */
function entryOf(target: Target): string {
  return `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
}
