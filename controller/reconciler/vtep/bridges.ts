/**
 * Bridges of the model on a device: keys `weft-bridge-NAME` of its own row, which all are the controller's. Part of
 * `difference.ts`; of what the device says of them and of physical networks, a part of `device.ts`.
 */
import { keys } from '../../../southbound/agent/other-config.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import type { RowItem } from '../../compiler/program.ts'
import type { DropCount } from '../../northbound/realization.ts'
import type { Draft } from './difference.ts'
import { physicalSwitch, type VtepReplica, type VtepTableRow } from './vtep-replica.ts'

const { mutate } = operations(hardwareVtep)

/** @param host the device's own row; undefined: it has none now, and so no bridges */
export function bridgeOperations(
  { wanted, change, isOurBridge }: Draft,
  host: VtepTableRow<'Physical_Switch'> | undefined,
): void {
  if (!host) return
  const { _uuid, other_config } = host
  const remove = (key: string) => mutate('Physical_Switch', _uuid, 'other_config', 'delete', [key])
  const kept = new Set<string>()
  for (const { item, row } of wanted('Physical_Switch')) {
    const key = `${keys.bridge}${row.bridge}`
    kept.add(key)
    const before = other_config[key]
    if (before === row.value) continue
    const text = `bridge ${row.bridge} was ${before === undefined ? 'missing' : 'another one'}`
    change(
      { row, item, text },
      ...(before === undefined ? [] : [remove(key)]),
      mutate('Physical_Switch', _uuid, 'other_config', 'insert', { [key]: row.value }),
    )
  }
  for (const [key, value] of Object.entries(other_config)) {
    if (!key.startsWith(keys.bridge) || kept.has(key)) continue
    const bridge = key.slice(keys.bridge.length)
    if (!isOurBridge(bridge)) continue
    const row = { table: 'Physical_Switch', bridge, value } as const
    change({ row, text: `bridge ${bridge} was there unasked` }, remove(key))
  }
}

const UNSUPPORTED = 'unsupported: this device makes no bridges'

/** What the device has against bridges that it was asked for, with their intents. */
export function bridgeFaults(
  replica: VtepReplica,
  name: string,
  items: readonly RowItem[],
): { readonly from: readonly string[]; readonly text: string }[] {
  const config = physicalSwitch(replica, name)?.other_config ?? {}
  const isAble = config[keys.capabilities]?.split(' ').includes('bridge') === true
  return items.flatMap(({ from, row }) => {
    if (row.table !== 'Physical_Switch') return []
    const seen = config[`${keys.bridgeSeen}${row.bridge}`]
    const text = isAble ? seen : UNSUPPORTED
    return text === undefined || text === 'ok' ? [] : [{ from, text }]
  })
}

const ends: readonly (readonly [end: RegExp, reason: string])[] = [
  [/^in-\d+$/, 'source_looped'],
  [/^(vlan|trunk(-.*)?)$/, 'vlan_unknown'],
  [/^mtu_exceeded$/, 'mtu_exceeded'],
]

/** Counters of one port that are looked at; a device has one per entry of an ACL. */
const MOST_COUNTERS = 50_000

/** Frames of a physical network that were dropped at the port that leads there; one count of each reason and network. */
export function segmentDrops(
  { other_config }: Pick<VtepTableRow<'Physical_Port'>, 'other_config'>,
  items: readonly RowItem[],
): DropCount[] {
  const byVid = new Map<number, string | undefined>()
  for (const { row, from } of items)
    if (
      row.table === 'Physical_Network' &&
      row.physicalNetwork === other_config[keys.physicalNetwork]
    )
      byVid.set(row.vid, from[0]?.replace('network/', ''))
  const counts = new Map<string, DropCount>()
  const counters = Object.entries(other_config).filter(([key]) => key.startsWith(keys.dropped))
  for (const [key, text] of counters.slice(0, MOST_COUNTERS)) {
    const [, vid = 0, end = ''] = /^(?:vid-(\d+)-)?(.*)$/.exec(key.slice(keys.dropped.length)) ?? []
    const reason = ends.find(([test]) => test.test(end))?.[1]
    if (reason === undefined || !/^\d{1,15}$/.test(text)) continue
    // What has a VLAN that is on no network here concerns none.
    const network = reason === 'vlan_unknown' ? undefined : byVid.get(Number(vid))
    const same = `${reason} ${network}`
    const packets = (counts.get(same)?.packets ?? 0) + Number(text)
    counts.set(same, { reason, packets, ...(network !== undefined && { network }) })
  }
  return [...counts.values()]
}
