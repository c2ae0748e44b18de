/** A hardware_vtep database with a host `h1`, for tests of what its rows mean. */

import { type Reading, readRows } from '../../../southbound/agent/rows.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { type HardwareVtep, hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

export const ops = operations(hardwareVtep)

export interface Rig {
  readonly database: OvsdbServer<HardwareVtep>
  write(...all: Operation[]): void
  read(): Reading
}

/** With a VTEP at 192.0.2.11, a port `vm1` and `red`, VNI 5001, bound to its untagged frames. */
export function openRig(): Rig {
  const database = new OvsdbServer(hardwareVtep)
  database.transact([
    ops.insert('Logical_Switch', { name: 'red', tunnel_key: 5001 }, 'red'),
    ops.insert('Physical_Port', { name: 'vm1', vlan_bindings: { 0: 'red' } }, 'vm1'),
    ops.insert(
      'Physical_Switch',
      { name: 'h1', tunnel_ips: ['192.0.2.11'], ports: ['vm1'] },
      'host',
    ),
    ops.insert('Global', { switches: ['host'] }),
  ])
  return {
    database,
    write: (...all) => void database.transact(all),
    read: () => readRows((name) => database.table(name), 'h1'),
  }
}

/** The uuid of a Logical_Switch. */
export function switchOf({ database }: Rig, name: string): string {
  const rows = [...database.table('Logical_Switch').values()]
  return rows.find((row) => row.name === name)?._uuid ?? ''
}
