/**
 * Pushing and popping VLAN tags: bytes move at the front of the frame, into or out of the
 * headroom, and the key is read again, for every header may have got another place.
 * Neighbours: packet.ts (insertBytes, removeBytes), flow-key.ts.
 */
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import type { Run } from '../pipeline/run.ts'
import { DROP } from './drop.ts'
import { extract } from './flow-key.ts'
import { HEADER } from './key-layout.ts'
import { ENCAP_ROOM, insertBytes, removeBytes } from './packet.ts'

/** Both addresses stand in front of a tag. */
const TAG_AT = 12

/** The new tag copies priority and VID of the one that it covers (OpenFlow 1.3.5 §5.12.1). */
export function pushVlan(run: Run, ethertype: number): void {
  const { packet } = run
  const { bytes } = packet
  const outer = packet.at[HEADER.vlan]!
  const noRoom = packet.start - vlan.size < ENCAP_ROOM
  if (packet.at[HEADER.ethernet]! < 0 || noRoom) {
    run.datapath.drop(run, DROP.action_invalid)
    run.halted = true
    return
  }
  const first = outer >= 0 ? bytes[outer]! : 0
  const second = outer >= 0 ? bytes[outer + 1]! : 0
  insertBytes(packet, packet.start + TAG_AT, vlan.size)
  const at = packet.start + ethernet.size
  ethernet.set.type(bytes, packet.start, ethertype)
  bytes[at] = first
  bytes[at + 1] = second
  extract(run.key, packet)
}

/** Removes the outermost tag; a frame without one stays as it is. */
export function popVlan(run: Run): void {
  const { packet } = run
  if (packet.at[HEADER.vlan]! < 0) return
  removeBytes(packet, packet.start + TAG_AT, vlan.size)
  extract(run.key, packet)
}
