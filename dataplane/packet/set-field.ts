/**
 * Changes a field: first its slots in the key, then, where a header of the frame holds it, the
 * bytes of that header and every checksum that covers them (RFC 1624: by difference, so that a
 * checksum that was wrong stays wrong).
 * Neighbours: key-layout.ts (slots and sources), actions.ts (who calls).
 */
import { fold16, sum16, updateChecksum } from '../../southbound/wire/checksum.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { HEADER, type KeyField } from './key-layout.ts'
import type { Packet } from './packet.ts'

/**
 * Sets key = key & ~mask | value over the field's words, and the frame with it. A field of a
 * header that the frame does not have stays as it is.
 */
export function setField(
  key: Uint32Array,
  packet: Packet,
  field: KeyField,
  value: Uint32Array,
  mask: Uint32Array,
): void {
  if (!hasField(packet, field)) return
  const { slot } = field
  for (let i = 0; i < value.length; i++) {
    key[slot + i] = (key[slot + i]! & ~mask[i]!) | value[i]!
  }
  storeField(key, packet, field)
}

/** Writes the field's slots of the key into the frame's headers. */
export function storeField(key: Uint32Array, packet: Packet, field: KeyField): void {
  for (let i = 0; i < field.sources.length; i++) {
    const source = field.sources[i]!
    const o = packet.at[source.header]!
    if (o < 0) continue
    const { bytes } = packet
    const before = fold16(sum16(bytes, o + source.from, o + source.to))
    source.store(key, bytes, o)
    const after = fold16(sum16(bytes, o + source.from, o + source.to))
    if (before !== after) fixChecksums(packet, source.header, source.from, o, before, after)
  }
}

/** Offset of the source address in each IP header: behind it, words count for the pseudo header. */
const IPV4_ADDRESSES = ipv4.at.src / 8
const IPV6_ADDRESSES = 8

function fixChecksums(
  packet: Packet,
  header: number,
  from: number,
  o: number,
  before: number,
  after: number,
): void {
  const { bytes } = packet
  if (header === HEADER.ipv4) {
    const sum = ipv4.get.checksum(bytes, o)
    ipv4.set.checksum(bytes, o, updateChecksum(sum, before, after))
    if (from >= IPV4_ADDRESSES) fixTransport(packet, before, after)
  } else if (header === HEADER.ipv6) {
    if (from >= IPV6_ADDRESSES) fixTransport(packet, before, after)
  } else if (header === HEADER.icmp || header === HEADER.icmpv6) {
    icmp.set.checksum(bytes, o, updateChecksum(icmp.get.checksum(bytes, o), before, after))
  } else if (header === HEADER.tcp || header === HEADER.udp) {
    fixTransport(packet, before, after)
  }
}

/** The checksums of TCP, UDP and ICMPv6 cover the IP addresses too. */
function fixTransport(packet: Packet, before: number, after: number): void {
  const { bytes, at } = packet
  const tcpAt = at[HEADER.tcp]!
  const udpAt = at[HEADER.udp]!
  const icmpv6At = at[HEADER.icmpv6]!
  if (tcpAt >= 0) {
    tcp.set.checksum(bytes, tcpAt, updateChecksum(tcp.get.checksum(bytes, tcpAt), before, after))
  } else if (udpAt >= 0) {
    const sum = udp.get.checksum(bytes, udpAt)
    if (sum !== 0) udp.set.checksum(bytes, udpAt, updateChecksum(sum, before, after) || 0xffff)
  } else if (icmpv6At >= 0) {
    const sum = icmp.get.checksum(bytes, icmpv6At)
    icmp.set.checksum(bytes, icmpv6At, updateChecksum(sum, before, after))
  }
}

/** False for a field that stands in a header which this frame does not have. */
export function hasField(packet: Packet, field: KeyField): boolean {
  const { sources } = field
  if (sources.length === 0) return true
  for (let i = 0; i < sources.length; i++) if (packet.at[sources[i]!.header]! >= 0) return true
  return false
}

/** Copies n bits of one field of the key onto another; bit 0 is the least significant. */
export function moveBits(
  key: Uint32Array,
  from: KeyField,
  fromBit: number,
  to: KeyField,
  toBit: number,
  n: number,
): void {
  for (let done = 0; done < n; ) {
    const a = fromBit + done
    const b = toBit + done
    const count = Math.min(n - done, 32 - (a & 31), 32 - (b & 31))
    const mask = count === 32 ? 0xffff_ffff : (1 << count) - 1
    const source = from.slot + from.words - 1 - (a >> 5)
    const target = to.slot + to.words - 1 - (b >> 5)
    const bits = (key[source]! >>> (a & 31)) & mask
    key[target] = (key[target]! & ~(mask << (b & 31))) | (bits << (b & 31))
    done += count
  }
}
