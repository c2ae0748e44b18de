/**
 * Which checksums cover a word of a header, and their update when it changed.
 * Neighbours: set-field.ts and ttl.ts change words.
 */
import { updateChecksum } from '../../southbound/wire/checksum.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { HEADER } from './headers.ts'
import type { Packet } from './packet.ts'

/** Where the addresses begin in each IP header: from there on, words count for the pseudo header. */
const IPV4_ADDRESSES = ipv4.at.src / 8
const IPV6_SRC = ipv6.at.src / 8
const IPV6_DST = ipv6.at.dst / 8

/** End of the IP packet, in front of the frame's padding; the packet must be IP. */
export function packetEnd(bytes: Uint8Array, at: Int32Array): number {
  const v4 = at[HEADER.ipv4]!
  if (v4 >= 0) return v4 + ipv4.get.totalLength(bytes, v4)
  const v6 = at[HEADER.ipv6]!
  return v6 + ipv6.size + ipv6.get.payloadLength(bytes, v6)
}

/**
 * A field changed in the header at `o`, in the 16-bit words from offset `from` on; `before` and
 * `after` are the folded sums of these words.
 */
export function fixChecksums(
  packet: Packet,
  header: number,
  from: number,
  o: number,
  before: number,
  after: number,
): void {
  const { bytes, at } = packet
  switch (header) {
    case HEADER.ipv4: {
      const sum = ipv4.get.checksum(bytes, o)
      ipv4.set.checksum(bytes, o, updateChecksum(sum, before, after))
      if (from >= IPV4_ADDRESSES) fixTransport(packet, before, after)
      return
    }
    case HEADER.ipv6:
      // The pseudo header has the last destination, which a routing header holds (RFC 8200 §8.1).
      if (from >= IPV6_DST ? at[HEADER.routing]! < 0 : from >= IPV6_SRC) {
        fixTransport(packet, before, after)
      }
      return
    case HEADER.icmp:
      icmp.set.checksum(bytes, o, updateChecksum(icmp.get.checksum(bytes, o), before, after))
      return
    case HEADER.icmpv6:
    case HEADER.nd:
    case HEADER.ndOption:
    case HEADER.ndSource:
    case HEADER.ndTarget:
    case HEADER.tcp:
    case HEADER.udp:
      fixTransport(packet, before, after)
      return
  }
}

/** The checksums of TCP, UDP and ICMPv6, which cover the IP addresses too. */
function fixTransport({ bytes, at }: Packet, before: number, after: number): void {
  const tcpAt = Math.max(at[HEADER.tcp]!, at[HEADER.tcpMalformed]!)
  const udpAt = at[HEADER.udp]!
  const icmpv6At = Math.max(at[HEADER.icmpv6]!, at[HEADER.icmpv6Short]!)
  if (tcpAt >= 0) {
    tcp.set.checksum(bytes, tcpAt, updateChecksum(tcp.get.checksum(bytes, tcpAt), before, after))
  } else if (udpAt >= 0) {
    const sum = udp.get.checksum(bytes, udpAt)
    // 0 says that there is none (RFC 768).
    if (sum !== 0) udp.set.checksum(bytes, udpAt, updateChecksum(sum, before, after) || 0xffff)
  } else if (icmpv6At >= 0) {
    const sum = icmp.get.checksum(bytes, icmpv6At)
    icmp.set.checksum(bytes, icmpv6At, updateChecksum(sum, before, after))
  }
}
