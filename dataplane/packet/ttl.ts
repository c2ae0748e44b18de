/**
 * TTLs of the outermost header that has one and of the next (OpenFlow 1.3.5 §5.12): labels of a
 * stack, the IP packet below its bottom, an IP packet in an IP packet.
 * Neighbours: flow-key.ts (places of headers), checksums.ts.
 */
import { updateChecksum } from '../../southbound/wire/checksum.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { mpls } from '../../southbound/wire/mpls.ts'
import { packetEnd } from './checksums.ts'
import { extract } from './flow-key.ts'
import { HEADER } from './headers.ts'
import type { Packet } from './packet.ts'

const IP_IN_IP = 4
const IPV6_IN_IP = 41
const IPV4_TTL = ipv4.at.ttl / 8
const IPV6_TTL = ipv6.at.hopLimit / 8
const MPLS_TTL = mpls.at.ttl / 8

// Places of the two TTLs, filled by find().
let outer = -1
let inner = -1
/** IPv4 header whose checksum covers the TTL, or -1. */
let outerHeader = -1
let innerHeader = -1

/** Finds both; false when the packet has fewer than two. */
function find({ bytes, at, end }: Packet): boolean {
  outer = inner = outerHeader = innerHeader = -1
  const label = at[HEADER.mpls]!
  if (label >= 0) {
    outer = label + MPLS_TTL
    const next = label + mpls.size
    if (mpls.get.bos(bytes, label) === 1) return findIp(bytes, next, end)
    if (end - next >= mpls.size) inner = next + MPLS_TTL
    return inner >= 0
  }
  const v4 = at[HEADER.ipv4]!
  const v6 = at[HEADER.ipv6]!
  if (v4 >= 0) {
    outer = v4 + IPV4_TTL
    outerHeader = v4
    const protocol = ipv4.get.protocol(bytes, v4)
    if (protocol !== IP_IN_IP && protocol !== IPV6_IN_IP) return false
    if (ipv4.get.fragmentOffset(bytes, v4) !== 0) return false
    return findIp(bytes, v4 + ipv4.get.ihl(bytes, v4) * 4, packetEnd(bytes, at))
  }
  if (v6 < 0) return false
  outer = v6 + IPV6_TTL
  const protocol = ipv6.get.nextHeader(bytes, v6)
  if (protocol !== IP_IN_IP && protocol !== IPV6_IN_IP) return false
  return findIp(bytes, v6 + ipv6.size, packetEnd(bytes, at))
}

/** An IP header at `o`, known by its version alone. */
function findIp(bytes: Uint8Array, o: number, end: number): boolean {
  if (end - o >= ipv4.size && ipv4.get.version(bytes, o) === 4 && ipv4.get.ihl(bytes, o) >= 5) {
    inner = o + IPV4_TTL
    innerHeader = o
  } else if (end - o >= ipv6.size && ipv6.get.version(bytes, o) === 6) inner = o + IPV6_TTL
  return inner >= 0
}

function write(bytes: Uint8Array, at: number, header: number, ttl: number): void {
  const before = bytes[at]! << 8
  bytes[at] = ttl
  if (header < 0) return
  const sum = ipv4.get.checksum(bytes, header)
  ipv4.set.checksum(bytes, header, updateChecksum(sum, before, ttl << 8))
}

/** Copies the next TTL to the outermost header. A packet with one TTL stays as it is. */
export function copyTtlOut(key: Uint32Array, packet: Packet): void {
  if (!find(packet)) return
  write(packet.bytes, outer, outerHeader, packet.bytes[inner]!)
  extract(key, packet)
}

/** Copies the outermost TTL to the next header. A packet with one TTL stays as it is. */
export function copyTtlIn(_key: Uint32Array, packet: Packet): void {
  if (find(packet)) write(packet.bytes, inner, innerHeader, packet.bytes[outer]!)
}
