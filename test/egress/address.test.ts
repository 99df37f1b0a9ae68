// Which addresses are public.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPublic, readAddress } from '../../src/egress/address.ts';

const open = (text: string): boolean => {
  const address = readAddress(text);
  return address !== null && isPublic(address);
};

/** Blocks of the IANA registries for special purposes: first, middle, last address. */
const special = `
0.0.0.0 0.128.0.0 0.255.255.255 · 10.0.0.0 10.128.0.0 10.255.255.255 · 100.64.0.0 100.96.0.0 100.127.255.255
127.0.0.0 127.128.0.0 127.255.255.255 · 169.254.0.0 169.254.128.0 169.254.255.255 · 172.16.0.0 172.24.0.0 172.31.255.255
192.0.0.0 192.0.0.128 192.0.0.255 · 192.0.2.0 192.0.2.128 192.0.2.255 · 192.88.99.0 192.88.99.255
192.168.0.0 192.168.128.0 192.168.255.255 · 198.18.0.0 198.18.255.255 198.19.255.255
198.51.100.0 198.51.100.255 · 203.0.113.0 203.0.113.255 · 224.0.0.0 232.0.0.0 239.255.255.255
240.0.0.0 248.0.0.0 255.255.255.254 255.255.255.255 · 168.63.129.16 100.100.100.200
:: ::1 ::7f00:1 ::8.8.8.8 ::ffff:10.0.0.1 ::ffff:7f00:1 ::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff::1
100::1 100::ffff:ffff:ffff:ffff 100:0:0:1::1 2001::1 2001:0:ffff::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:20::1
2001:2f::1 2001:30::1 2001:db8::1 2001:db8:ffff::1 2002::1 2002:7f00:1:: 2002:ffff::1 2620:4f:8000::1 3fff::1 3fff:fff::1
4000::1 5f00::1 8000::1 c000::1 fc00::1 fd00::1 fdff::1 fe80::1 febf::1 fec0::1 feff::1 ff00::1 ff02::1 ffff::1
`;

test('security E3, E13: no address of a special block is public', () => {
  const addresses = special.split(/[\s·]+/).filter(Boolean);
  assert.ok(addresses.length > 80);
  assert.deepEqual(addresses.filter(open), []);
});

/** Just outside of the blocks above, and well-known public ones. */
const ordinary = `
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255
172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255
198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 8.8.8.8 168.63.129.15 ::ffff:8.8.8.8 2001:4860:4860::8888 2606:4700::1111
2003::1 2400::1 3ffe::1 2a00::1
`;

test('security E3: addresses beside the special blocks are public', () => {
  const addresses = ordinary.split(/\s+/).filter(Boolean);
  assert.deepEqual(
    addresses.filter((address) => !open(address)),
    [],
  );
});

test('security E3: zone ids and other spellings are no literals', () => {
  for (const text of [
    'fe80::1%eth0',
    '2606:4700::1%1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '8.8.8.8.',
    '',
    ' 8.8.8.8',
  ]) {
    assert.equal(readAddress(text), null, text);
  }
});

test('security E3: an IPv6 form of an IPv4 address is public only as the mapped form of a public one', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(byte, byte, byte, byte, (...bytes) => {
      const dotted = bytes.join('.');
      assert.equal(open(`::ffff:${dotted}`), open(dotted));
      for (const prefix of ['::', '::ffff:0:', '64:ff9b::']) assert.equal(open(`${prefix}${dotted}`), false);
    }),
  );
});
