import { describe, expect, test } from 'vitest'
import {
  formatIpv4,
  formatMac,
  parseCidr,
  parseIpv4,
  parseMac,
} from '../../../southbound/wire/address.ts'
import { arp } from '../../../southbound/wire/arp.ts'
import {
  internetChecksum,
  pseudoHeaderSum,
  updateChecksum,
} from '../../../southbound/wire/checksum.ts'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import {
  arpFrame,
  ethernetFrame,
  icmpEchoFrame,
  tcpSynFrame,
  udpFrame,
  vxlanFrame,
} from '../../../southbound/wire/frame.ts'
import { icmp, icmpEcho } from '../../../southbound/wire/icmp.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../../southbound/wire/ipv6.ts'
import { tcp } from '../../../southbound/wire/tcp.ts'
import { udp } from '../../../southbound/wire/udp.ts'
import { vlan } from '../../../southbound/wire/vlan.ts'
import { vxlan } from '../../../southbound/wire/vxlan.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (of: Uint8Array) => Buffer.from(of).toString('hex')

interface AnyStruct {
  readonly size: number
  read(bytes: Uint8Array, offset: number): object
  write(bytes: Uint8Array, offset: number, value: never): void
  format(value: never): string
}

/** Literal bytes and the line that names every field of them. */
const cases: readonly (readonly [AnyStruct, string, string])[] = [
  [
    ethernet,
    '020000000012 020000000011 0800',
    'ethernet dst=02:00:00:00:00:12 src=02:00:00:00:00:11 type=0x800',
  ],
  [vlan, 'b064 0806', 'vlan pcp=5 dei=1 vid=100 type=0x806'],
  [
    arp,
    '0001 0800 06 04 0001 020000000011 0a00000b 000000000000 0a00000c',
    'arp hardware=1 protocol=0x800 hlen=6 plen=4 op=1 sha=02:00:00:00:00:11 spa=10.0.0.11 ' +
      'tha=00:00:00:00:00:00 tpa=10.0.0.12',
  ],
  [
    ipv4,
    '45 b9 0073 1c46 4000 40 11 b861 c0a80001 c0a800c7',
    'ipv4 version=4 ihl=5 dscp=46 ecn=1 totalLength=115 identification=7238 reserved=0 ' +
      'dontFragment=1 moreFragments=0 fragmentOffset=0 ttl=64 protocol=17 checksum=0xb861 ' +
      'src=192.168.0.1 dst=192.168.0.199',
  ],
  [
    ipv4,
    '46 00 0020 0001 2003 01 06 0000 ffffffff 00000000',
    'ipv4 version=4 ihl=6 dscp=0 ecn=0 totalLength=32 identification=1 reserved=0 ' +
      'dontFragment=0 moreFragments=1 fragmentOffset=3 ttl=1 protocol=6 checksum=0x0 ' +
      'src=255.255.255.255 dst=0.0.0.0',
  ],
  [
    ipv6,
    '6 2e 12345 0014 06 40 20010db8000000000000000000000001 fe80000000000000020000fffe000011',
    'ipv6 version=6 dscp=11 ecn=2 flowLabel=74565 payloadLength=20 nextHeader=6 hopLimit=64 ' +
      'src=0x20010db8000000000000000000000001 dst=0xfe80000000000000020000fffe000011',
  ],
  [icmp, '03 04 fffe', 'icmp type=3 code=4 checksum=0xfffe'],
  [
    icmpEcho,
    '08 00 f7ff 0001 ffff',
    'icmpEcho type=8 code=0 checksum=0xf7ff identifier=1 sequence=65535',
  ],
  [udp, 'c000 12b5 0041 0000', 'udp src=49152 dst=4789 length=65 checksum=0x0'],
  [
    tcp,
    '0400 0050 80000001 00000000 50 c2 ffff 1c46 0000',
    'tcp src=1024 dst=80 sequence=2147483649 acknowledgment=0 dataOffset=5 flags=194 ' +
      'window=65535 checksum=0x1c46 urgent=0',
  ],
  [vxlan, '08 000000 001389 00', 'vxlan i=1 vni=5001'],
  [vxlan, '00 000000 ffffff 00', 'vxlan i=0 vni=16777215'],
]

describe('headers', () => {
  test.each(cases)('%# reads, prints and writes back its literal bytes', (header, text, line) => {
    const wire = bytes(text)
    expect(header.size).toBe(wire.length)
    const shifted = new Uint8Array(wire.length + 3)
    shifted.set(wire, 3)
    expect(header.format(header.read(shifted, 3) as never)).toBe(line)
    const back = new Uint8Array(wire.length).fill(0xa5)
    header.write(back, 0, header.read(wire, 0) as never)
    expect(hex(back)).toBe(hex(wire))
  })

  test('an accessor in place changes its own bits and no other', () => {
    const header = new Uint8Array(ipv4.size).fill(0xff)
    ipv4.set.ecn(header, 0, 0)
    ipv4.set.fragmentOffset(header, 0, 1)
    expect(hex(header)).toBe('fffcffffffffe001ffffffffffffffffffffffff')
    expect(ipv4.get.fragmentOffset(header, 0)).toBe(1)
  })
})

