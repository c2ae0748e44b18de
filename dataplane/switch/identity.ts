/**
 * What the Open_vSwitch row says of a switch: who it is, and what it can do.
 * Neighbours: switch.ts introduces itself when it starts, and when a client deleted the row.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { differs } from './differs.ts'
import { interfaceTypes } from './interfaces.ts'

const ops = operations(openVSwitch)
/** Of the Open vSwitch whose behaviour this switch follows where the specification is silent. */
const VERSION = '3.1.0'

/** Says who this is, where nobody has said otherwise; nothing when the row says it. */
export function introduction(root: RowOf<'Open_vSwitch'>, systemId: string): Operation[] {
  const identity = {
    external_ids: { 'system-id': systemId, hostname: systemId, ...root.external_ids },
    ovs_version: VERSION,
    db_version: openVSwitch.version,
    system_type: 'weft',
    system_version: process.version,
    datapath_types: ['netdev', 'system'],
    iface_types: interfaceTypes,
  }
  return differs(root, identity) ? [ops.update('Open_vSwitch', root._uuid, identity)] : []
}
