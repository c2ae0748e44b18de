/**
 * VXLAN over IPv4 (RFC 7348): the outer headers are written into the headroom in front of the
 * frame and checked in place on arrival; the inner frame is never moved.
 * Neighbours: underlay.ts (addresses, ARP, MTU), southbound/wire/vxlan.ts (the header).
 */
import { fold16, internetChecksum, pseudoHeaderSum, sum16 } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { VXLAN_IPV4_OVERHEAD, VXLAN_PORT, vxlan } from '../../southbound/wire/vxlan.ts'
import { DROP } from '../packet/drop.ts'

const IP = ethernet.size
const UDP = IP + ipv4.size
const VXLAN = UDP + udp.size

/** The outer headers towards one remote VTEP, lengths and VNI left open. */
export interface Outer {
  readonly bytes: Uint8Array
  /** Sum of the IPv4 header's words without the total length. */
  readonly sum: number
}

export function outerHeaders(of: {
  readonly eth_src: number
  readonly eth_dst: number
  readonly src: number
  readonly dst: number
}): Outer {
  const bytes = new Uint8Array(VXLAN_IPV4_OVERHEAD)
  ethernet.write(bytes, 0, { dst: of.eth_dst, src: of.eth_src, type: ETH_TYPE.ipv4 })
  ipv4.write(bytes, IP, {
    version: 4,
    ihl: 5,
    dscp: 0,
    ecn: 0,
    totalLength: 0,
    identification: 0,
    reserved: 0,
    dontFragment: 1,
    moreFragments: 0,
    fragmentOffset: 0,
    ttl: 64,
    protocol: IP_PROTO.udp,
    checksum: 0,
    src: of.src,
    dst: of.dst,
  })
  // UDP checksum 0: "SHOULD be transmitted as zero", RFC 7348 §5.
  udp.write(bytes, UDP, { src: 0, dst: VXLAN_PORT, length: 0, checksum: 0 })
  vxlan.write(bytes, VXLAN, { i: 1, vni: 0 })
  return { bytes, sum: sum16(bytes, IP, UDP) }
}

/**
 * Writes the outer headers in front of the frame at `start`; returns where they begin.
 * `entropy`: a hash of the inner flow; its low 14 bits become the source port (RFC 7348 §5).
 */
export function encapsulate(
  bytes: Uint8Array,
  start: number,
  end: number,
  outer: Outer,
  vni: number,
  entropy: number,
): number {
  const at = start - VXLAN_IPV4_OVERHEAD
  bytes.set(outer.bytes, at)
  const totalLength = end - at - IP
  ipv4.set.totalLength(bytes, at + IP, totalLength)
  ipv4.set.checksum(bytes, at + IP, ~fold16(outer.sum + totalLength) & 0xffff)
  udp.set.src(bytes, at + UDP, 0xc000 | (entropy & 0x3fff))
  udp.set.length(bytes, at + UDP, totalLength - ipv4.size)
  vxlan.set.vni(bytes, at + VXLAN, vni)
  return at
}

/** What decapsulate() found; one such object is reused for every packet. */
export interface Inner {
  vni: number
  src: number
  dst: number
  start: number
  end: number
}

export function newInner(): Inner {
  return { vni: 0, src: 0, dst: 0, start: 0, end: 0 }
}

/** Result of decapsulate() besides drop reasons. */
export const DECAPSULATED = -1
/** A whole IPv4 packet for us that is not VXLAN. */
export const OTHER_PACKET = -2

/**
 * Checks an underlay frame of EtherType IPv4, its Ethernet header at `start`, and fills `inner`.
 * Returns DECAPSULATED, OTHER_PACKET or the number of a drop reason.
 */
export function decapsulate(
  bytes: Uint8Array,
  start: number,
  end: number,
  address: number,
  inner: Inner,
): number {
  const ip = start + IP
  if (end - ip < ipv4.size) return DROP.underlay_malformed
  const headerSize = ipv4.get.ihl(bytes, ip) * 4
  const packetEnd = ip + ipv4.get.totalLength(bytes, ip)
  const at = ip + headerSize
  if (ipv4.get.version(bytes, ip) !== 4 || headerSize < ipv4.size) return DROP.underlay_malformed
  if (packetEnd > end || at > packetEnd) return DROP.underlay_malformed
  if (internetChecksum(bytes, ip, at) !== 0) return DROP.underlay_malformed
  if (ipv4.get.dst(bytes, ip) !== address) return DROP.underlay_not_ours
  if (ipv4.get.moreFragments(bytes, ip) === 1 || ipv4.get.fragmentOffset(bytes, ip) !== 0) {
    return DROP.underlay_fragment
  }
  if (ipv4.get.protocol(bytes, ip) !== IP_PROTO.udp) return OTHER_PACKET
  if (packetEnd - at < udp.size) return DROP.underlay_malformed
  if (udp.get.dst(bytes, at) !== VXLAN_PORT) return OTHER_PACKET
  const size = udp.get.length(bytes, at)
  if (size < udp.size || at + size > packetEnd) return DROP.underlay_malformed
  if (size < udp.size + vxlan.size + ethernet.size) return DROP.vxlan_malformed
  const src = ipv4.get.src(bytes, ip)
  if (udp.get.checksum(bytes, at) !== 0) {
    const seed = pseudoHeaderSum(src, address, IP_PROTO.udp, size)
    if (internetChecksum(bytes, at, at + size, seed) !== 0) return DROP.vxlan_checksum
  }
  if (vxlan.get.i(bytes, at + udp.size) === 0) return DROP.vxlan_malformed
  inner.vni = vxlan.get.vni(bytes, at + udp.size)
  inner.src = src
  inner.dst = address
  inner.start = at + udp.size + vxlan.size
  inner.end = at + size
  return DECAPSULATED
}
