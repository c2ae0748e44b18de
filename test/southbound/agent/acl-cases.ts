/** ACL entries, and the rules that they are for nftables; acl.peer.test.ts lets nft read all of them. */
import type { AclEntry } from '../../../southbound/agent/desired.ts'

type Columns = Partial<AclEntry>

export const entryOf = (columns: Columns): AclEntry => ({
  ...{ uuid: '0', sequence: 1, direction: 'ingress', action: 'permit' },
  ...columns,
})

const source_mac = '02:00:00:00:00:0A'
const saddr = 'ether saddr 02:00:00:00:00:0a'

export const aclCases: [name: string, columns: Columns, ...rules: string[]][] = [
  ['nothing', {}, ''],
  ['a source MAC', { source_mac }, saddr],
  ['a destination MAC', { dest_mac: source_mac }, 'ether daddr 02:00:00:00:00:0a'],
  ['an ethertype', { ethertype: '0x88CC' }, 'ether type 0x88cc'],
  [
    'ARP, whose sender is inside',
    { ethertype: '0x0806', source_mac, source_ip: '10.0.0.1' },
    `${saddr} ether type 0x0806 arp saddr ether 02:00:00:00:00:0a arp saddr ip 10.0.0.1`,
  ],
  [
    'a prefix',
    { source_ip: '10.0.0.0', source_mask: '255.255.254.0' },
    'ether type 0x0800 ip saddr 10.0.0.0/23',
  ],
  [
    'a prefix of IPv6',
    { dest_ip: 'fd00::', dest_mask: 'ffff:ff00::' },
    'ether type 0x86dd ip6 daddr fd00::/24',
  ],
  ['any address', { source_ip: '0.0.0.0', source_mask: '0.0.0.0' }, 'ether type 0x0800'],
  ['ports', { protocol: 6, dest_port_min: 80, dest_port_max: 90 }, 'meta l4proto 6 th dport 80-90'],
  ['one port', { protocol: 17, source_port_min: 68 }, 'meta l4proto 17 th sport 68'],
  [
    'TCP flags',
    { protocol: 6, tcp_flags: 2, tcp_flags_mask: 18 },
    'meta l4proto 6 @th,104,8 & 0x12 == 0x2',
  ],
  [
    'ICMP',
    { protocol: 1, icmp_type: 8, icmp_code: 0 },
    'ether type 0x0800 meta l4proto 1 @th,0,8 8 @th,8,8 0',
  ],
  [
    'a permitted advertisement, with and without a link-layer address',
    { source_mac, source_ip: 'fd00::1', protocol: 58, icmp_type: 136 },
    `${saddr} ether type 0x86dd ip6 saddr fd00::1 meta l4proto 58 @th,0,8 136 @th,64,128 0xfd000000000000000000000000000001 ip6 length 24`,
    `${saddr} ether type 0x86dd ip6 saddr fd00::1 meta l4proto 58 @th,0,8 136 @th,64,128 0xfd000000000000000000000000000001 ip6 length 32 @th,192,16 0x0201 @th,208,48 0x02000000000a`,
  ],
  [
    'a denied advertisement',
    { action: 'deny', source_mac, protocol: 58, icmp_type: 136 },
    `${saddr} ether type 0x86dd meta l4proto 58 @th,0,8 136`,
  ],
  [
    'an advertisement inside IPv4, which is none',
    { ethertype: '0x0800', source_mac, protocol: 58, icmp_type: 136 },
    `${saddr} ether type 0x0800 meta l4proto 58 @th,0,8 136`,
  ],
]

export const invalidAclCases: [name: string, columns: Columns, why: string][] = [
  ['a MAC that is none', { source_mac: '02:00' }, 'source_mac 02:00'],
  [
    'words for a MAC',
    { source_mac: '02:00:00:00:00:0a accept' },
    'source_mac 02:00:00:00:00:0a accept',
  ],
  ['an ethertype that is none', { ethertype: 'ip' }, 'ethertype ip'],
  [
    'an address of the other version',
    { ethertype: '0x86dd', source_ip: '10.0.0.1' },
    'source_ip 10.0.0.1',
  ],
  ['an address with a zone', { source_ip: 'fe80::1%eth0' }, 'source_ip fe80::1%eth0'],
  ['a mask with a zone', { source_ip: 'fe80::', source_mask: 'ffff::%1' }, 'mask ffff::%1'],
  ['a mask with a hole', { source_ip: '10.0.0.0', source_mask: '255.0.255.0' }, 'mask 255.0.255.0'],
  ['ports of no protocol', { dest_port_min: 80 }, 'dport without protocol 6, 17, 132'],
  [
    'ports the wrong way round',
    { protocol: 6, dest_port_min: 9, dest_port_max: 8 },
    'dport 9 to 8',
  ],
  ['a port over the last', { protocol: 6, dest_port_min: 65536 }, 'dport 65536'],
  ['a protocol inside ARP', { ethertype: '0x0806', protocol: 6 }, 'protocol 6'],
  ['TCP flags of UDP', { protocol: 17, tcp_flags: 2 }, 'tcp_flags without protocol 6'],
]
