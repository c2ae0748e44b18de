/**
 * What stands behind Ethernet in random frames: ARP, MPLS, IPv4 with options and fragments, IPv6 with
 * chains of extension headers. Lengths and checksums are right, mostly. Neighbours: frames.ts,
 * transport.ts.
 */

import { arp } from '../../../southbound/wire/arp.ts'
import { internetChecksum, pseudoHeaderSum, sum16 } from '../../../southbound/wire/checksum.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../../southbound/wire/ipv6.ts'
import { mpls } from '../../../southbound/wire/mpls.ts'
import { joined } from '../random.ts'
import { transport } from './transport.ts'
import { someBytes, type Values, type World } from './world.ts'

export interface Layer {
  /** EtherType in front of it. */
  readonly type: number
  readonly bytes: Uint8Array
  readonly fields: Values
  readonly kind: string
  /** Where a match calls it otherwise. */
  readonly eth_type?: number
}

const PROTOCOLS_V4 = [6, 6, 6, 17, 17, 17, 132, 132, 1, 1, 2, 47, 50, 255] as const
const PROTOCOLS_V6 = [6, 6, 17, 17, 132, 58, 58, 58, 58, 59, 50, 255] as const

export function arpLayer(world: World): Layer {
  const bytes = new Uint8Array(arp.size)
  const type = world.chance(85) ? 0x0806 : 0x8035
  const fields = {
    arp_op: world.number('arp_op'),
    arp_sha: world.number('arp_sha'),
    arp_spa: world.number('arp_spa'),
    arp_tha: world.number('arp_tha'),
    arp_tpa: world.number('arp_tpa'),
  }
  arp.write(bytes, 0, {
    hardware: world.chance(95) ? 1 : 6,
    protocol: world.chance(95) ? 0x0800 : 0x86dd,
    hlen: world.chance(95) ? 6 : 8,
    plen: world.chance(95) ? 4 : 16,
    op: fields.arp_op,
    sha: fields.arp_sha,
    spa: fields.arp_spa,
    tha: fields.arp_tha,
    tpa: fields.arp_tpa,
  })
  // A switch knows operations below 256 alone (Open vSwitch 3.1, lib/flow.c).
  return { type, bytes, fields, kind: 'arp' }
}

export function mplsLayer(world: World): Layer {
  const count = world.chance(88) ? 1 : 1 + world.random.below(5)
  const inner = world.random.pick([ipv4Layer, ipv6Layer])(world)
  const bytes = new Uint8Array(count * mpls.size)
  let fields: Values = {}
  for (let i = 0; i < count; i++) {
    const bos = i === count - 1 && world.chance(95) ? 1 : 0
    const entry = {
      label: world.number('mpls_label'),
      tc: world.number('mpls_tc'),
      bos,
      ttl: world.number('mpls_ttl'),
    }
    mpls.write(bytes, i * mpls.size, entry)
    if (i > 0) continue
    fields = {
      mpls_label: entry.label,
      mpls_tc: entry.tc,
      mpls_bos: bos,
      mpls_ttl: entry.ttl,
    }
  }
  const type = world.chance(80) ? 0x8847 : 0x8848
  return { type, bytes: joined(bytes, inner.bytes), fields, kind: 'mpls' }
}

export function ipv4Layer(world: World): Layer {
  const { random } = world
  const protocol = random.pick(PROTOCOLS_V4)
  const src = world.number('ipv4_src')
  const dst = world.number('ipv4_dst')
  const later = world.chance(6)
  const first = !later && world.chance(6)
  const seed = (size: number) => pseudoHeaderSum(src, dst, protocol, size)
  const body = transport(world, protocol, seed)
  const options = world.chance(85) ? 0 : 1 + random.below(10)
  const headSize = ipv4.size + 4 * options
  const head = new Uint8Array(headSize).fill(1, ipv4.size)
  const fields: Values = {
    ip_dscp: world.value('ip_dscp'),
    ip_ecn: world.value('ip_ecn'),
    nw_ttl: world.value('nw_ttl'),
    ip_proto: protocol,
    ipv4_src: src,
    ipv4_dst: dst,
    ip_frag: later ? 3 : first ? 1 : 0,
    ...(later ? {} : body.fields),
  }
  const lie = world.chance(3) ? random.pick([-30, -8, -1, 1, 20, 1000]) : 0
  ipv4.write(head, 0, {
    version: world.chance(99) ? 4 : random.below(16),
    ihl: world.chance(98) ? headSize / 4 : random.below(16),
    dscp: Number(fields.ip_dscp),
    ecn: Number(fields.ip_ecn),
    totalLength: Math.max(0, headSize + body.bytes.length + lie),
    identification: random.below(65_536),
    reserved: 0,
    dontFragment: random.below(2),
    moreFragments: first || (later && world.chance(50)) ? 1 : 0,
    fragmentOffset: later ? 1 + random.below(0x1fff) : 0,
    ttl: Number(fields.nw_ttl),
    protocol,
    checksum: 0,
    src,
    dst,
  })
  ipv4.set.checksum(head, 0, world.chance(97) ? internetChecksum(head, 0, headSize) : 0xbad)
  return { type: 0x0800, bytes: joined(head, body.bytes), fields, kind: `ipv4 ${body.kind}` }
}

