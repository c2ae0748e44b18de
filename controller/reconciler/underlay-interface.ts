/**
 * The interface of an ovs host that carries its tunnels, and the MTU that it has now. The database does not say which one
 * has the VTEP's address, so it is looked for where Open vSwitch needs it: on the bridge that the host names by
 * `external_ids:weft-underlay`, else on `br-phy`, else on the only bridge beside br-int and those of physical networks.
 * Where it is in no bridge, as that of weft switch, `external_ids:weft-underlay-mtu` says it. Also the interface by which
 * the bridge of a physical network leads out. Neighbours: `mtu-status.ts`, `physical-networks.ts`.
 */
import { type BridgeRow, byName, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'
import type { SeenInterface } from './mtu-index.ts'
import { mappings, OWNER } from './physical-networks.ts'

const UNDERLAY_BRIDGE = 'br-phy'
/** Interfaces that packets of the underlay pass. */
const CARRYING = new Set(['', 'system', 'internal', 'dpdk', 'afxdp', 'tap'])

/** The narrowest interface of the underlay's bridge; undefined where the database does not tell. */
export function underlayInterface(replica: HostReplica): SeenInterface | undefined {
  const [root] = replica.table('Open_vSwitch').values()
  const [, device, bytes] =
    /^(\S{1,64}) (\d{1,6})$/.exec(root?.external_ids['weft-underlay-mtu'] ?? '') ?? []
  if (device !== undefined) return { interface: device, mtuBytes: Number(bytes) }
  const named = root?.external_ids['weft-underlay'] ?? UNDERLAY_BRIDGE
  const bridge = byName(replica.table('Bridge'), named) ?? onlyOther(replica)
  if (!bridge) return ofInterface(byName(replica.table('Interface'), named))
  return narrowest(interfacesOf(replica, bridge), bridge.name)
}

/** The narrowest interface by which a bridge leads out; its own device counts where it has no other. */
export function outwardInterface(
  replica: HostReplica,
  bridge: BridgeRow,
): SeenInterface | undefined {
  const interfaces = interfacesOf(replica, bridge)
  const outward = interfaces.filter((each) => each.interface !== bridge.name)
  return narrowest(outward.length > 0 ? outward : interfaces, bridge.name)
}

/** The one bridge that is neither br-int nor leads to a physical network; undefined: there is none, or there are several. */
function onlyOther(replica: HostReplica): BridgeRow | undefined {
  const [root] = replica.table('Open_vSwitch').values()
  const mapped = new Set(mappings(root).map(([, name]) => name))
  const [first, ...more] = [...replica.table('Bridge').values()].filter(
    ({ name, external_ids }) =>
      name !== INTEGRATION_BRIDGE && external_ids[OWNER] === undefined && !mapped.has(name),
  )
  return more.length === 0 ? first : undefined
}

function interfacesOf(replica: HostReplica, { ports }: BridgeRow): SeenInterface[] {
  return ports.flatMap((uuid) =>
    (replica.table('Port').get(uuid)?.interfaces ?? []).flatMap((each) => {
      const row = replica.table('Interface').get(each)
      // A guest of the host's own leads nowhere.
      const isCarrying = row && CARRYING.has(row.type) && row.external_ids['iface-id'] === undefined
      return isCarrying ? (ofInterface(row) ?? []) : []
    }),
  )
}

/** Of equal ones the uplink, not the bridge's own. */
function narrowest(interfaces: SeenInterface[], bridge: string): SeenInterface | undefined {
  const rank = (each: SeenInterface) => each.mtuBytes + (each.interface === bridge ? 0.5 : 0)
  return interfaces.sort((a, b) => rank(a) - rank(b))[0]
}

function ofInterface(
  row: { readonly name: string; readonly mtu: number | undefined } | undefined,
): SeenInterface | undefined {
  return row?.mtu === undefined ? undefined : { interface: row.name, mtuBytes: row.mtu }
}
