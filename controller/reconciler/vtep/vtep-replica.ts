/** The part of a hardware_vtep database that the controller watches. Neighbours: `difference.ts`, `vtep-session.ts`. */
import type { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import type { Operation } from '../../../southbound/ovsdb/operation.ts'
import type { ReplicaRow } from '../../../southbound/ovsdb/replica.ts'
import { type DatabaseSchema, hasColumn } from '../../../southbound/ovsdb/schema.ts'
import { type HardwareVtep, hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'

const watched = {
  Global: ['other_config'],
  Physical_Switch: ['name', 'ports', 'tunnel_ips', 'other_config', 'switch_fault_status'],
  Physical_Port: [
    'name',
    'vlan_bindings',
    'acl_bindings',
    'vlan_stats',
    'other_config',
    'port_fault_status',
  ],
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

/** Without these columns nothing can be driven; versions of the schema before 1.7.0 lack others. */
const essential = {
  Physical_Switch: ['name', 'ports'],
  Physical_Port: ['name', 'vlan_bindings'],
  Logical_Switch: ['name', 'tunnel_key'],
  Ucast_Macs_Remote: ['MAC', 'logical_switch', 'locator', 'ipaddr'],
  Mcast_Macs_Remote: ['MAC', 'logical_switch', 'locator_set'],
  Physical_Locator_Set: ['locators'],
  Physical_Locator: ['encapsulation_type', 'dst_ip'],
} as const satisfies Partial<Record<keyof typeof watched, readonly string[]>>

/**
 * Starts to watch a device: what its schema lacks has the default value in every row. Rejects when the peer has no
 * hardware_vtep database or one without what is essential, or the signal aborts.
 */
export async function watchVtep(client: OvsdbClient, signal: AbortSignal) {
  const present = await schemaOf(client, signal)
  const has = (table: string, column?: string) => hasColumn(present, table, column)
  const lacking = missingOf(essential, has)
  if (lacking.length > 0)
    throw new Error(`its hardware_vtep ${present.version} lacks ${lacking.join(', ')}`)
  const replica = await client.monitor(hardwareVtep, watched, { signal, present })
  /** `missing`: columns that would be of use and are not there, 'Physical_Port acl_bindings'. */
  return { ...replica, has, version: present.version, missing: missingOf(watched, has) }
}
/** The watched part of a device's database. */
export type VtepReplica = Awaited<ReturnType<typeof watchVtep>>

/** The device's own schema; where it is in words that we do not know, ours. */
async function schemaOf(client: OvsdbClient, signal: AbortSignal): Promise<DatabaseSchema> {
  try {
    return await client.getSchema(hardwareVtep.name, { signal })
  } catch (error) {
    if (error instanceof OvsdbError && error.tag === 'syntax error' && !error.isPeers)
      return hardwareVtep
    throw error
  }
}

function missingOf(
  wanted: Readonly<Record<string, readonly string[]>>,
  has: (table: string, column: string) => boolean,
): string[] {
  return Object.entries(wanted).flatMap(([table, columns]) => {
    const missing = columns.filter((column) => !has(table, column))
    return missing.length === columns.length
      ? [table]
      : missing.map((column) => `${table} ${column}`)
  })
}

/** The part of an operation that the device has columns for; undefined: none. */
export function fitting(operation: Operation, { has }: VtepReplica): Operation | undefined {
  const { op, table, row, mutations } = operation
  const isThere = (column: string) => has(`${table}`, column)
  if (!has(`${table}`)) return undefined
  if (row !== undefined) {
    const columns = Object.entries(row as object).filter(([column]) => isThere(column))
    const isEmpty = columns.length === 0 && op !== 'insert'
    return isEmpty ? undefined : { ...operation, row: Object.fromEntries(columns) }
  }
  if (mutations === undefined) return operation
  const kept = (mutations as [string, ...unknown[]][]).filter(([column]) => isThere(column))
  return kept.length > 0 ? { ...operation, mutations: kept } : undefined
}

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
