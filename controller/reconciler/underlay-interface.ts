/**
 * The interface of an ovs host that carries its tunnels, and the MTU that it has now. The database does not say which one
 * has the VTEP's address, so it is looked for where Open vSwitch needs it: on the bridge that the host names by
 * `external_ids:weft-underlay`, else on `br-phy`, else on the only bridge beside br-int. Neighbour: `mtu-status.ts`.
 */
import { byName, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'
import type { UnderlayInterface } from './mtu-status.ts'

const UNDERLAY_BRIDGE = 'br-phy'
/** Interfaces that packets of the underlay pass. */
const CARRYING = new Set(['', 'system', 'internal', 'dpdk', 'afxdp', 'tap'])

/** The narrowest interface of the underlay's bridge; undefined where the database does not tell. */
export function underlayInterface(replica: HostReplica): UnderlayInterface | undefined {
  const [root] = replica.table('Open_vSwitch').values()
  const bridges = [...replica.table('Bridge').values()].filter(
    ({ name }) => name !== INTEGRATION_BRIDGE,
  )
  const named = root?.external_ids['weft-underlay'] ?? UNDERLAY_BRIDGE
  const only = bridges.length === 1 ? bridges[0] : undefined
  const bridge = bridges.find(({ name }) => name === named) ?? only
  if (!bridge) return ofInterface(byName(replica.table('Interface'), named))
  const interfaces = bridge.ports.flatMap((uuid) =>
    (replica.table('Port').get(uuid)?.interfaces ?? []).flatMap((each) => {
      const row = replica.table('Interface').get(each)
      return row && CARRYING.has(row.type) ? (ofInterface(row) ?? []) : []
    }),
  )
  // Of equal ones the uplink is named, not the bridge's own.
  const rank = (each: UnderlayInterface) =>
    each.mtuBytes + (each.interface === bridge.name ? 0.5 : 0)
  return interfaces.sort((a, b) => rank(a) - rank(b))[0]
}

function ofInterface(
  row: { readonly name: string; readonly mtu: number | undefined } | undefined,
): UnderlayInterface | undefined {
  return row?.mtu === undefined ? undefined : { interface: row.name, mtuBytes: row.mtu }
}
