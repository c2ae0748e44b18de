/**
 * Pushing and popping VLAN tags, MPLS labels and PBB service tags: bytes move at the front of the
 * frame, into or out of the headroom, and the key is read again, for every header may have got
 * another place. A new tag goes in front of all others and takes over what OpenFlow 1.3.5 §5.12.1
 * names; what that does not name is 0. Each answers false when the action does not fit the frame.
 * Neighbours: packet.ts (insertBytes, removeBytes), flow-key.ts.
 */
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { mpls } from '../../southbound/wire/mpls.ts'
import { pbb } from '../../southbound/wire/pbb.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { extract } from './flow-key.ts'
import { HEADER } from './headers.ts'
import { keyField } from './key-layout.ts'
import { insertBytes, type Packet, removeBytes } from './packet.ts'

/** Both addresses stand in front of a tag. */
const TAG_AT = 12
const TTL = keyField.nw_ttl.slot

/** The new tag copies priority and VID of the one that it covers. */
export function pushVlan(key: Uint32Array, packet: Packet, ethertype: number): boolean {
  const { bytes, at } = packet
  const outer = at[HEADER.vlan]!
  const pcp = outer < 0 ? 0 : vlan.get.pcp(bytes, outer)
  const vid = outer < 0 ? 0 : vlan.get.vid(bytes, outer)
  if (at[HEADER.ethernet]! < 0 || !insertBytes(packet, TAG_AT, vlan.size)) return false
  const o = packet.start + ethernet.size
  ethernet.set.type(bytes, packet.start, ethertype)
  vlan.set.pcp(bytes, o, pcp)
  vlan.set.dei(bytes, o, 0)
  vlan.set.vid(bytes, o, vid)
  extract(key, packet)
  return true
}

export function popVlan(key: Uint32Array, packet: Packet): boolean {
  if (packet.at[HEADER.vlan]! < 0) return false
  removeBytes(packet, TAG_AT, vlan.size)
  extract(key, packet)
  return true
}

/** The new label is a copy of the one that it covers, or else has the TTL of the IP header. */
export function pushMpls(key: Uint32Array, packet: Packet, ethertype: number): boolean {
  const { bytes, at } = packet
  const outer = at[HEADER.mpls]!
  const label = outer < 0 ? 0 : mpls.get.label(bytes, outer)
  const tc = outer < 0 ? 0 : mpls.get.tc(bytes, outer)
  // Without an IP header that is 0.
  const ttl = outer < 0 ? key[TTL]! : mpls.get.ttl(bytes, outer)
  if (at[HEADER.ethernet]! < 0 || !insertBytes(packet, ethernet.size, mpls.size)) return false
  const o = packet.start + ethernet.size
  ethernet.set.type(bytes, packet.start, ethertype)
  mpls.set.label(bytes, o, label)
  mpls.set.tc(bytes, o, tc)
  mpls.set.bos(bytes, o, outer < 0 ? 1 : 0)
  mpls.set.ttl(bytes, o, ttl)
  extract(key, packet)
  return true
}

/** `ethertype` is what stands behind the label. */
export function popMpls(key: Uint32Array, packet: Packet, ethertype: number): boolean {
  const at = packet.at[HEADER.mpls]!
  if (at < 0) return false
  packet.bytes[at - 2] = ethertype >>> 8
  packet.bytes[at - 1] = ethertype
  removeBytes(packet, at - packet.start, mpls.size)
  extract(key, packet)
  return true
}

/** The frame's addresses become the customer's, and stay the backbone's until they are set. */
export function pushPbb(key: Uint32Array, packet: Packet, ethertype: number): boolean {
  const { bytes, at } = packet
  const outer = at[HEADER.pbb]!
  const isid = outer < 0 ? 0 : pbb.get.isid(bytes, outer)
  const tagAt = at[HEADER.vlan]!
  const pcp = tagAt < 0 ? 0 : vlan.get.pcp(bytes, tagAt)
  const size = ethernet.size + pbb.size
  if (at[HEADER.ethernet]! < 0 || !insertBytes(packet, 0, size)) return false
  const { start } = packet
  bytes.copyWithin(start, start + size, start + size + TAG_AT)
  ethernet.set.type(bytes, start, ethertype)
  pbb.write(bytes, start + ethernet.size, { pcp, dei: 0, uca: 0, isid })
  extract(key, packet)
  return true
}

/** The customer's addresses become the frame's; tags in front of the service tag stay. */
export function popPbb(key: Uint32Array, packet: Packet): boolean {
  const { bytes } = packet
  const at = packet.at[HEADER.pbb]!
  const inner = at + pbb.size
  if (at < 0 || packet.end - inner < ethernet.size) return false
  bytes.copyWithin(packet.start, inner, inner + TAG_AT)
  removeBytes(packet, at - 2 - packet.start, 2 + pbb.size + TAG_AT)
  extract(key, packet)
  return true
}
