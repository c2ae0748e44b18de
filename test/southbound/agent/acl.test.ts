import { expect, test } from 'vitest'
import { aclRules } from '../../../southbound/agent/iproute2/acl.ts'
import { aclCases, entryOf, invalidAclCases } from './acl-cases.ts'

test.each(aclCases.map(([name, columns, ...matches]) => ({ name, columns, matches })))(
  'an ACL_entry with $name is matched by nftables',
  ({ columns, matches }) => {
    expect(aclRules(entryOf(columns))).toEqual({ matches })
  },
)

test.each(invalidAclCases)('an ACL_entry with %s cannot be matched', (_name, columns, invalid) => {
  expect(aclRules(entryOf(columns))).toEqual({ invalid })
})

const mac = '02:00:00:00:00:01'
const below = (columns: Parameters<typeof entryOf>[0]) => aclRules(entryOf(columns), [1, 2])
const TYPED = 'meta protocol { 0x8100, 0x88a8 } @nh,16,16'

test('below one VLAN tag an ACL_entry is what it is without, below two by the places of its fields', () => {
  expect(below({ source_mac: mac, ethertype: '0x0800', source_ip: '10.0.0.1' })).toEqual({
    matches: [
      `ether saddr ${mac} meta protocol 0x0800 ip saddr 10.0.0.1`,
      `ether saddr ${mac} ${TYPED} 0x0800 @nh,128,32 0x0a000001`,
    ],
  })
  expect(below({ source_mac: mac, ethertype: '0x0806', source_ip: '10.0.0.1' })).toEqual({
    matches: [
      `ether saddr ${mac} meta protocol 0x0806 arp saddr ether ${mac} arp saddr ip 10.0.0.1`,
      `ether saddr ${mac} ${TYPED} 0x0806 @nh,96,48 0x020000000001 @nh,144,32 0x0a000001`,
    ],
  })
  expect(below({ dest_ip: '10.1.2.3', dest_mask: '255.255.0.0' })).toEqual({
    matches: [
      'meta protocol 0x0800 ip daddr 10.1.2.3/16',
      `${TYPED} 0x0800 @nh,160,32 & 0xffff0000 == 0xa010000`,
    ],
  })
})

test('a permit of IPv6 below two VLAN tags is for what no extension header can hide', () => {
  expect(below({ action: 'permit', ethertype: '0x86dd', source_ip: '2001:db8::1' })).toEqual({
    matches: [
      'meta protocol 0x86dd ip6 saddr 2001:db8::1',
      `${TYPED} 0x86dd @nh,96,128 0x20010db8000000000000000000000001 @nh,80,8 { 58, 6, 17, 132 }`,
    ],
  })
})

test('what says nothing of what a frame carries is said once for all; ports below two VLAN tags cannot be matched', () => {
  expect(below({ source_mac: mac })).toEqual({ matches: [`ether saddr ${mac}`] })
  expect(below({ ethertype: '0x0800', protocol: 6, dest_port_min: 22 })).toEqual({
    invalid: 'ports below two tags',
  })
})
