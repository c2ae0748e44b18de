/**
 * VXLAN (RFC 7348) over IPv4 and IPv6 as it arrives: the outer headers are checked in place, the inner
 * frame is never moved. Neighbours: outer.ts (what they say), encapsulate.ts (the way out),
 * raw-underlay.ts (whole frames), udp-underlay.ts (the VXLAN header alone).
 */
import { internetChecksum, sum16 } from '../../southbound/wire/checksum.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { IPV6_EXTENSION, ipv6 } from '../../southbound/wire/ipv6.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vxlan } from '../../southbound/wire/vxlan.ts'
import { DROP } from '../packet/drop.ts'
import { isIpv4, isOneHost, readIpv6, setIpv4 } from './address.ts'
import type { Outer } from './outer.ts'

/** Sum of the addresses of an IP header. */
export function pseudoSum(bytes: Uint8Array, ip: number, four: boolean): number {
  return four ? sum16(bytes, ip + 12, ip + 20) : sum16(bytes, ip + 8, ip + 40)
}

/** Where the inner frame is; one such object is reused for every packet. */
export interface Inner {
  start: number
  end: number
}

/** Result of the functions below, besides drop reasons. */
export const DECAPSULATED = -1
/** A whole IP packet that is not UDP to a port of ours. */
export const OTHER_PACKET = -2

/** Who decides what is ours. */
export interface Receiver {
  isOurs(address: Outer['dst']): boolean
  /** Whether a tunnel port listens on this UDP port. */
  takes(port: number): boolean
}

/**
 * Checks an underlay frame of EtherType IPv4, its IP header at `ip`, and fills `outer` and `inner`.
 * Returns DECAPSULATED, OTHER_PACKET or the number of a drop reason.
 */
export function decapsulateIpv4(
  bytes: Uint8Array,
  ip: number,
  end: number,
  receiver: Receiver,
  outer: Outer,
  inner: Inner,
): number {
  if (end - ip < ipv4.size) return DROP.underlay_malformed
  const headerSize = ipv4.get.ihl(bytes, ip) * 4
  const packetEnd = ip + ipv4.get.totalLength(bytes, ip)
  const at = ip + headerSize
  if (ipv4.get.version(bytes, ip) !== 4 || headerSize < ipv4.size) return DROP.underlay_malformed
  if (packetEnd > end || at > packetEnd) return DROP.underlay_malformed
  if (internetChecksum(bytes, ip, at) !== 0) return DROP.underlay_malformed
  setIpv4(outer.src, ipv4.get.src(bytes, ip))
  setIpv4(outer.dst, ipv4.get.dst(bytes, ip))
  if (!isOneHost(outer.src)) return DROP.underlay_malformed
  if (!receiver.isOurs(outer.dst)) return DROP.underlay_not_ours
  if (ipv4.get.moreFragments(bytes, ip) === 1 || ipv4.get.fragmentOffset(bytes, ip) !== 0) {
    return DROP.underlay_fragment
  }
  if (ipv4.get.protocol(bytes, ip) !== IP_PROTO.udp) return OTHER_PACKET
  outer.tos = bytes[ip + 1]!
  outer.ttl = ipv4.get.ttl(bytes, ip)
  outer.dontFragment = ipv4.get.dontFragment(bytes, ip) === 1
  return udpPayload(bytes, at, packetEnd, pseudoSum(bytes, ip, true), receiver, outer, inner)
}

/** The same for EtherType IPv6. Extension headers but a fragment's make a packet not ours to take. */
export function decapsulateIpv6(
  bytes: Uint8Array,
  ip: number,
  end: number,
  receiver: Receiver,
  outer: Outer,
  inner: Inner,
): number {
  if (end - ip < ipv6.size || ipv6.get.version(bytes, ip) !== 6) return DROP.underlay_malformed
  const at = ip + ipv6.size
  const packetEnd = at + ipv6.get.payloadLength(bytes, ip)
  if (packetEnd > end) return DROP.underlay_malformed
  readIpv6(bytes, ip + 8, outer.src)
  readIpv6(bytes, ip + 24, outer.dst)
  // An IPv4 address in IPv6 is never on a wire, and would be taken for the IPv4 station here.
  if (isIpv4(outer.src) || isIpv4(outer.dst)) return DROP.underlay_malformed
  if (!isOneHost(outer.src)) return DROP.underlay_malformed
  if (!receiver.isOurs(outer.dst)) return DROP.underlay_not_ours
  const next = ipv6.get.nextHeader(bytes, ip)
  if (next === IPV6_EXTENSION.fragment) return DROP.underlay_fragment
  if (next !== IP_PROTO.udp) return OTHER_PACKET
  outer.tos = ((bytes[ip]! & 0x0f) << 4) | (bytes[ip + 1]! >>> 4)
  outer.ttl = ipv6.get.hopLimit(bytes, ip)
  outer.dontFragment = true
  return udpPayload(bytes, at, packetEnd, pseudoSum(bytes, ip, false), receiver, outer, inner)
}

function udpPayload(
  bytes: Uint8Array,
  at: number,
  packetEnd: number,
  addresses: number,
  receiver: Receiver,
  outer: Outer,
  inner: Inner,
): number {
  if (packetEnd - at < udp.size) return DROP.underlay_malformed
  outer.destinationPort = udp.get.dst(bytes, at)
  if (!receiver.takes(outer.destinationPort)) return OTHER_PACKET
  outer.sourcePort = udp.get.src(bytes, at)
  const size = udp.get.length(bytes, at)
  if (size < udp.size || at + size > packetEnd) return DROP.underlay_malformed
  // Zero is accepted over IPv6 too: a tunnel endpoint may (RFC 6935 §5), as Open vSwitch does.
  outer.checksum = udp.get.checksum(bytes, at) !== 0
  if (outer.checksum) {
    const seed = addresses + IP_PROTO.udp + size
    if (internetChecksum(bytes, at, at + size, seed) !== 0) return DROP.vxlan_checksum
  }
  return readVxlan(bytes, at + udp.size, at + size, outer, inner)
}

/** Checks a VXLAN header and what follows, from `at` to `end`. */
export function readVxlan(
  bytes: Uint8Array,
  at: number,
  end: number,
  outer: Outer,
  inner: Inner,
): number {
  if (end - at < vxlan.size + ethernet.size) return DROP.vxlan_malformed
  // The other flags and the reserved bits are ignored on receipt (RFC 7348 §5).
  if (vxlan.get.i(bytes, at) === 0) return DROP.vxlan_malformed
  outer.vni = vxlan.get.vni(bytes, at)
  inner.start = at + vxlan.size
  inner.end = end
  return DECAPSULATED
}
