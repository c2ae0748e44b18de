/**
 * What a router does with an IP packet, on bytes: whom it is for, whether it may go on, its hops counted down, and the ICMP
 * error that answers one which may not (RFC 792, RFC 1812 §4.3, RFC 4443). Pure. Neighbour: underlay-router.ts.
 */
import {
  type Address,
  isIpv4,
  isOneHost,
  newAddress,
  readIpv6,
  setIpv4,
  writeIpv6,
} from '../../../dataplane/tunnel/address.ts'
import { fold16, internetChecksum, sum16 } from '../../../southbound/wire/checksum.ts'
import { IP_PROTO, ipv4 } from '../../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../../southbound/wire/ipv6.ts'
import { udp } from '../../../southbound/wire/udp.ts'

/** A packet without a link-layer header, as a router sees it. */
export interface RoutedPacket {
  readonly bytes: Uint8Array
  readonly src: Address
  readonly dst: Address
  readonly protocol: number
  /** TTL or hop limit. */
  readonly hops: number
  /** Of the payload. */
  readonly at: number
}

/** Undefined: no IP packet that a router takes, or a damaged one. Padding behind it is gone. */
export function readPacket(bytes: Uint8Array): RoutedPacket | undefined {
  const version = (bytes[0] ?? 0) >>> 4
  if (version === 4) return readIpv4Packet(bytes)
  if (version !== 6 || bytes.length < ipv6.size) return undefined
  const end = ipv6.size + ipv6.get.payloadLength(bytes, 0)
  if (end > bytes.length) return undefined
  const [src, dst] = [newAddress(), newAddress()]
  readIpv6(bytes, 8, src)
  readIpv6(bytes, 24, dst)
  const protocol = ipv6.get.nextHeader(bytes, 0)
  const hops = ipv6.get.hopLimit(bytes, 0)
  return { bytes: bytes.subarray(0, end), src, dst, protocol, hops, at: ipv6.size }
}

function readIpv4Packet(bytes: Uint8Array): RoutedPacket | undefined {
  if (bytes.length < ipv4.size) return undefined
  const { ihl, totalLength, src: from, dst: to, protocol, ttl } = ipv4.read(bytes, 0)
  const at = ihl * 4
  if (at < ipv4.size || at > totalLength || totalLength > bytes.length) return undefined
  if (internetChecksum(bytes, 0, at) !== 0) return undefined
  const [src, dst] = [newAddress(), newAddress()]
  setIpv4(src, from)
  setIpv4(dst, to)
  return { bytes: bytes.subarray(0, totalLength), src, dst, protocol, hops: ttl, at }
}

/** A copy with one hop less. */
export function countedDown({ bytes, dst, hops }: RoutedPacket): Uint8Array {
  const copy = bytes.slice()
  if (isIpv4(dst)) {
    ipv4.set.ttl(copy, 0, hops - 1)
    ipv4.set.checksum(copy, 0, 0)
    ipv4.set.checksum(copy, 0, internetChecksum(copy, 0, ipv4.get.ihl(copy, 0) * 4))
  } else ipv6.set.hopLimit(copy, 0, hops - 1)
  return copy
}

/**
 * 32 bits by which flows are told apart where several ways are equal: addresses, protocol, and the ports of UDP and TCP, in
 * which VXLAN has the flow inside (RFC 7348 §5). @param seed of the router, or all of them would choose alike
 */
export function flowHash({ bytes, src, dst, protocol, at }: RoutedPacket, seed: number): number {
  const isUdpOrTcp = protocol === IP_PROTO.udp || protocol === IP_PROTO.tcp
  // Only the first fragment has ports: all of a packet go one way.
  const hasPorts = isUdpOrTcp && bytes.length >= at + 4 && !(isIpv4(src) && isFragment(bytes))
  const ports = hasPorts ? udp.get.src(bytes, at) * 65_536 + udp.get.dst(bytes, at) : 0
  let hash = seed
  for (const word of [...src, ...dst, protocol, ports]) {
    hash = Math.imul(hash ^ word, 0x85eb_ca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35)
    hash ^= hash >>> 13
  }
  return hash >>> 0
}

const isFragment = (bytes: Uint8Array): boolean =>
  ipv4.get.moreFragments(bytes, 0) === 1 || ipv4.get.fragmentOffset(bytes, 0) > 0

export type IcmpError =
  | { readonly kind: 'expired' }
  | { readonly kind: 'too_big'; mtuBytes: number }

/** Type and code of each, by version. */
const errors = {
  expired: { four: [11, 0], six: [3, 0] },
  too_big: { four: [3, 4], six: [2, 0] },
} as const
const [HEADER, TTL, FIRST_ERROR_V6] = [8, 64, 128]
/** At most so long, all of it: RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c). */
const LONGEST = { four: 576, six: 1280 } as const

/** Undefined for what no error is told about: RFC 1122 §3.2.2, RFC 4443 §2.4 (e). */
export function icmpError(
  packet: RoutedPacket,
  error: IcmpError,
  from: Address,
): Uint8Array | undefined {
  const { bytes, src, protocol, at } = packet
  const four = isIpv4(src)
  if (!isOneHost(src) || isIpv4(from) !== four) return undefined
  const type = bytes[at] ?? 0
  if (protocol === IP_PROTO.icmp && four && type !== 8 && type !== 0) return undefined
  if (four && ipv4.get.fragmentOffset(bytes, 0) > 0) return undefined
  if (protocol === IP_PROTO.icmpv6 && type < FIRST_ERROR_V6) return undefined
  const head = four ? ipv4.size : ipv6.size
  const quoted = bytes.subarray(0, LONGEST[four ? 'four' : 'six'] - head - HEADER)
  const out = new Uint8Array(head + HEADER + quoted.length)
  const [kind, code] = errors[error.kind][four ? 'four' : 'six']
  out[head] = kind
  out[head + 1] = code
  const mtu = error.kind === 'too_big' ? error.mtuBytes : 0
  new DataView(out.buffer).setUint32(head + 4, mtu)
  out.set(quoted, head + HEADER)
  const size = out.length - head
  let seed = 0
  if (four) {
    out[0] = 0x45
    ipv4.set.totalLength(out, 0, out.length)
    ipv4.set.ttl(out, 0, TTL)
    ipv4.set.protocol(out, 0, IP_PROTO.icmp)
    ipv4.set.src(out, 0, from[3] ?? 0)
    ipv4.set.dst(out, 0, src[3] ?? 0)
    ipv4.set.checksum(out, 0, internetChecksum(out, 0, head))
  } else {
    out[0] = 0x60
    ipv6.set.payloadLength(out, 0, size)
    ipv6.set.nextHeader(out, 0, IP_PROTO.icmpv6)
    ipv6.set.hopLimit(out, 0, TTL)
    writeIpv6(out, 8, from)
    writeIpv6(out, 24, src)
    seed = sum16(out, 8, head) + IP_PROTO.icmpv6 + size
  }
  const checksum = ~fold16(sum16(out, head, out.length, seed)) & 0xffff
  new DataView(out.buffer).setUint16(head + 2, checksum)
  return out
}
