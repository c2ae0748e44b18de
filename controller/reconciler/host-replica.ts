/** The part of a host's database that the controller watches, and finding rows in it. Neighbours: `rows.ts`, `bindings.ts`. */
import type { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'

export const INTEGRATION_BRIDGE = 'br-int'

/** What the controller watches of a host. */
const watched = {
  Open_vSwitch: [
    'bridges',
    'manager_options',
    'external_ids',
    'other_config',
    'next_cfg',
    'cur_cfg',
    'ovs_version',
  ],
  Bridge: [
    'name',
    'datapath_type',
    'datapath_id',
    'ports',
    'controller',
    'protocols',
    'fail_mode',
    'other_config',
    'external_ids',
  ],
  Port: ['name', 'interfaces', 'trunks', 'bond_mode'],
  Interface: [
    'name',
    'type',
    'options',
    'ofport',
    'ofport_request',
    'external_ids',
    'mtu',
    'mtu_request',
    'error',
  ],
  Controller: ['target', 'connection_mode', 'max_backoff', 'external_ids'],
  Manager: ['target', 'max_backoff', 'external_ids'],
} as const

/** Starts to watch a host. Rejects when the peer has no Open_vSwitch database, or the signal aborts. */
export const watchHost = (client: OvsdbClient, signal: AbortSignal) =>
  client.monitor(openVSwitch, watched, { signal })
/** The watched part of a host's database. */
export type HostReplica = Awaited<ReturnType<typeof watchHost>>

const bridgesOf = (replica: HostReplica) => [...replica.table('Bridge').values()]
export type BridgeRow = ReturnType<typeof bridgesOf>[number]

/**
 * Datapath that br-int has and other bridges of Weft need, of which Open vSwitch knows 'system' (also '') and 'netdev': what
 * the host says by external_ids:weft-datapath-type, else as br-int is. With another type a bridge is made anew, and ports of
 * DPDK cannot be in it.
 */
export function datapathType(replica: HostReplica): string {
  const [root] = replica.table('Open_vSwitch').values()
  const bridge = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  return root?.external_ids['weft-datapath-type'] ?? bridge?.datapath_type ?? ''
}

/** The row of this name; names are unique in the tables that have them. */
export function byName<R extends { readonly name: string }>(
  table: ReadonlyMap<string, R>,
  name: string,
): R | undefined {
  for (const row of table.values()) if (row.name === name) return row
  return undefined
}
