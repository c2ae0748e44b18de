/**
 * What a device says about itself and about our rows: faults, abilities, counters, repairs. Read from `other_config` keys
 * (../../../southbound/agent/other-config.ts) and from the fault columns that every device has.
 * Neighbour: `vtep-session.ts`.
 */
import type { FaultCode } from '../../../southbound/agent/fault.ts'
import { keys } from '../../../southbound/agent/other-config.ts'
import type { RowItem } from '../../compiler/program.ts'
import type { DropCount } from '../../northbound/realization.ts'
import type { SeenInterface } from '../mtu-index.ts'
import { bridgeFaults, segmentDrops } from './bridges.ts'
import { physicalSwitch, type VtepReplica } from './vtep-replica.ts'

export interface DeviceFault {
  /** The intents that it concerns; 'host/h3': the whole device. */
  readonly from: readonly string[]
  readonly text: string
  /** It is realized, but not all of it: the status says `Degraded`. */
  readonly isDegrading: boolean
}

/** Faults with which frames of whom it concerns still go where they should. */
const DEGRADING: readonly FaultCode[] = [
  'anti_spoofing_unenforced',
  'bridge_netfilter',
  'locator_conflict',
]

/** Of one row, and characters of one: what a device says is shown to people. */
const MAX_FAULTS = 20
const LONGEST = 300

/** @param items that the device should have: they tell the intents, @param host id of the host */
export function deviceFaults(
  replica: VtepReplica,
  { name, host, items }: { name: string; host: string; items: readonly RowItem[] },
): DeviceFault[] {
  const found: DeviceFault[] = []
  const report = (from: readonly string[], config: Config, columns: readonly string[]) => {
    const own = (config[keys.fault] ?? '').split('; ').filter((text) => text !== '')
    // The standard value says less than our own text; it counts where there is no text.
    for (const long of (own.length > 0 ? own : columns).slice(0, MAX_FAULTS)) {
      const text = long.slice(0, LONGEST)
      found.push({ from, text, isDegrading: DEGRADING.some((code) => text.startsWith(code)) })
    }
  }
  const self = physicalSwitch(replica, name)
  if (self) report([`host/${host}`], self.other_config, self.switch_fault_status)
  const of = intents(items)
  for (const row of replica.table('Logical_Switch').values()) {
    const from = of.switches.get(row.name)
    if (from) report(from, row.other_config, [])
  }
  for (const uuid of self?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    if (!port) continue
    const physical = of.physical.get(port.other_config[keys.physicalNetwork] ?? '') ?? []
    const from = [...(of.ports.get(port.name) ?? []), ...physical]
    if (from.length > 0) report(from, port.other_config, port.port_fault_status)
  }
  for (const { acl_name, acl_entries, acl_fault_status } of replica.table('ACL').values()) {
    const from = of.acls.get(acl_name)
    if (!from) continue
    const entries = acl_entries.flatMap(
      (entry) => replica.table('ACL_entry').get(entry)?.acle_fault_status ?? [],
    )
    report(from, {}, [...new Set([...acl_fault_status, ...entries])])
  }
  for (const fault of bridgeFaults(replica, name, items))
    found.push({ ...fault, text: fault.text.slice(0, LONGEST), isDegrading: false })
  return found
}

type Config = Readonly<Record<string, string>>

/** From whom rows are, by name of the switch, port or ACL. */
export function intents(items: readonly RowItem[]) {
  const of = {
    switches: new Map<string, string[]>(),
    ports: new Map<string, string[]>(),
    acls: new Map<string, string[]>(),
    /** By physical network, whose port is the device's to name. */
    physical: new Map<string, string[]>(),
  }
  const add = (map: Map<string, string[]>, key: string, { from }: RowItem) => {
    const known = map.get(key)
    if (known) known.push(...from)
    else map.set(key, [...from])
  }
  for (const item of items) {
    const { row } = item
    if (row.table === 'Logical_Switch') add(of.switches, row.name, item)
    else if (row.table === 'Physical_Port') add(of.ports, row.interface, item)
    else if (row.table === 'ACL') add(of.acls, row.name, item)
    else if (row.table === 'Physical_Network') add(of.physical, row.physicalNetwork, item)
  }
  return of
}

/** The device tells when rows are real (`weft-cur-cfg`); any other one is taken at its word when it accepts them. */
export function tellsRealized(replica: VtepReplica, name: string): boolean {
  return physicalSwitch(replica, name)?.other_config[keys.backend] !== undefined
}

/** Columns that versions of the schema before 1.7.0 lack, and what a device without them goes without. */
const columnsOf = [
  ['Physical_Port', 'acl_bindings', 'anti_spoofing_unenforced'],
  ['Logical_Switch', 'replication_mode', 'replication_mode_unsupported'],
  ['Physical_Port', 'port_fault_status', 'faults_unreported'],
] as const

