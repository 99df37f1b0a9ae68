// Which addresses are public: the one question behind the guard, asked of the very address that a socket dials.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address as ipaddr.js reads it, an IPv4-mapped one as the IPv4 that it is. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Says secrets to whoever asks from inside a cloud (E5). */
const metadata = new Set([
  '169.254.169.254',
  '169.254.170.2',
  'fd00:ec2::254',
  '100.100.100.200',
  '168.63.129.16',
]);

/** Only this block of IPv6 is assigned to the Internet; ipaddr.js calls everything that it does not know unicast. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** Reads a literal exactly as a socket would dial it; `null` for names, zone ids and whatever else (E3). */
export function readAddress(text: string): Address | null {
  // net.isIP decides for the socket; ipaddr.js alone would also read 127.1 and 0x7f.1, which the resolver gets.
  if (isIP(text) === 0 || text.includes('%')) return null;
  // The URL's form has no dots: ipaddr.js reads ::8.8.8.8 as the mapped ::ffff:8.8.8.8, which is another address.
  return ipaddr.process(isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text);
}

/** Whether the address belongs to the public Internet (E3). */
export function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast' || isMetadata(address)) return false;
  return address.kind() === 'ipv4' || address.match(globalUnicast);
}

/** Whether the address is one of the clouds' metadata services, which no range of the allow-list opens (E5). */
export function isMetadata(address: Address): boolean {
  return metadata.has(address.toString());
}

/** Whether the address is this machine's own. */
export function isLocal(address: Address): boolean {
  const range = address.range();
  return range === 'loopback' || range === 'unspecified';
}
