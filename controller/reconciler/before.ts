/**
 * What a host had before Weft changed it, kept in external_ids of the changed row: so it is given back when the host leaves
 * the site, also by a controller that was not there when it came. A key that stands already is the older truth and stays,
 * as OVSDB inserts into maps. Neighbours: `rows.ts` changes, `removal.ts` gives back.
 */
import { operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { BridgeRow, HostReplica } from './host-replica.ts'

/** Keys of external_ids. An empty value: there was nothing. */
export const was = {
  /** Of br-int: JSON of a BridgeBefore; empty: Weft has made the bridge. */
  bridge: 'weft-was',
  /** Of Open_vSwitch. */
  vlanLimit: 'weft-was-vlan-limit',
  /** Of the Manager row by which the host reached us. */
  maxBackoff: 'weft-was-max-backoff',
} as const

/** A br-int that was there first, in columns of its row; controllers by target, ports by name. */
export interface BridgeBefore {
  readonly fail_mode: BridgeRow['fail_mode']
  readonly protocols: BridgeRow['protocols']
  /** Undefined: not known. */
  readonly datapath_type: string | undefined
  readonly 'disable-in-band': string | undefined
  readonly controllers: readonly string[]
  readonly ports: readonly string[]
}

const { mutate } = operations(openVSwitch)

/** Key of external_ids of a Controller row by which a bridge is read that is not ours (`takeover.ts`). */
export const LOOK = 'weft-look'

/** The controllers that a bridge has, without the row by which we read it. */
export function controllersOf(replica: HostReplica, bridge: BridgeRow) {
  const rows = bridge.controller.flatMap((uuid) => replica.table('Controller').get(uuid) ?? [])
  return rows.filter(({ external_ids }) => !(LOOK in external_ids))
}

/** Remembers it, if nothing is remembered yet. */
export function remember(
  table: 'Bridge' | 'Open_vSwitch' | 'Manager',
  uuid: string,
  key: string,
  value: string,
) {
  return mutate(table, uuid, 'external_ids', 'insert', { [key]: value })
}

/** @returns the text for `was.bridge` */
export function bridgeBefore(replica: HostReplica, bridge: BridgeRow): string {
  const before: BridgeBefore = {
    fail_mode: bridge.fail_mode,
    protocols: bridge.protocols,
    datapath_type: bridge.datapath_type,
    'disable-in-band': bridge.other_config['disable-in-band'],
    controllers: controllersOf(replica, bridge).map(({ target }) => target),
    ports: portNames(replica, bridge),
  }
  return JSON.stringify(before)
}

/** Undefined: Weft has made it. What somebody else wrote there is no leave to delete the bridge: then nothing is known of it. */
export function readBridgeBefore(text: string | undefined): BridgeBefore | undefined {
  if (!text) return undefined
  try {
    const before = JSON.parse(text) as BridgeBefore
    if (isBridgeBefore(before)) return before
  } catch {
    // No JSON.
  }
  return nothingKnown
}

const nothingKnown: BridgeBefore = {
  ...{ fail_mode: undefined, protocols: [], controllers: [], ports: [] },
  ...{ datapath_type: undefined, 'disable-in-band': undefined },
}

/** Whether a host takes it: anybody there can write into the row. */
function isBridgeBefore(before: BridgeBefore): boolean {
  const { fail_mode, protocols, datapath_type, controllers, ports } = before
  const inBand = before['disable-in-band']
  const isText = (value: unknown) => typeof value === 'string'
  return (
    [undefined, 'secure', 'standalone'].includes(fail_mode) &&
    [protocols, controllers, ports].every((list) => Array.isArray(list) && list.every(isText)) &&
    protocols.every((name) => /^OpenFlow1[0-5]$/.test(name)) &&
    isText(datapath_type) &&
    (inBand === undefined || isText(inBand))
  )
}

export function portNames(replica: HostReplica, { ports }: BridgeRow): string[] {
  return ports.map((uuid) => replica.table('Port').get(uuid)?.name ?? '')
}
