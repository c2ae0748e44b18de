/**
 * Writes a field that was changed in the key into the frame: the bytes of the header that holds it
 * and every checksum that covers them (RFC 1624: by difference, so that a checksum that was wrong
 * stays wrong).
 * Neighbours: key-layout.ts (slots and sources), prerequisite.ts, checksums.ts, vlan-tag.ts.
 */
import { fold16, sum16 } from '../../southbound/wire/checksum.ts'
import { crc32c } from '../../southbound/wire/crc32c.ts'
import { sctp } from '../../southbound/wire/sctp.ts'
import { fixChecksums, packetEnd } from './checksums.ts'
import { extract } from './flow-key.ts'
import { HEADER } from './headers.ts'
import { IN_PORT, type KeyField, keyField, VLAN_PRESENT, VLAN_TCI } from './key-layout.ts'
import type { Packet } from './packet.ts'
import { popVlan, pushVlan } from './tags.ts'

/** Fields that say what other headers there are: the packet is read again behind them. */
const SHAPING: ReadonlySet<KeyField> = new Set([
  keyField.icmpv6_type,
  keyField.icmpv6_code,
  keyField.nd_options_type,
])
const OLD_IN_PORT = keyField.nxm_in_port

/**
 * Sets key = key & ~mask | value over the field's words, and the frame with it. A header that the
 * frame does not have whole stays as it is.
 */
export function setField(
  key: Uint32Array,
  packet: Packet,
  field: KeyField,
  value: Uint32Array,
  mask: Uint32Array,
): void {
  const { slot } = field
  for (let i = 0; i < value.length; i++) {
    key[slot + i] = (key[slot + i]! & ~mask[i]!) | value[i]!
  }
  storeField(key, packet, field)
}

/** Brings the frame in line with the field's bits of the key. */
export function storeField(key: Uint32Array, packet: Packet, field: KeyField): void {
  if (field.slot === VLAN_TCI) return storeVlan(key, packet)
  if (field === OLD_IN_PORT) key[IN_PORT] = wholePort(key[IN_PORT]! & 0xffff)
  for (let i = 0; i < field.sources.length; i++) {
    const source = field.sources[i]!
    const o = packet.at[source.header]!
    if (o < 0) continue
    const { bytes } = packet
    if (source.header === HEADER.sctp) {
      const before = sctpChecksum(packet, o)
      source.store(key, bytes, o)
      // What was wrong with the checksum stays wrong.
      sctp.set.checksum(bytes, o, before ^ sctpChecksum(packet, o) ^ sctp.get.checksum(bytes, o))
      continue
    }
    const before = fold16(sum16(bytes, o + source.from, o + source.to))
    source.store(key, bytes, o)
    const after = fold16(sum16(bytes, o + source.from, o + source.to))
    if (before !== after) fixChecksums(packet, source.header, source.from, o, before, after)
  }
  if (SHAPING.has(field)) extract(key, packet)
}

/** Ports of OpenFlow 1.0 in 16 bits, whose reserved ones are the last of 32 bits later. */
export const wholePort = (port: number): number => (port < 0xff00 ? port : port + 0xffff_0000)

/** What the checksum field should hold, as its big-endian reader sees it. */
function sctpChecksum({ bytes, at }: Packet, o: number): number {
  const written = sctp.get.checksum(bytes, o)
  sctp.set.checksum(bytes, o, 0)
  const crc = crc32c(bytes, o, packetEnd(bytes, at))
  sctp.set.checksum(bytes, o, written)
  return ((crc & 0xff) << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24)
}

/** Setting the bit that says that there is a tag makes one, taking it away removes the tag. */
function storeVlan(key: Uint32Array, packet: Packet): void {
  const tci = key[VLAN_TCI]!
  const present = (tci & VLAN_PRESENT) !== 0
  const tagged = packet.at[HEADER.vlan]! >= 0
  if (present && !tagged) {
    if (!pushVlan(key, packet, 0x8100)) return
  } else if (!present && tagged) {
    popVlan(key, packet)
    return
  } else if (!present) {
    key[VLAN_TCI] = 0
    return
  }
  key[VLAN_TCI] = tci
  const o = packet.at[HEADER.vlan]!
  const { bytes } = packet
  keyField.vlan_vid.sources[0]!.store(key, bytes, o)
  keyField.vlan_pcp.sources[0]!.store(key, bytes, o)
}