/** What every port on this device goes without, as names; empty: nothing. */
export function shortcomings(replica: VtepReplica, name: string): readonly string[] {
  const lacking = columnsOf
    .filter(([table, column]) => !replica.has(table, column))
    .map(([, , shortcoming]) => shortcoming)
  if (!tellsRealized(replica, name))
    return ['anti_spoofing_unenforced', 'realization_unreported', ...lacking]
  const missing = physicalSwitch(replica, name)?.other_config[keys.missing] ?? ''
  const isUnfiltered = missing.split(' ').includes('nftables')
  return isUnfiltered ? ['anti_spoofing_unenforced', ...lacking] : lacking
}

/** The NIC that carries the tunnels, and its MTU in bytes, as the device has seen them. */
export function underlayOf(replica: VtepReplica, name: string): SeenInterface | undefined {
  const text = physicalSwitch(replica, name)?.other_config[keys.underlay]
  const [, device, bytes] = /^(\S{1,64}) (\d{1,6})$/.exec(text ?? '') ?? []
  return device === undefined ? undefined : { interface: device, mtuBytes: Number(bytes) }
}

/** By id of the physical network the device that leads there, and its MTU in bytes, as it was seen. */
export function physicalOf(replica: VtepReplica, name: string): ReadonlyMap<string, SeenInterface> {
  const found = new Map<string, SeenInterface>()
  for (const uuid of physicalSwitch(replica, name)?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    const config = port?.other_config ?? {}
    const { [keys.physicalNetwork]: id, [keys.mtuSeen]: bytes = '' } = config
    const name = [config[keys.narrowest], port?.name].find((name) => /^\S{1,64}$/.test(name ?? ''))
    if (name !== undefined && id !== undefined && /^\d{1,6}$/.test(bytes))
      found.set(id, { interface: name, mtuBytes: Number(bytes) })
  }
  return found
}

const nothing: Config = {}
/** Read once of each state of a row. */
const pathMtus = new WeakMap<Config, ReadonlyMap<string, number>>()

/**
 * Bytes of the longest IP packet that the device got to a VTEP, by its address, up to what networks with it need. The same
 * map while its row is the same.
 */
export function pathMtusOf(replica: VtepReplica, name: string): ReadonlyMap<string, number> {
  const config = physicalSwitch(replica, name)?.other_config ?? nothing
  const known = pathMtus.get(config)
  if (known) return known
  const found = new Map<string, number>()
  pathMtus.set(config, found)
  for (const [key, bytes] of Object.entries(config))
    if (key.startsWith(keys.pathMtu) && /^\d{1,5}$/.test(bytes))
      found.set(key.slice(keys.pathMtu.length), Number(bytes))
  return found
}

/** What the device has put right by itself: how often since it started, and the last time in words. */
export function repairsOf(replica: VtepReplica, name: string): { count: number; last: string } {
  const config = physicalSwitch(replica, name)?.other_config ?? {}
  return { count: Number(config[keys.repairs] ?? 0), last: config[keys.lastRepair] ?? '' }
}

const reasons: readonly (readonly [end: RegExp, reason: string])[] = [
  [/^(vid-\d+-)?in(-\d+)?$/, 'port_security'],
  [/^(vid-\d+-)?vlan$/, 'vlan_not_allowed'],
  [/^(vid-\d+-)?mtu_exceeded$/, 'mtu_exceeded'],
  [/^foreign-vtep$/, 'vtep_unknown'],
]

/** Of the end of a key `weft-dropped-*` or `weft-last-drop-*` our reason; undefined: it is none. */
export const reasonOfEnd = (end: string): string | undefined =>
  reasons.find(([test]) => test.test(end))?.[1]

/** Frames that the device says it has dropped, by our reasons; what is none is left out. */
export function deviceDrops(replica: VtepReplica, name: string, items: readonly RowItem[]) {
  const drops: DropCount[] = []
  const of = intents(items)
  const count = (config: Config, from: readonly string[]) => {
    const [kind, key] = split(from[0])
    for (const [name, packets] of Object.entries(config)) {
      if (!name.startsWith(keys.dropped)) continue
      const end = name.slice(keys.dropped.length)
      const reason = reasonOfEnd(end)
      if (reason === undefined || !/^\d{1,15}$/.test(packets)) continue
      drops.push({ reason, packets: Number(packets), [kind]: key })
    }
  }
  for (const uuid of physicalSwitch(replica, name)?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    if (port?.other_config[keys.physicalNetwork] !== undefined)
      drops.push(...segmentDrops(port, items))
    else if (port) count(port.other_config, of.ports.get(port.name) ?? [])
  }
  for (const { name, other_config } of replica.table('Logical_Switch').values()) {
    const from = of.switches.get(name)
    if (from) count(other_config, from)
  }
  return drops
}

/** 'port/acme/vm1' -> ['port', 'acme/vm1']. */
function split(intent = 'port/'): [kind: string, key: string] {
  const slash = intent.indexOf('/')
  return [intent.slice(0, slash), intent.slice(slash + 1)]
}
