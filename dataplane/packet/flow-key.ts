/**
 * Reads a packet into its flow key. The copying of one header is generated from that header's
 * declaration; only the order of headers is written by hand (extract).
 * Neighbours: key-layout.ts (slots), matcher.ts compares keys, set-field.ts writes them back.
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { arp } from '../../southbound/wire/arp.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { icmp, icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { mpls } from '../../southbound/wire/mpls.ts'
import { sctp } from '../../southbound/wire/sctp.ts'
import { compile, readExpression } from '../../southbound/wire/struct.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { anyHeader, HEADER, type HeaderName, headerNames, keyField, sources } from './key-layout.ts'
import type { Packet } from './packet.ts'

/** Compiled: copies the matched fields of the header at `o` into the key. */
type Loader = (key: Uint32Array, bytes: Uint8Array, o: number) => void

function loaderOf(header: HeaderName): Loader {
  let body = ''
  for (const [name, places] of Object.entries(sources)) {
    for (const [owner, field] of places) {
      if (owner !== header) continue
      const layout = anyHeader[header]
      const { slot, words: count } = keyField[name as FieldName]
      const bits = layout.fields[field]!.bits
      let at = layout.at[field]!
      let size = bits % 32 || 32
      for (let i = 0; i < count; at += size, size = 32, i++) {
        body += `k[${slot + i}]=${readExpression(at, size)};`
      }
    }
  }
  return compile('k,b,o', body) as unknown as Loader
}
const load = Object.fromEntries(headerNames.map((name) => [name, loaderOf(name)])) as {
  readonly [K in HeaderName]: Loader
}

const slotOf = (name: FieldName) => keyField[name].slot
const ETH_TYPE_SLOT = slotOf('eth_type')
const VLAN_VID = slotOf('vlan_vid')
const IP_PROTO_SLOT = slotOf('ip_proto')
const IP_FRAG = slotOf('ip_frag')
/** Set in vlan_vid when there is a tag (OFPVID_PRESENT, OpenFlow 1.3.5 §7.2.3.7). */
export const VLAN_PRESENT = 0x1000
/** ip_frag: bit 0 = a fragment, bit 1 = not the first one. */
const FRAGMENT = 1
const FRAGMENT_LATER = 3

/**
 * Fills the key's fields that come from the frame, and `packet.at`. Fields of the pipeline
 * (in_port, registers, tunnel, metadata) are left alone. A header that is cut short or lies about
 * its length is not there, nor is anything behind it.
 */
export function extract(key: Uint32Array, packet: Packet): void {
  const { bytes, at, end } = packet
  clearFrameFields(key)
  at.fill(-1)
  let o = packet.start
  if (end - o < ethernet.size) return
  at[HEADER.ethernet] = o
  load.ethernet(key, bytes, o)
  let type = ethernet.get.type(bytes, o)
  o += ethernet.size
  if ((type === ETH_TYPE.vlan || type === ETH_TYPE.serviceVlan) && end - o >= vlan.size) {
    at[HEADER.vlan] = o
    load.vlan(key, bytes, o)
    key[VLAN_VID] = key[VLAN_VID]! | VLAN_PRESENT
    type = vlan.get.type(bytes, o)
    o += vlan.size
  }
  key[ETH_TYPE_SLOT] = type
  if (type === ETH_TYPE.ipv4) extractIpv4(key, packet, o)
  else if (type === ETH_TYPE.ipv6) extractIpv6(key, packet, o)
  else if (type === ETH_TYPE.arp && end - o >= arp.size) {
    if (arp.get.hardware(bytes, o) !== 1 || arp.get.protocol(bytes, o) !== ETH_TYPE.ipv4) return
    at[HEADER.arp] = o
    load.arp(key, bytes, o)
  } else if (type === ETH_TYPE.mpls || type === ETH_TYPE.mplsMulticast) {
    if (end - o < mpls.size) return
    at[HEADER.mpls] = o
    load.mpls(key, bytes, o)
  }
}

function extractIpv4(key: Uint32Array, packet: Packet, o: number): void {
  const { bytes, end } = packet
  if (end - o < ipv4.size) return
  const size = ipv4.get.ihl(bytes, o) * 4
  const total = ipv4.get.totalLength(bytes, o)
  if (ipv4.get.version(bytes, o) !== 4 || size < ipv4.size) return
  if (total < size || o + total > end) return
  packet.at[HEADER.ipv4] = o
  load.ipv4(key, bytes, o)
  if (ipv4.get.fragmentOffset(bytes, o) !== 0) key[IP_FRAG] = FRAGMENT_LATER
  else {
    if (ipv4.get.moreFragments(bytes, o) === 1) key[IP_FRAG] = FRAGMENT
    extractTransport(key, packet, ipv4.get.protocol(bytes, o), o + size, o + total)
  }
}

