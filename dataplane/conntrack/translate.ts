/**
 * Rewriting packets of a translated connection, and the packets that ICMP errors quote, to what the
 * far side knows; checksums by difference.
 * Neighbours: nat.ts (chooses), table.ts (where the tuples are), set-field.ts (writes headers).
 */
import { fold16, internetChecksum, sum16, updateChecksum } from '../../southbound/wire/checksum.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { type KeyField, keyField } from '../packet/key-layout.ts'
import type { Packet } from '../packet/packet.ts'
import { storeField } from '../packet/set-field.ts'
import { isIcmp } from './datagram.ts'
import { NAT_SRC } from './nat.ts'
import { hasPorts, LATER_FRAGMENT, type Reading } from './parse.ts'
import { FORWARD, NAT, REPLY } from './table.ts'
import { DST, DST_PORT, HEAD, protocolOf, SRC, SRC_PORT } from './tuple.ts'

const slotsOf = {
  ipv4: [keyField.ipv4_src, keyField.ipv4_dst],
  ipv6: [keyField.ipv6_src, keyField.ipv6_dst],
  tcp: [keyField.tcp_src, keyField.tcp_dst],
  udp: [keyField.udp_src, keyField.udp_dst],
  sctp: [keyField.sctp_src, keyField.sctp_dst],
} as const

function portFields(protocol: number): readonly [KeyField, KeyField] {
  if (protocol === IP_PROTO.tcp) return slotsOf.tcp
  return protocol === IP_PROTO.udp ? slotsOf.udp : slotsOf.sctp
}

function store(key: Uint32Array, packet: Packet, field: KeyField, words: Uint32Array, at: number) {
  let same = true
  for (let i = 0; i < field.words; i++) {
    if (key[field.slot + i] === words[at + i]) continue
    key[field.slot + i] = words[at + i]!
    same = false
  }
  if (!same) storeField(key, packet, field)
}

/** Turns a packet of the connection, and its fields in the key, into what the far side knows. */
export function translate(
  packet: Packet,
  key: Uint32Array,
  reading: Reading,
  words: Uint32Array,
  record: number,
  reply: boolean,
): void {
  const target = record + (reply ? FORWARD : REPLY)
  const addresses = reading.version === 4 ? slotsOf.ipv4 : slotsOf.ipv6
  const source = (words[record + NAT] === NAT_SRC) !== reply
  if (source) store(key, packet, addresses[0], words, target + DST)
  else store(key, packet, addresses[1], words, target + SRC)
  if (reading.related) {
    translateQuoted(reading, words, target)
  } else if (reading.fragment !== LATER_FRAGMENT) {
    if (hasPorts(reading.protocol)) {
      const [src, dst] = portFields(reading.protocol)
      store(key, packet, src, words, target + DST_PORT)
      store(key, packet, dst, words, target + SRC_PORT)
    } else if (isIcmp(reading.version, reading.protocol)) {
      const { bytes, l4 } = reading
      const before = (bytes[l4 + ICMP_ID]! << 8) | bytes[l4 + ICMP_ID + 1]!
      const id = words[target + SRC_PORT]! & 0xffff
      put16(bytes, l4 + ICMP_ID, id)
      icmp.set.checksum(bytes, l4, updateChecksum(icmp.get.checksum(bytes, l4), before, id))
    }
  }
}

/** The quoted packet went the other way: it is to look as that side sent it. */
function translateQuoted(reading: Reading, words: Uint32Array, target: number): void {
  const { bytes, innerL3, innerL4, l3, l4, end, version } = reading
  const protocol = protocolOf(words[target + HEAD]!)
  const from = version === 4 ? innerL3 + ipv4.at.src / 8 : innerL3 + ADDRESSES_V6
  const size = version === 4 ? 4 : 16
  const before = fold16(sum16(bytes, from, from + 2 * size))
  for (let i = 0; i < size / 4; i++) {
    put32(bytes, from + 4 * i, words[target + SRC + i]!)
    put32(bytes, from + size + 4 * i, words[target + DST + i]!)
  }
  const after = fold16(sum16(bytes, from, from + 2 * size))
  if (version === 4) {
    const sum = ipv4.get.checksum(bytes, innerL3)
    ipv4.set.checksum(bytes, innerL3, updateChecksum(sum, before, after))
  }
  if (hasPorts(protocol)) {
    const ports = fold16(sum16(bytes, innerL4, innerL4 + 4))
    put16(bytes, innerL4, words[target + SRC_PORT]!)
    put16(bytes, innerL4 + 2, words[target + DST_PORT]!)
    const now = fold16(sum16(bytes, innerL4, innerL4 + 4))
    const at = innerL4 + (protocol === IP_PROTO.tcp ? tcp.at.checksum : udp.at.checksum) / 8
    // SCTP's is over all of a packet of which this is the beginning: nobody can mend it.
    if (protocol !== IP_PROTO.sctp && at + 2 <= end) {
      const sum = (bytes[at]! << 8) | bytes[at + 1]!
      if (protocol === IP_PROTO.tcp || sum !== 0) {
        const mended = updateChecksum(updateChecksum(sum, before, after), ports, now)
        put16(bytes, at, mended === 0 && protocol === IP_PROTO.udp ? 0xffff : mended)
      }
    }
  } else if (isIcmp(version, protocol)) {
    const id = words[target + SRC_PORT]! & 0xffff
    const old = (bytes[innerL4 + ICMP_ID]! << 8) | bytes[innerL4 + ICMP_ID + 1]!
    put16(bytes, innerL4 + ICMP_ID, id)
    let sum = updateChecksum(icmp.get.checksum(bytes, innerL4), old, id)
    if (version === 6) sum = updateChecksum(sum, before, after)
    icmp.set.checksum(bytes, innerL4, sum)
  }
  icmp.set.checksum(bytes, l4, 0)
  const seed =
    version === 4 ? 0 : sum16(bytes, l3 + ADDRESSES_V6, l3 + ipv6.size) + IP_PROTO.icmpv6 + end - l4
  icmp.set.checksum(bytes, l4, internetChecksum(bytes, l4, end, seed))
}

const ICMP_ID = 4
const ADDRESSES_V6 = 8

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16)
  put16(bytes, at + 2, value & 0xffff)
}
