/**
 * What a host of kind `vtep` should have: rows of its hardware_vtep database as items. A row is named by what it is about,
 * never by a uuid of the device's, and refers to other rows by their names; `../reconciler/vtep/` finds or makes the rows.
 * Neighbours: `vtep-units.ts` emits these, `acl.ts` makes the entries of an ACL.
 */
import type { AclEntry } from './acl.ts'
import type { RowItem } from './program.ts'

/** A network: the name of its Logical_Switch is unique over tenants. */
export interface LogicalSwitchRow {
  readonly table: 'Logical_Switch'
  readonly name: string
  readonly description: string
  /** tunnel_key; undefined: a network without VXLAN, whose `config` has a number. */
  readonly vni: number | undefined
  /** Keys of other_config that are the controller's. */
  readonly config: Readonly<Record<string, string>>
}

/** One MAC with one of its addresses behind a VTEP; `address` is empty where the port has none. */
export interface RemoteMacRow {
  readonly table: 'Ucast_Macs_Remote'
  readonly logicalSwitch: string
  readonly mac: string
  readonly address: string
  readonly vtep: string
}

/** Where broadcast, multicast and unknown unicast of a network go to; never empty, sorted. */
export interface FloodRow {
  readonly table: 'Mcast_Macs_Remote'
  readonly logicalSwitch: string
  readonly vteps: readonly string[]
}

/** Frames of an interface with this VID (0: untagged) are of that network, and held to that ACL. */
export interface BindingRow {
  readonly table: 'Physical_Port'
  readonly interface: string
  readonly vid: number
  readonly logicalSwitch: string
  readonly acl: string
}

/** As a BindingRow, of whichever port of the device leads to that physical network. */
export interface SegmentRow {
  readonly table: 'Physical_Network'
  readonly physicalNetwork: string
  readonly vid: number
  readonly logicalSwitch: string
  readonly acl: string | undefined
}

/** A bridge to be made, as one key of the device's own row. */
export interface BridgeRow {
  readonly table: 'Physical_Switch'
  readonly bridge: string
  readonly value: string
}

export interface AclRow {
  readonly table: 'ACL'
  readonly name: string
  /** By sequence; without those that are rows of their own. */
  readonly entries: readonly AclEntry[]
}

/** One more entry of an ACL that many give entries to. */
export interface EntryRow {
  readonly table: 'ACL_entry'
  readonly acl: string
  readonly entry: AclEntry
}

export type VtepRow =
  | LogicalSwitchRow
  | RemoteMacRow
  | FloodRow
  | BindingRow
  | SegmentRow
  | BridgeRow
  | AclRow
  | EntryRow

const encoder = new TextEncoder()

/** One row. @param from the intents behind it, not empty */
export function row(from: readonly string[], value: VtepRow): RowItem {
  return {
    kind: 'row',
    id: rowItemId(value),
    bytes: encoder.encode(JSON.stringify(value)),
    cookie: 0n,
    from,
    row: value,
  }
}

/** Item id: the table and what makes the row the only one of its kind on a host. */
export function rowItemId(value: VtepRow): string {
  switch (value.table) {
    case 'Logical_Switch':
    case 'ACL':
      return `r${value.table} ${value.name}`
    case 'Ucast_Macs_Remote':
      return `r${value.table} ${value.logicalSwitch} ${value.mac} ${value.address}`
    case 'ACL_entry':
      return `r${value.table} ${value.acl} ${value.entry.sequence}`
    case 'Mcast_Macs_Remote':
      return `r${value.table} ${value.logicalSwitch}`
    case 'Physical_Port':
      return `r${value.table} ${value.interface} ${value.vid}`
    case 'Physical_Network':
      return `r${value.table} ${value.physicalNetwork} ${value.vid}`
    case 'Physical_Switch':
      return `r${value.table} ${value.bridge}`
  }
}

const PREFIX = 'weft-'
const OURS = /^weft-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Name of the Logical_Switch of a network, of the ACL of a port. @param uuid of the object */
export const rowName = (uuid: string): string => `${PREFIX}${uuid}`
/** The uuid in such a name. */
export const uuidOf = (name: string): string => name.slice(PREFIX.length)
/** Whether a Logical_Switch or an ACL of this name is ours, of whatever network or port it was. */
export const isOurName = (name: string): boolean => OURS.test(name)