/** Extension headers of IPv6 that only carry options, or a fragment (RFC 8200 §4). */
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT_HEADER = 44
const DESTINATION = 60

function extractIpv6(key: Uint32Array, packet: Packet, start: number): void {
  const { bytes } = packet
  if (packet.end - start < ipv6.size || ipv6.get.version(bytes, start) !== 6) return
  const end = start + ipv6.size + ipv6.get.payloadLength(bytes, start)
  if (end > packet.end) return
  packet.at[HEADER.ipv6] = start
  load.ipv6(key, bytes, start)
  let next = ipv6.get.nextHeader(bytes, start)
  let o = start + ipv6.size
  while (
    next === HOP_BY_HOP ||
    next === ROUTING ||
    next === DESTINATION ||
    next === FRAGMENT_HEADER
  ) {
    if (end - o < 8) break
    if (next === FRAGMENT_HEADER) {
      const offset = ((bytes[o + 2]! << 8) | bytes[o + 3]!) >> 3
      key[IP_FRAG] = offset === 0 ? FRAGMENT : FRAGMENT_LATER
      next = bytes[o]!
      o += 8
      if (offset !== 0) {
        key[IP_PROTO_SLOT] = next
        return
      }
      continue
    }
    next = bytes[o]!
    o += 8 + bytes[o + 1]! * 8
  }
  key[IP_PROTO_SLOT] = next
  extractTransport(key, packet, next, o, end)
}

function extractTransport(
  key: Uint32Array,
  packet: Packet,
  protocol: number,
  o: number,
  end: number,
): void {
  const { bytes, at } = packet
  const size = end - o
  if (protocol === IP_PROTO.tcp && size >= tcp.size) {
    at[HEADER.tcp] = o
    load.tcp(key, bytes, o)
  } else if (protocol === IP_PROTO.udp && size >= udp.size) {
    at[HEADER.udp] = o
    load.udp(key, bytes, o)
  } else if (protocol === IP_PROTO.sctp && size >= sctp.size) {
    at[HEADER.sctp] = o
    load.sctp(key, bytes, o)
  } else if (protocol === IP_PROTO.icmp && at[HEADER.ipv4]! >= 0 && size >= icmpEcho.size) {
    at[HEADER.icmp] = o
    load.icmp(key, bytes, o)
  } else if (protocol === IP_PROTO.icmpv6 && at[HEADER.ipv6]! >= 0 && size >= icmp.size) {
    at[HEADER.icmpv6] = o
    load.icmpv6(key, bytes, o)
  }
}

/** Slots of fields that extract() fills, as runs [from, to). */
const frameSlots: readonly (readonly [number, number])[] = (() => {
  const filled = new Set<number>([ETH_TYPE_SLOT, IP_FRAG])
  for (const name of Object.keys(sources) as FieldName[]) {
    const { slot, words: count } = keyField[name]
    for (let i = 0; i < count; i++) filled.add(slot + i)
  }
  const runs: [number, number][] = []
  for (const slot of [...filled].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last?.[1] === slot) last[1]++
    else runs.push([slot, slot + 1])
  }
  return runs
})()

function clearFrameFields(key: Uint32Array): void {
  for (let i = 0; i < frameSlots.length; i++) {
    const run = frameSlots[i]!
    key.fill(0, run[0], run[1])
  }
}

const HASHED: readonly FieldName[] = [
  'eth_src',
  'eth_dst',
  'eth_type',
  'vlan_vid',
  'ip_proto',
  'ipv4_src',
  'ipv4_dst',
  'ipv6_src',
  'ipv6_dst',
  'tcp_src',
  'tcp_dst',
  'udp_src',
  'udp_dst',
]
const hashedSlots = Uint16Array.from(
  HASHED.flatMap((name) =>
    Array.from({ length: keyField[name].words }, (_, i) => keyField[name].slot + i),
  ),
)

/** A 32-bit hash of who talks to whom: the same for all packets of a connection's direction. */
export function flowHash(key: Uint32Array): number {
  let hash = 0
  for (let i = 0; i < hashedSlots.length; i++) {
    hash = Math.imul(hash ^ key[hashedSlots[i]!]!, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
