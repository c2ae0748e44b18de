/**
 * What a binding of a vtep host has carried: Logical_Binding_Stats, the schema's own table for it. Not watched, for the
 * device writes it all the time: asked for when somebody looks. Neighbours: `vtep-session.ts`, `../port-counters.ts`.
 */
import type { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import type { Traffic } from '../../northbound/realization.ts'
import type { VtepReplica } from './vtep-replica.ts'

const { select, rows } = operations(hardwareVtep)

interface Wanted {
  /** Of the Physical_Port. */
  readonly name: string
  readonly vid: number
  readonly signal: AbortSignal
}

/** By the workload: "local" is the side of the Physical_Port. Undefined: no statistics. Rejects as `transact` does. */
export async function readTraffic(
  client: OvsdbClient,
  replica: VtepReplica,
  { name, vid, signal }: Wanted,
): Promise<{ sent: Traffic; received: Traffic } | undefined> {
  const port = [...replica.table('Physical_Port').values()].find((row) => row.name === name)
  const uuid = port?.vlan_stats[vid]
  if (uuid === undefined) return undefined
  const [answer] = await client.transact(hardwareVtep, [select('Logical_Binding_Stats', uuid)], {
    signal,
  })
  const [row] = rows('Logical_Binding_Stats', answer)
  if (!row) return undefined
  const { packets_from_local = 0, bytes_from_local = 0 } = row
  const { packets_to_local = 0, bytes_to_local = 0 } = row
  return {
    sent: { frames: packets_from_local, bytes: bytes_from_local },
    received: { frames: packets_to_local, bytes: bytes_to_local },
  }
}
