/**
 * The places of physical networks that a network uses, and how large its packets are there. Neighbours:
 * indexes.ts finds networks by them, rules-network.ts and rules-mtu.ts judge them.
 */
import { guestTags, overheadBytes } from './overhead.ts'
import type { Network } from './schema.ts'

/** A VLAN of a physical network; `vid` absent: what is untagged on it. */
export interface Segment {
  readonly physicalNetwork: string
  readonly vid?: number | undefined
}

/** None of a VXLAN network without an extension, else one. */
export function segmentsOf(network: Network): readonly Segment[] {
  if (network.type === 'vxlan') return network.extension ? [network.extension] : []
  return [network]
}

/** The largest packet of a workload with the VLAN tags that it may send, in bytes. */
export function guestBytes(network: Network): number {
  return network.mtuBytes + overheadBytes({ tags: guestTags(network) })
}
