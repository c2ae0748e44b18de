/**
 * What is plugged into a `vtep` host: ports whose other_config:iface-id the device has filled (`weft agent` takes it from
 * the ifalias of the interface). Untagged, since only a declaration names a VID. Neighbour: `../bindings.ts` judges them.
 */
import { keys } from '../../../southbound/agent/other-config.ts'
import { physicalPortPattern } from '../../model/values.ts'
import type { Plug } from '../bindings.ts'
import type { VtepReplica, VtepTableRow } from './vtep-replica.ts'

const UNTAGGED = 0
const NAME = new RegExp(physicalPortPattern)

export function* vtepPlugs(
  replica: VtepReplica,
  host: VtepTableRow<'Physical_Switch'> | undefined,
): Iterable<Plug> {
  for (const uuid of host?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    const ifaceId = port?.other_config[keys.ifaceId]
    if (!port || ifaceId === undefined) continue
    const { name } = port
    const objection = NAME.test(name) ? undefined : 'no port can be on an interface of that name'
    yield { ifaceId, name, at: { interface: name, vid: UNTAGGED }, objection }
  }
}
