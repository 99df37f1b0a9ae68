// The operator's allow-list: what may be reached besides public addresses, entry by entry, nothing by wildcard.
import ipaddr from 'ipaddr.js';
import { isMetadata, readAddress, type Address } from './address.ts';

/** An entry that cannot be read or would open everything: the start is refused (`security.md` E5). */
export class AllowListError extends Error {
  override readonly name = 'AllowListError';
}

/** What the entries allow. */
export interface AllowList {
  /** The entry `host:port` is there: whatever addresses the name has. */
  hasHost(host: string, port: number): boolean;
  /** The entry `ip:port` or a `CIDR:port` around it is there; metadata services need the former. */
  hasAddress(address: Address, port: number): boolean;
  /** Some entry names addresses with this port, so that a name has to be looked up before it is refused. */
  hasPort(port: number): boolean;
}

interface Range {
  readonly port: number;
  readonly cidr: [Address, number];
}

/**
 * Reads entries `host:port`, `ip:port` and `CIDR:port` (IPv6 in brackets: `[fd00::/8]:443`). Throws
 * {@link AllowListError} naming the entry and what to write instead.
 */
export function parseAllowList(entries: readonly string[]): AllowList {
  const exact = new Set<string>();
  const ranges: Range[] = [];
  const addressPorts = new Set<number>();
  for (const entry of entries) {
    const { host, port } = splitEntry(entry);
    const address = readAddress(host);
    if (host.includes('/')) ranges.push({ port, cidr: readRange(entry, host) });
    else exact.add(`${address?.toString() ?? readHost(entry, host)} ${port}`);
    if (address || host.includes('/')) addressPorts.add(port);
  }
  return {
    hasHost: (host, port) => exact.has(`${host} ${port}`),
    hasAddress: (address, port) =>
      exact.has(`${address.toString()} ${port}`) ||
      (!isMetadata(address) && ranges.some((range) => range.port === port && within(address, range.cidr))),
    hasPort: (port) => addressPorts.has(port),
  };
}

function splitEntry(entry: string): { host: string; port: number } {
  const colon = entry.lastIndexOf(':');
  const port = Number(entry.slice(colon + 1));
  if (colon < 1 || !/^[0-9]{1,5}$/.test(entry.slice(colon + 1)) || port < 1 || port > 65535) {
    throw refused(entry, 'has no port. Write "host:port"');
  }
  const host = entry.slice(0, colon);
  if (host.startsWith('[') && host.endsWith(']')) return { host: host.slice(1, -1), port };
  if (host.includes(':')) throw refused(entry, 'is ambiguous. Put the IPv6 address in brackets: "[::1]:443"');
  return { host, port };
}

function readRange(entry: string, text: string): [Address, number] {
  if (!ipaddr.isValidCIDR(text)) throw refused(entry, 'is no address range. Write "10.0.0.0/8:443"');
  const [address, bits] = ipaddr.parseCIDR(text);
  const mapped = address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress();
  const cidr: [Address, number] = mapped
    ? [(address as ipaddr.IPv6).toIPv4Address(), Math.max(0, bits - 96)]
    : [address, bits];
  if (cidr[1] === 0) throw refused(entry, 'would open every address. Name the hosts that plugins need');
  return cidr;
}

/** A name in the form that URLs have, so that comparing texts compares hosts. */
function readHost(entry: string, host: string): string {
  const url = URL.parse(`http://${host}/`);
  if (!url || url.hostname !== host || url.host !== host || host.includes('*')) {
    const better =
      url && !host.includes('*') ? `. Write it as "${url.hostname}"` : '; there are no wildcards';
    throw refused(entry, `is no exact host name${better}`);
  }
  return host;
}

function within(address: Address, [network, bits]: [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

function refused(entry: string, reason: string): AllowListError {
  return new AllowListError(`The egress entry "${entry}" ${reason}.`);
}