/** Next header, bytes of one extension header with `next` in front, and its bit in ipv6_exthdr. */
const extensions: readonly (readonly [number, (world: World, next: number) => Uint8Array])[] = [
  [0, options],
  [43, options],
  [60, options],
  [51, (world, next) => joined(Uint8Array.of(next, 4, 0, 0), someBytes(world, 20))],
  [44, fragment],
  [135, options],
]
function options(world: World, next: number): Uint8Array {
  const units = world.random.below(3)
  return joined(Uint8Array.of(next, units), someBytes(world, 6 + 8 * units))
}
function fragment(world: World, next: number): Uint8Array {
  const offset = world.chance(50) ? 0 : world.random.below(0x1fff)
  const more = world.random.below(2)
  return joined(Uint8Array.of(next, 0, offset >> 5, (offset << 3) | more), someBytes(world, 4))
}

export function ipv6Layer(world: World): Layer {
  const { random } = world
  const protocol = random.pick(PROTOCOLS_V6)
  const addresses = { src: world.wide('ipv6_src'), dst: world.wide('ipv6_dst') }
  const head = new Uint8Array(ipv6.size)
  ipv6.write(head, 0, {
    ...{ version: 6, dscp: 0, ecn: 0, flowLabel: 0, payloadLength: 0, nextHeader: 0, hopLimit: 0 },
    ...addresses,
  })
  const seed = (size: number) => sum16(head, 8, 40, protocol + size)
  const body = transport(world, protocol, seed)
  let bytes = body.bytes
  let next: number = protocol
  let plain = true
  let frag = 0
  for (let n = world.chance(75) ? 0 : 1 + random.below(4); n > 0; n--) {
    const [type, make] = random.pick(extensions)
    const one = make(world, next)
    if (type === 44) {
      const later = ((one[2]! << 8) | one[3]!) >> 3 !== 0
      frag = later ? 3 : one[3]! & 1 ? 1 : frag
      if (later) plain = false
    } else if (type === 135) plain = false
    bytes = joined(one, bytes)
    next = type
  }
  const fields: Values = {
    ip_dscp: world.value('ip_dscp'),
    ip_ecn: world.value('ip_ecn'),
    nw_ttl: world.value('nw_ttl'),
    ipv6_src: addresses.src,
    ipv6_dst: addresses.dst,
    ipv6_flabel: world.value('ipv6_flabel'),
    ip_frag: frag,
    ip_proto: protocol,
    ...(plain ? body.fields : {}),
    // Of no extension header; a match of the others has a mask, or meets none.
    ...(bytes === body.bytes && protocol !== 59 && protocol !== 50 ? { ipv6_exthdr: 0 } : {}),
  }
  const lie = world.chance(3) ? random.pick([-30, -8, -1, 1, 20, 1000]) : 0
  ipv6.write(head, 0, {
    version: world.chance(99) ? 6 : random.below(16),
    dscp: Number(fields.ip_dscp),
    ecn: Number(fields.ip_ecn),
    flowLabel: Number(fields.ipv6_flabel),
    payloadLength: Math.max(0, bytes.length + lie),
    nextHeader: next,
    hopLimit: Number(fields.nw_ttl),
    ...addresses,
  })
  return { type: 0x86dd, bytes: joined(head, bytes), fields, kind: `ipv6 ${body.kind}` }
}
