/** What flows of several units are made of: matches, actions, tags. Neighbours: the units; `stages.ts` has the numbers. */
import type { Action } from '../../southbound/openflow/action.ts'
import { guestTags } from '../model/overhead.ts'
import type { Network } from '../model/schema.ts'
import { type Does, often } from './items.ts'
import { ensure } from './maps.ts'
import type { Placement } from './program.ts'
import { anewGroup, register } from './stages.ts'

export const ARP = 0x0806
export const IPV4 = 0x0800
export const IPV6 = 0x86dd
const TAG_TYPE = 0x8100
/** OFPP_IN_PORT of OpenFlow 1.0, as resubmit has it. */
const SAME_PORT = 0xfff8

/** Bytes of an untagged Ethernet header, which an MTU does not count, and of a VLAN tag. */
export const ETHERNET_BYTES = 14
export const TAG_BYTES = 4

/** Of eth_dst: broadcast and multicast. */
export const MULTICAST = [0x010000000000, 0x010000000000] as const

/** Values of vlan_vid: a tag of any VID; of VID 0, which is a priority and no VLAN; none. */
export const TAGGED = [0x1000, 0x1000] as const
export const PRIORITY_TAG = 0x1000
/**
 * Tagged, and not larger than its network's MTU. Open vSwitch counts a frame in both branches behind check_pkt_larger: the
 * other one looks at it anew, which is exact.
 */
export const TAGGED_AND_FITTING = { vlan_vid: TAGGED, [register.oversize]: [0, 1] } as const
export const UNTAGGED = 0
export const taggedWith = (vid: number): number => 0x1000 | vid

/** Values of the register `origin`; a bit each, so that one match may rule out either. */
export const fromWorkload = 0
export const fromTunnel = 1
export const fromSegment = 2
export const notFromTunnel = [0, fromTunnel] as const
export const notFromSegment = [0, fromSegment] as const

const gotos = new Map<number, Does>()
export const goto = (table_id: number): Does =>
  ensure(gotos, table_id, () => often({ goto: table_id }))
export const output = (ofport: number): Action => ({ kind: 'output', port: ofport, max_len: 0 })
export const set = (field: string, value: number | bigint): Action =>
  ({ kind: 'set_field', field, value }) as Action

/** Whether the frame as it is now is larger than this, the Ethernet header counted. */
export const measure = (bytes: number): Action => ({
  kind: 'check_pkt_larger',
  pkt_len: bytes,
  dst: { field: register.oversize, ofs: 0 },
})

/**
 * Measures what enters, with the tag that is about to come off. Where guests may send tags, how much room a frame has depends
 * on them: it is measured when they are known, for the table `size`.
 */
export const measureEntering = (net: Network, tagBytes = 0): Action[] =>
  guestTags(net) > 0 ? [] : [measure(ETHERNET_BYTES + tagBytes + net.mtuBytes)]

/** Copies bits; from and to begin at bit `ofs`. */
export const move = (
  from: readonly [field: string, ofs: number],
  to: readonly [field: string, ofs: number],
  n_bits: number,
): Action =>
  ({
    kind: 'move',
    src: { field: from[0], ofs: from[1], n_bits },
    dst: { field: to[0], ofs: to[1], n_bits },
  }) as Action

export const popTag: Action = { kind: 'pop_vlan' }
/** Goes on in that table too, as the frame is now. */
export const resubmit = (tableId: number): Action => ({
  kind: 'resubmit',
  in_port: SAME_PORT,
  table_id: tableId,
})
/**
 * Behind `popTag`, and last: the frame is looked at anew in that table. By a goto Open vSwitch would not look whether there
 * is a next tag, so that a flow cached for a frame without one would take those that have one too.
 */
export const enterAnew = (stage: keyof typeof anewGroup): Action => ({
  kind: 'group',
  group_id: anewGroup[stage],
})
export const pushTag: Action = { kind: 'push_vlan', ethertype: TAG_TYPE }

/** Output with a tag of this VID around the frame; undefined: as it is. */
export function outputTagged(ofport: number, vid: number | undefined): Action[] {
  if (vid === undefined) return [output(ofport)]
  return [pushTag, set('vlan_vid', taggedWith(vid)), output(ofport)]
}

export function networkKeyOf({ port }: Placement): string {
  return `${port.tenant}/${port.network}`
}
