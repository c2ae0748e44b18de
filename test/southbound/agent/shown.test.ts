/** Lines of `nft monitor trace` of nft 1.0.6, as it printed them, and what they say of a dropped frame. */
import { expect, test } from 'vitest'
import { parseTrace, shownOf } from '../../../southbound/agent/iproute2/shown.ts'

const macs = 'ether saddr 02:00:00:00:00:01 ether daddr 02:00:00:00:00:02'
const v4 = 'ip saddr 10.0.0.1 ip daddr 10.0.0.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 1'
const v6 =
  'ip6 saddr ::1 ip6 daddr ::2 ip6 dscp cs0 ip6 ecn not-ect ip6 hoplimit 64 ip6 flowlabel 0'
const frame = (text: string) =>
  parseTrace(`trace id 4b3322fd bridge weft drop.vm1.in packet: iif "vm1" ${macs} ${text} `)?.frame
const from = { eth_src: '02:00:00:00:00:01', eth_dst: '02:00:00:00:00:02' }
const ip = { ...from, eth_type: '0x0800', ip_src: '10.0.0.1', ip_dst: '10.0.0.2' }

test.each([
  [
    `vlan pcp 0 vlan dei 0 vlan id 7 ${v4} ip protocol udp ip length 32 udp sport 4242 udp dport 53 udp length 12 @th,64,32 0x61626364`,
    { ...ip, frameBytes: 50, vlan_vid: 7, ip_proto: 17, src_port: 4242, dst_port: 53 },
  ],
  [
    `${v4} ip protocol tcp ip length 40 tcp sport 80 tcp dport 443 tcp flags == syn tcp window 100`,
    { ...ip, frameBytes: 54, ip_proto: 6, src_port: 80, dst_port: 443 },
  ],
  [
    `${v4} ip protocol sctp ip length 52 sctp sport 80 sctp dport 443 sctp vtag 1 @th,96,64 0x7171717171717171`,
    { ...ip, frameBytes: 66, ip_proto: 132, src_port: 80, dst_port: 443 },
  ],
  [`${v4} ip protocol gre ip length 40 @th,0,160 0x7a`, { ...ip, frameBytes: 54, ip_proto: 47 }],
  [`${v4} ip protocol 253 ip length 40`, { ...ip, frameBytes: 54, ip_proto: 253 }],
  [
    `${v6} ip6 nexthdr udp ip6 length 12 udp sport 4242 udp dport 53 udp length 12`,
    {
      ...{ ...from, eth_type: '0x86dd', ip_src: '::1', ip_dst: '::2', ip_proto: 17 },
      ...{ frameBytes: 66, src_port: 4242, dst_port: 53 },
    },
  ],
  [
    `${v6} ip6 nexthdr ipv6-icmp ip6 length 12 icmpv6 type nd-neighbor-advert icmpv6 code no-route`,
    { ...from, frameBytes: 66, eth_type: '0x86dd', ip_src: '::1', ip_dst: '::2', ip_proto: 58 },
  ],
  ['arp operation request', { ...from, eth_type: '0x0806' }],
  ['ether type 0x88b5 @nh,0,320 0x7878', { ...from, eth_type: '0x88b5' }],
  ['ether type ip', { ...from, eth_type: '0x0800' }],
  [
    'ether type 8021ad vlan pcp 0 vlan dei 0 vlan id 7 vlan type 8021q @nh,0,288 0x9080',
    { ...from, eth_type: '0x8100', vlan_vid: 7 },
  ],
])('%s', (text, wanted) => {
  expect(frame(text)).toEqual(wanted)
})

test('other lines, tables and chains are not ours', () => {
  const rule = 'trace id 4b3322fd bridge weft drop.vm1.in rule limit rate 12/minute (verdict drop)'
  const theirs = `trace id 4b3322fd bridge mine drop.vm1.in packet: iif "vm1" ${macs}`
  const chain = `trace id 4b3322fd bridge weft in.vm1 packet: iif "vm1" ${macs}`
  expect([rule, theirs, chain, ''].map(parseTrace)).toEqual(Array(4).fill(undefined))
})

test('of a chain that is gone nothing is told or remembered', () => {
  const drop = { at: '2026-11-23T00:00:00.000Z', frame: from }
  const heard = new Map([
    ['drop.vm1.in', drop],
    ['drop.vm2.in', drop],
  ])
  const shown = new Map([['drop.vm1.in', { port: 'vm1', reason: 'in' }]])
  expect(shownOf({ shown }, heard)).toEqual([{ port: 'vm1', reason: 'in', ...drop }])
  expect([...heard.keys()]).toEqual(['drop.vm1.in'])
})
