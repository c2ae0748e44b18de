/**
 * Reads what connection tracking needs out of a packet: its tuple, or that of the packet which an
 * ICMP error quotes. A packet that is malformed, or whose checksums are wrong, has none: it is `inv`.
 * Source: Open vSwitch 3.1 lib/conntrack.c (conn_key_extract). Neighbours: tuple.ts, fragments.ts.
 */
import { fold16, internetChecksum, pseudoHeaderSum, sum16 } from '../../southbound/wire/checksum.ts'
import { crc32c } from '../../southbound/wire/crc32c.ts'
import { icmp, icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { sctp } from '../../southbound/wire/sctp.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { HEADER } from '../packet/headers.ts'
import type { Packet } from '../packet/packet.ts'
import { type IcmpTypes, icmpTypes, icmpv6Types, readQuery } from './icmp-types.ts'
import {
  DST,
  DST_PORT,
  HEAD,
  headOf,
  newTuple,
  reverse,
  SRC,
  SRC_PORT,
  TUPLE_WORDS,
} from './tuple.ts'

export const WHOLE = 0
export const FIRST_FRAGMENT = 1
export const LATER_FRAGMENT = 2

/** One packet's reading; there is one of these, used again for every packet. */
export interface Reading {
  readonly bytes: Uint8Array
  readonly tuple: Uint32Array
  readonly version: number
  readonly protocol: number
  /** WHOLE, FIRST_FRAGMENT or LATER_FRAGMENT. */
  readonly fragment: number
  /** Identification of the fragmented packet. */
  readonly fragmentId: number
  /** Offsets of the IP header, of what it carries, and of the byte behind that. */
  readonly l3: number
  readonly l4: number
  readonly end: number
  /** An ICMP error about the packet whose headers stand at innerL3 and innerL4. */
  readonly related: boolean
  readonly innerL3: number
  readonly innerL4: number
}
type Writable = { -readonly [K in keyof Reading]: Reading[K] }

export interface Parser {
  readonly reading: Reading
  /** False: the packet has no tuple. */
  parse(packet: Packet, zone: number): boolean
}

/** What an ICMP error has to quote of the layer above IP, bytes (RFC 792). */
const QUOTED = 8

export function parser(options: { readonly verifyChecksums: boolean }): Parser {
  const { verifyChecksums } = options
  const at: Writable = {
    bytes: new Uint8Array(0),
    tuple: newTuple(),
    version: 0,
    protocol: 0,
    fragment: WHOLE,
    fragmentId: 0,
    l3: 0,
    l4: 0,
    end: 0,
    related: false,
    innerL3: 0,
    innerL4: 0,
  }
  const inner: Header = { l4: 0, protocol: 0, fragment: WHOLE, fragmentId: 0, end: 0 }
  const quoted = newTuple()

  const parse = (packet: Packet, zone: number): boolean => {
    const { bytes } = packet
    const ipv4At = packet.at[HEADER.ipv4]!
    at.version = ipv4At >= 0 ? 4 : 6
    at.l3 = ipv4At >= 0 ? ipv4At : packet.at[HEADER.ipv6]!
    at.bytes = bytes
    at.related = false
    for (let i = 0; i < TUPLE_WORDS; i++) at.tuple[i] = 0
    if (at.l3 < 0 || !readHeader(inner, bytes, at.version, at.l3, packet.end)) return false
    if (inner.end > packet.end) return false
    at.l4 = inner.l4
    at.end = inner.end
    at.protocol = inner.protocol
    at.fragment = inner.fragment
    at.fragmentId = inner.fragmentId
    if (at.version === 4 && verifyChecksums && internetChecksum(bytes, at.l3, at.l4) !== 0) {
      return false
    }
    readAddresses(at.tuple, bytes, at.version, at.l3)
    at.tuple[HEAD] = headOf(at.version, at.protocol, zone)
    return at.fragment === LATER_FRAGMENT || readTransport(zone)
  }

  /** Whole headers with right checksums; of a first fragment the checksum cannot be known. */
  const readTransport = (zone: number): boolean => {
    const { bytes, l4, end, protocol, version, tuple } = at
    const size = end - l4
    const verify = verifyChecksums && at.fragment === WHOLE
    switch (protocol) {
      case IP_PROTO.tcp: {
        if (size < tcp.size) return false
        const header = tcp.get.dataOffset(bytes, l4) * 4
        if (header < tcp.size || header > size) return false
        return (!verify || isSumRight()) && readPorts(tuple, bytes, l4)
      }
      case IP_PROTO.udp: {
        if (size < udp.size) return false
        const length = udp.get.length(bytes, l4)
        if (length < udp.size || (length > size && at.fragment === WHOLE)) return false
        const none = version === 4 && udp.get.checksum(bytes, l4) === 0
        return (none || !verify || isSumRight()) && readPorts(tuple, bytes, l4)
      }
      case IP_PROTO.sctp: {
        if (size < sctp.size) return false
        if (verify && !isCrcRight(bytes, l4, end)) return false
        return readPorts(tuple, bytes, l4)
      }
      case IP_PROTO.icmp:
        if (version !== 4) return true
        if (verify && internetChecksum(bytes, l4, end) !== 0) return false
        return size >= icmpEcho.size && readIcmp(icmpTypes, zone)
      case IP_PROTO.icmpv6:
        if (version !== 6) return true
        if (verify && !isSumRight()) return false
        return size >= icmpEcho.size && readIcmp(icmpv6Types, zone)
      default:
        return true
    }
  }

  const isSumRight = (): boolean => {
    const { bytes, l3, l4, end, protocol, version } = at
    const seed =
      version === 4
        ? pseudoHeaderSum(ipv4.get.src(bytes, l3), ipv4.get.dst(bytes, l3), protocol, end - l4)
        : sum16(bytes, l3 + 8, l3 + ipv6.size) + protocol + end - l4
    return fold16(sum16(bytes, l4, end, seed)) === 0xffff
  }

  const readIcmp = (types: IcmpTypes, zone: number): boolean => {
    const { bytes, l4, tuple } = at
    const type = icmp.get.type(bytes, l4)
    if (types.errors.includes(type)) return at.fragment === WHOLE && readQuoted(types, zone)
    return readQuery(tuple, bytes, l4, types)
  }

  /** The quoted packet went the other way: its tuple is reversed, so that it is this packet's own. */
  const readQuoted = (types: IcmpTypes, zone: number): boolean => {
    const { bytes, tuple, version, end } = at
    const l3 = at.l4 + icmpEcho.size
    if (!readHeader(inner, bytes, version, l3, end) || inner.fragment !== WHOLE) return false
    quoted.fill(0)
    readAddresses(quoted, bytes, version, l3)
    // Only he who sent the packet is told of it.
    for (let i = 0; i < 4; i++) if (quoted[SRC + i] !== tuple[DST + i]) return false
    const { l4, protocol } = inner
    const isIcmp = protocol === (version === 4 ? IP_PROTO.icmp : IP_PROTO.icmpv6)
    if (hasPorts(protocol) || isIcmp) {
      if (end - l4 < QUOTED) return false
      if (isIcmp ? !readQuery(quoted, bytes, l4, types) : !readPorts(quoted, bytes, l4)) {
        return false
      }
    }
    quoted[HEAD] = headOf(version, protocol, zone)
    reverse(quoted, 0, tuple, 0)
    at.related = true
    at.innerL3 = l3
    at.innerL4 = l4
    return true
  }

  return { reading: at, parse }
}

/** Protocols whose header begins with two ports. */
export const hasPorts = (protocol: number): boolean =>
  protocol === IP_PROTO.tcp || protocol === IP_PROTO.udp || protocol === IP_PROTO.sctp

interface Header {
  l4: number
  protocol: number
  fragment: number
  fragmentId: number
  end: number
}

/** An IP header, which may have lost the end of what it carries; false when it makes no sense. */
function readHeader(
  out: Header,
  bytes: Uint8Array,
  version: number,
  l3: number,
  end: number,
): boolean {
  out.fragment = WHOLE
  out.fragmentId = 0
  if (version === 6) return readIpv6(out, bytes, l3, end)
  if (end - l3 < ipv4.size) return false
  const size = ipv4.get.ihl(bytes, l3) * 4
  if (size < ipv4.size || size > end - l3) return false
  out.l4 = l3 + size
  out.end = l3 + ipv4.get.totalLength(bytes, l3)
  out.protocol = ipv4.get.protocol(bytes, l3)
  out.fragmentId = ipv4.get.identification(bytes, l3)
  if (ipv4.get.fragmentOffset(bytes, l3) !== 0) out.fragment = LATER_FRAGMENT
  else if (ipv4.get.moreFragments(bytes, l3) === 1) out.fragment = FIRST_FRAGMENT
  return true
}

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60

function readIpv6(out: Header, bytes: Uint8Array, l3: number, end: number): boolean {
  if (end - l3 < ipv6.size) return false
  out.end = l3 + ipv6.size + ipv6.get.payloadLength(bytes, l3)
  const last = Math.min(end, out.end)
  let next = ipv6.get.nextHeader(bytes, l3)
  let o = l3 + ipv6.size
  for (;;) {
    const plain = next === HOP_BY_HOP || next === ROUTING || next === DESTINATION
    if (!plain && next !== FRAGMENT && next !== AUTHENTICATION) break
    if (last - o < 8) return false
    const length = bytes[o + 1]!
    const size = plain ? 8 + length * 8 : next === AUTHENTICATION ? (length + 2) * 4 : 8
    if (next === FRAGMENT) {
      const offset = (bytes[o + 2]! << 8) | bytes[o + 3]!
      const word = (bytes[o + 4]! << 24) | (bytes[o + 5]! << 16) | (bytes[o + 6]! << 8)
      out.fragmentId = (word | bytes[o + 7]!) >>> 0
      // Offset 0 and nothing to follow: an atomic fragment, which is whole (RFC 6946).
      if (offset >>> 3 !== 0) out.fragment = LATER_FRAGMENT
      else if (offset & 1) out.fragment = FIRST_FRAGMENT
    }
    next = bytes[o]!
    o += size
    if (o > last) return false
    if (out.fragment === LATER_FRAGMENT) break
  }
  out.l4 = o
  out.protocol = next
  return true
}

function readAddresses(tuple: Uint32Array, bytes: Uint8Array, version: number, l3: number): void {
  if (version === 4) {
    tuple[SRC] = ipv4.get.src(bytes, l3)
    tuple[DST] = ipv4.get.dst(bytes, l3)
    return
  }
  for (let i = 0; i < 8; i++) {
    const o = l3 + 8 + 4 * i
    const word = (bytes[o]! << 24) | (bytes[o + 1]! << 16) | (bytes[o + 2]! << 8) | bytes[o + 3]!
    tuple[(i < 4 ? SRC : DST - 4) + i] = word
  }
}

/** Port 0 is nobody's. */
function readPorts(tuple: Uint32Array, bytes: Uint8Array, l4: number): boolean {
  tuple[SRC_PORT] = udp.get.src(bytes, l4)
  tuple[DST_PORT] = udp.get.dst(bytes, l4)
  return tuple[SRC_PORT] !== 0 && tuple[DST_PORT] !== 0
}

/** RFC 9260 §6.8: over the packet with a checksum of 0, least significant byte first. */
function isCrcRight(bytes: Uint8Array, l4: number, end: number): boolean {
  const at = l4 + sctp.at.checksum / 8
  const given = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!] as const
  bytes.fill(0, at, at + 4)
  const crc = crc32c(bytes, l4, end)
  const [a, b, c, d] = given
  bytes[at] = a
  bytes[at + 1] = b
  bytes[at + 2] = c
  bytes[at + 3] = d
  return crc === ((d << 24) | (c << 16) | (b << 8) | a) >>> 0
}
