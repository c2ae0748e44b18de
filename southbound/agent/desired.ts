/**
 * What the rows of hardware_vtep ask of one host, with nothing of OVSDB and nothing of a kernel in it:
 * rows.ts writes it, a back end (backend.ts) makes it so. All texts in it were checked: MACs are six
 * lower-case pairs, addresses are addresses, so that a back end may put them on a command line.
 */
import type { PhysicalBridge } from './physical-bridge.ts'

export interface Desired {
  readonly networks: readonly Network[]
  /** Bridges to physical networks, sorted by name. A Member may name one as its interface. */
  readonly bridges: readonly PhysicalBridge[]
}

/** What networks without VXLAN have in place of a VNI: more than this. */
export const MAX_VNI = 0xff_ff_ff

/** One Logical_Switch that has a tunnel_key, or `weft-number`. */
export interface Network {
  /** Its tunnel_key; of a network without, MAX_VNI and its number. */
  readonly vni: number
  /** The address of our own VTEP; undefined: the network has no VXLAN here. */
  readonly local: string | undefined
  /** What guests may send; undefined: what the underlay carries. */
  readonly mtuBytes: number | undefined
  /** VTEPs that broadcast, multicast and unknown unicast go to, sorted. */
  readonly flood: readonly string[]
  /** Whether unicast to a MAC that no row names goes to the flood list. */
  readonly floodsUnknown: boolean
  /** Whether tagged frames may pass; `qinq`: with two tags. */
  readonly vlanTransparent: boolean | 'qinq'
  /** Sorted by MAC. */
  readonly macs: readonly RemoteMac[]
  /** Sorted by interface and VID. */
  readonly members: readonly Member[]
}

/** A MAC behind other VTEPs: one for unicast, any number for a group. */
export interface RemoteMac {
  readonly mac: string
  readonly vteps: readonly string[]
  /** IPv4 and IPv6, for ARP and ND suppression; sorted. */
  readonly addresses: readonly string[]
}

/** A port of the network: the untagged frames of an interface (VID 0), or those of one VID. */
export interface Member {
  readonly interface: string
  readonly vid: number
  /** In the order in which they are tried; what none of them matches passes. */
  readonly acl: readonly AclEntry[]
}

/** The columns of an ACL_entry that say what to match, and what to do then. */
export interface AclEntry {
  readonly uuid: string
  readonly sequence: number
  readonly direction: 'ingress' | 'egress'
  readonly action: 'permit' | 'deny'
  readonly source_mac?: string | undefined
  readonly dest_mac?: string | undefined
  readonly ethertype?: string | undefined
  readonly source_ip?: string | undefined
  readonly source_mask?: string | undefined
  readonly dest_ip?: string | undefined
  readonly dest_mask?: string | undefined
  readonly protocol?: number | undefined
  readonly source_port_min?: number | undefined
  readonly source_port_max?: number | undefined
  readonly dest_port_min?: number | undefined
  readonly dest_port_max?: number | undefined
  readonly tcp_flags?: number | undefined
  readonly tcp_flags_mask?: number | undefined
  readonly icmp_type?: number | undefined
  readonly icmp_code?: number | undefined
}

/** Every VTEP that a network's frames may come from, sorted: the locators in use. */
export function vtepsOf(network: Network): string[] {
  const all = [...network.flood, ...network.macs.flatMap(({ vteps }) => vteps)]
  return [...new Set(all)].sort()
}
