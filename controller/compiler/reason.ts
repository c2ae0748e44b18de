/**
 * Why a flow drops: the one table of reasons. The code travels in the cookie of the drop flow, so that a host's counters
 * say why frames vanish, on every kind of switch. Neighbours: `cookie.ts`, `units.ts`.
 */
export const dropReasons = {
  port_unknown: [1, 'the frame came in by a port that belongs to no workload'],
  vni_unknown: [2, 'the VXLAN packet carries a VNI that no network on this host has'],
  vtep_unknown: [3, 'the VXLAN packet comes from an address that is no VTEP of this network'],
  vlan_not_allowed: [4, 'the frame has a VLAN tag that its port or its network does not take'],
  mtu_exceeded: [5, 'the frame is larger than the MTU of its network'],
  port_security: [6, 'the source MAC, IP or ARP sender is not an address of the port'],
  arp_unknown: [7, 'the ARP request asks for an address that no port of the network has'],
  mac_unknown: [8, 'the destination MAC belongs to no port of the network'],
  port_not_here: [9, 'the destination port is not on this host'],
  vlan_unknown: [
    10,
    'the frame came from a physical network by a VLAN that no network of this host is on',
  ],
  source_looped: [
    11,
    'the frame came from a physical network and says that it is a port of ours (MAC, IP, ARP, neighbour discovery), or says in discovery two things at once',
  ],
  nd_unknown: [
    12,
    'the neighbour solicitation asks for an address that no port of the network has',
  ],
  ra_refused: [13, 'the port is no router, and sent a router advertisement or a redirect'],
} as const satisfies Record<string, readonly [code: number, sentence: string]>

export type DropReason = keyof typeof dropReasons

const byCode = new Map<number, DropReason>(
  Object.entries(dropReasons).map(([name, [code]]) => [code, name as DropReason]),
)

/** The reason with this code; undefined for code 0 (no drop) and for codes that are not ours. */
export function reasonOfCode(code: number): DropReason | undefined {
  return byCode.get(code)
}
