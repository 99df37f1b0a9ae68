// The operator's allow-list for egress.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAddress } from '../../src/egress/address.ts';
import { AllowListError, parseAllowList, type AllowList } from '../../src/egress/allow-list.ts';

const allows = (list: AllowList, text: string, port: number): boolean => {
  const address = readAddress(text);
  assert.ok(address);
  return list.hasAddress(address, port);
};

test('security E5: a host entry is exact in name and port', () => {
  const list = parseAllowList(['crm.corp:9000']);
  assert.ok(list.hasHost('crm.corp', 9000));
  assert.ok(!list.hasHost('crm.corp', 9001));
  assert.ok(!list.hasHost('a.crm.corp', 9000));
  assert.ok(!list.hasPort(9000));
});

test('security E5: an address entry holds in every spelling of the address', () => {
  const list = parseAllowList(['10.0.0.5:9000', '[fd00::1]:443']);
  assert.ok(allows(list, '10.0.0.5', 9000));
  assert.ok(allows(list, '::ffff:a00:5', 9000));
  assert.ok(allows(list, 'fd00:0:0::1', 443));
  assert.ok(!allows(list, '10.0.0.6', 9000));
  assert.ok(list.hasPort(9000));
});

test('security E5: a range holds for its port, and opens no metadata service', () => {
  const list = parseAllowList(['10.0.0.0/8:80', '169.254.0.0/16:80', '[fd00::/8]:80']);
  assert.ok(allows(list, '10.255.0.1', 80));
  assert.ok(!allows(list, '10.255.0.1', 81));
  assert.ok(!allows(list, '11.0.0.1', 80));
  assert.ok(allows(list, 'fd12::1', 80));
  assert.ok(allows(list, '169.254.1.1', 80));
  assert.ok(!allows(list, '169.254.169.254', 80));
  assert.ok(!allows(list, 'fd00:ec2::254', 80));
  assert.ok(allows(parseAllowList(['169.254.169.254:80']), '169.254.169.254', 80));
});

const refused = [
  '0.0.0.0/0:80',
  '[::/0]:443',
  '[::ffff:0:0/96]:443',
  '[::ffff:1.2.3.4/90]:443',
  '1.2.3.4/0:1',
  'crm.corp',
  'crm.corp:',
  'crm.corp:0',
  'crm.corp:65536',
  'crm.corp:http',
  ':80',
  '',
  'crm.corp:*',
  'crm.corp:8 0',
  '*.corp:80',
  '*:80',
  'CRM.corp:80',
  'http://crm.corp:80',
  'crm.corp/x:80',
  'user@crm.corp:80',
  '127.1:80',
  '0x7f000001:80',
  '10.0.0.0/33:80',
  '10.0.0/8x:80',
  'fd00::1:443',
  '::1:443',
  '[fe80::1%eth0]:443',
];

for (const entry of refused) {
  test(`security E5: the entry "${entry}" is refused with its name`, () => {
    assert.throws(
      () => parseAllowList([entry]),
      (error: Error) => error instanceof AllowListError && error.message.includes(`"${entry}"`),
    );
  });
}
