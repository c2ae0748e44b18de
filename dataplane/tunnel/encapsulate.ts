/**
 * VXLAN (RFC 7348) over IPv4 and IPv6 on its way out: the outer headers are written into the headroom
 * in front of the frame. Neighbours: outer.ts (what they say), vxlan.ts (the way in).
 */
import { fold16, internetChecksum, sum16 } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vxlan } from '../../southbound/wire/vxlan.ts'
import { isIpv4, writeIpv6 } from './address.ts'
import type { Outer } from './outer.ts'
import { pseudoSum } from './vxlan.ts'

const UDP_AND_VXLAN = udp.size + vxlan.size
/** What a frame grows by inside an IP packet, beside the Ethernet header in front: bytes. */
export const ipv4Overhead = ipv4.size + UDP_AND_VXLAN
export const ipv6Overhead = ipv6.size + UDP_AND_VXLAN

/** Writes the VXLAN header in front of the frame at `start`; where it begins. */
export function writeVxlan(bytes: Uint8Array, start: number, vni: number): number {
  const at = start - vxlan.size
  bytes.fill(0, at, start)
  bytes[at] = 0x08 // the I flag; all else is reserved: 0
  vxlan.set.vni(bytes, at, vni)
  return at
}

/** Writes all outer headers in front of the frame at `start`; where they begin. */
export function encapsulate(
  bytes: Uint8Array,
  start: number,
  end: number,
  outer: Outer,
  ethSrc: number,
  ethDst: number,
): number {
  const at = writeVxlan(bytes, start, outer.vni) - udp.size
  const size = end - at
  udp.set.src(bytes, at, outer.sourcePort)
  udp.set.dst(bytes, at, outer.destinationPort)
  udp.set.length(bytes, at, size)
  udp.set.checksum(bytes, at, 0)
  const four = isIpv4(outer.dst)
  const ip = four ? writeIpv4(bytes, at, end, outer) : writeIpv6Header(bytes, at, end, outer)
  // Over IPv6 always (RFC 8200 §8.1); zero is allowed there to those alone who agreed (RFC 6936).
  if (outer.checksum || !four) {
    const pseudo = pseudoSum(bytes, ip, four) + IP_PROTO.udp + size
    udp.set.checksum(bytes, at, internetChecksum(bytes, at, end, pseudo) || 0xffff)
  }
  const frame = ip - ethernet.size
  ethernet.set.dst(bytes, frame, ethDst)
  ethernet.set.src(bytes, frame, ethSrc)
  ethernet.set.type(bytes, frame, four ? ETH_TYPE.ipv4 : ETH_TYPE.ipv6)
  return frame
}

function writeIpv4(bytes: Uint8Array, at: number, end: number, outer: Outer): number {
  const ip = at - ipv4.size
  bytes[ip] = 0x45
  bytes[ip + 1] = outer.tos
  ipv4.set.totalLength(bytes, ip, end - ip)
  // An atomic datagram needs no identification (RFC 6864 §4.1).
  ipv4.set.identification(bytes, ip, outer.dontFragment ? 0 : outer.identification)
  bytes[ip + 6] = outer.dontFragment ? 0x40 : 0
  bytes[ip + 7] = 0
  bytes[ip + 8] = outer.ttl
  bytes[ip + 9] = IP_PROTO.udp
  ipv4.set.checksum(bytes, ip, 0)
  ipv4.set.src(bytes, ip, outer.src[3]!)
  ipv4.set.dst(bytes, ip, outer.dst[3]!)
  ipv4.set.checksum(bytes, ip, ~fold16(sum16(bytes, ip, at)) & 0xffff)
  return ip
}

function writeIpv6Header(bytes: Uint8Array, at: number, end: number, outer: Outer): number {
  const ip = at - ipv6.size
  // The flow label tells flows apart where nobody looks at ports (RFC 6438): the entropy again.
  bytes[ip] = 0x60 | (outer.tos >>> 4)
  bytes[ip + 1] = (outer.tos << 4) & 0xf0
  bytes[ip + 2] = outer.sourcePort >>> 8
  bytes[ip + 3] = outer.sourcePort
  ipv6.set.payloadLength(bytes, ip, end - at)
  bytes[ip + 6] = IP_PROTO.udp
  bytes[ip + 7] = outer.ttl
  writeIpv6(bytes, ip + 8, outer.src)
  writeIpv6(bytes, ip + 24, outer.dst)
  return ip
}