describe('addresses', () => {
  test('a MAC and an IPv4 address are numbers and print as they were written', () => {
    expect(parseMac('02:00:00:00:00:11')).toBe(0x020000000011)
    expect(formatMac(parseMac('FF:ff:00:00:00:01'))).toBe('ff:ff:00:00:00:01')
    expect(parseIpv4('192.0.2.255')).toBe(0xc00002ff)
    expect(formatIpv4(parseIpv4('255.255.255.255'))).toBe('255.255.255.255')
    expect(parseCidr('10.0.0.0/24')).toEqual({ network: 0x0a000000, prefix: 24, mask: 0xffffff00 })
    expect(parseCidr('0.0.0.0/0').mask).toBe(0)
  })

  test.each([
    [parseMac, '02:00:00:00:00'],
    [parseMac, '02-00-00-00-00-11'],
    [parseIpv4, '10.0.0'],
    [parseIpv4, '10.0.0.256'],
    [parseIpv4, '10.0.0.011'],
    [parseCidr, '10.0.0.0/33'],
    [parseCidr, '10.0.0.1/24'],
    [parseCidr, '10.0.0.0'],
  ] as const)('%o refuses %s and names it', (parse, text) => {
    expect(() => parse(text)).toThrow(`'${text}'`)
  })
})

describe('checksums', () => {
  test('a header with its checksum sums up to zero', () => {
    const header = bytes('45000073000040004011b861c0a80001c0a800c7')
    expect(internetChecksum(header, 0, 20)).toBe(0)
    ipv4.set.checksum(header, 0, 0)
    expect(internetChecksum(header, 0, 20)).toBe(0xb861)
  })

  test('an odd last byte counts as the high half of a word', () => {
    expect(internetChecksum(bytes('0102 03'), 0, 3)).toBe(0xffff - 0x0402)
  })

  test('an incremental update equals the sum made anew', () => {
    const header = bytes('45000073000040004011b861c0a80001c0a800c7')
    const before = (header[8]! << 8) | header[9]!
    header[8] = 63
    const after = (header[8] << 8) | header[9]!
    const updated = updateChecksum(0xb861, before, after)
    ipv4.set.checksum(header, 0, 0)
    expect(updated).toBe(internetChecksum(header, 0, 20))
  })
})

const pair = { eth_dst: 0x020000000012, eth_src: 0x020000000011 }
const between = { ...pair, ipv4_src: parseIpv4('10.0.0.11'), ipv4_dst: parseIpv4('10.0.0.12') }

describe('frame builders', () => {
  test('an ARP request is broadcast from its sender', () => {
    const frame = arpFrame({
      op: 1,
      sha: pair.eth_src,
      spa: between.ipv4_src,
      tha: 0,
      tpa: between.ipv4_dst,
    })
    expect(hex(frame)).toBe(
      'ffffffffffff0200000000110806' + '00010800060400010200000000110a00000b0000000000000a00000c',
    )
  })

  test('an ICMP echo request is filled in to the last checksum', () => {
    const frame = icmpEchoFrame({
      ...between,
      identifier: 1,
      sequence: 2,
      dontFragment: true,
      payload: bytes('616263'),
    })
    expect(hex(frame)).toBe(
      '0200000000120200000000110800' +
        '4500001f00004000400126c80a00000b0a00000c' +
        '0800339a00010002616263',
    )
    expect(internetChecksum(frame, 14, 34)).toBe(0)
    expect(internetChecksum(frame, 34, frame.length)).toBe(0)
  })

  test('UDP and TCP checksums cover the pseudo header', () => {
    const { ipv4_src, ipv4_dst } = between
    const datagram = udpFrame({ ...between, udp_src: 53, udp_dst: 1024, payload: bytes('01') })
    const seed = pseudoHeaderSum(ipv4_src, ipv4_dst, 17, 9)
    expect(internetChecksum(datagram, 34, datagram.length, seed)).toBe(0)
    const syn = tcpSynFrame({ ...between, tcp_src: 1024, tcp_dst: 80 })
    const tcpSeed = pseudoHeaderSum(ipv4_src, ipv4_dst, 6, 20)
    expect(internetChecksum(syn, 34, syn.length, tcpSeed)).toBe(0)
    expect(tcp.get.flags(syn, 34)).toBe(2)
  })

  test('a tagged frame carries the EtherType behind its tag', () => {
    const payload = bytes('aabb')
    const frame = ethernetFrame({
      dst: pair.eth_dst,
      src: pair.eth_src,
      type: 0x88b5,
      vlan_vid: 7,
      payload,
    })
    expect(hex(frame)).toBe('02000000001202000000001181000007' + '88b5aabb')
  })

  test('a VXLAN frame costs 50 bytes and may not be fragmented', () => {
    const inner = bytes('020000000012020000000011' + '88b5')
    const frame = vxlanFrame({ ...between, vni: 5001, inner })
    expect(frame.length).toBe(50 + inner.length)
    expect(ipv4.get.dontFragment(frame, 14)).toBe(1)
    expect(hex(frame.subarray(34))).toBe(`c00012b5001e00000800000000138900${hex(inner)}`)
  })
})
