/** The part of a hardware_vtep database that the controller watches. Neighbours: `difference.ts`, `vtep-session.ts`. */
import type { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import type { ReplicaRow } from '../../../southbound/ovsdb/replica.ts'
import { type HardwareVtep, hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'

const watched = {
  Global: ['other_config'],
  Physical_Switch: ['name', 'ports', 'other_config', 'switch_fault_status'],
  Physical_Port: ['name', 'vlan_bindings', 'acl_bindings', 'other_config', 'port_fault_status'],
  Logical_Switch: ['name', 'description', 'tunnel_key', 'replication_mode', 'other_config'],
  Ucast_Macs_Remote: ['MAC', 'logical_switch', 'locator', 'ipaddr'],
  Mcast_Macs_Remote: ['MAC', 'logical_switch', 'locator_set', 'ipaddr'],
  // Of what the device has learned only what hangs on networks of ours.
  Ucast_Macs_Local: ['logical_switch'],
  Mcast_Macs_Local: ['logical_switch'],
  Physical_Locator_Set: ['locators'],
  Physical_Locator: ['encapsulation_type', 'dst_ip', 'tunnel_key'],
  ACL: ['acl_name', 'acl_entries', 'acl_fault_status'],
  ACL_entry: [
    'sequence',
    'source_mac',
    'dest_mac',
    'ethertype',
    'source_ip',
    'source_mask',
    'dest_ip',
    'dest_mask',
    'protocol',
    'source_port_min',
    'source_port_max',
    'dest_port_min',
    'dest_port_max',
    'tcp_flags',
    'tcp_flags_mask',
    'icmp_code',
    'icmp_type',
    'direction',
    'action',
    'acle_fault_status',
  ],
} as const

/** Starts to watch a device. Rejects when the peer has no hardware_vtep database, or the signal aborts. */
export const watchVtep = (client: OvsdbClient, signal: AbortSignal) =>
  client.monitor(hardwareVtep, watched, { signal })
/** The watched part of a device's database. */
export type VtepReplica = Awaited<ReturnType<typeof watchVtep>>

export type VtepTableRow<T extends keyof typeof watched> = ReplicaRow<
  HardwareVtep,
  typeof watched,
  T
>

/** The row of the host in question; undefined while it is not there. */
export function physicalSwitch(
  replica: VtepReplica,
  name: string | undefined,
): VtepTableRow<'Physical_Switch'> | undefined {
  for (const row of replica.table('Physical_Switch').values()) if (row.name === name) return row
  return undefined
}
