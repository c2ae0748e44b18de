/**
 * Up to which revision a host has everything, remembered on the host itself: by it a controller that has just started knows
 * whom to look at first. Written some time after the host has confirmed, and only when something was new for it; so it is a
 * lower bound, which stays true. It goes with the row of our tunnel port. Neighbours: `lacking.ts` (what it says),
 * `host-session.ts` writes.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { byName, type HostReplica } from './host-replica.ts'
import { TUNNEL_PORT } from './rows.ts'

const { mutate } = operations(openVSwitch)

/** Key of external_ids of our tunnel's Interface. */
const KEY = 'weft-confirmed'

const tunnel = (replica: HostReplica) => byName(replica.table('Interface'), TUNNEL_PORT)

/** The revision that the host remembers; undefined: none. */
export function rememberedRevision(replica: HostReplica): number | undefined {
  const text = tunnel(replica)?.external_ids[KEY] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

export function rememberRevision(replica: HostReplica, revision: number): Operation[] {
  const row = tunnel(replica)
  if (!row) return []
  return [
    mutate('Interface', row._uuid, 'external_ids', 'delete', [KEY]),
    mutate('Interface', row._uuid, 'external_ids', 'insert', { [KEY]: `${revision}` }),
  ]
}
