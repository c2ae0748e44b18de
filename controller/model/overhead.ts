/**
 * What an encapsulation costs: the one function that knows. The model refuses by it, the compiler and
 * the agents size devices by it, status explains by it. Neighbours: tunnel.ts says which family two
 * hosts use, rules-mtu.ts who may not pass.
 */

/** Address family of an underlay: IPv4 or IPv6. */
export type Family = 4 | 6

/**
 * Bytes of a frame's cost above the IP packet that the workload sends: the frame's own Ethernet
 * header (14) rides inside the tunnel, under UDP (8) and VXLAN (8, RFC 7348 §5).
 */
const vxlanBytes = { 4: 14 + 20 + 8 + 8, 6: 14 + 40 + 8 + 8 } as const
/** IEEE 802.1Q: TPID and TCI. */
const tagBytes = 4

/** VLAN tags that a workload may send on a network beside its own frames. */
export function guestTags(network: {
  readonly vlanTransparent?: boolean | 'qinq' | undefined
}): 0 | 1 | 2 {
  if (network.vlanTransparent === 'qinq') return 2
  return network.vlanTransparent ? 1 : 0
}

/**
 * Bytes that the underlay must carry beside the IP packet of a workload, so that
 * `mtuBytes + overheadBytes(…) <= MTU of the underlay`. @param family of the VXLAN tunnel; left out,
 * there is none (a network of type vlan or flat), @param tags VLAN tags inside; the outermost tag of a
 * physical network is not counted by its MTU and not to be given
 */
export function overheadBytes({
  family,
  tags = 0,
}: {
  readonly family?: Family | undefined
  readonly tags?: number
}): number {
  return (family === undefined ? 0 : vxlanBytes[family]) + tags * tagBytes
}
