/**
 * What a device says about itself and about our rows: faults, abilities, counters, repairs. Read from `other_config` keys
 * (../../../southbound/agent/other-config.ts) and from the fault columns that every device has.
 * Neighbour: `vtep-session.ts`.
 */
import type { FaultCode } from '../../../southbound/agent/fault.ts'
import { keys } from '../../../southbound/agent/other-config.ts'
import type { RowItem } from '../../compiler/program.ts'
import type { DropCount } from '../../northbound/realization.ts'
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
    const from = port && of.ports.get(port.name)
    if (from) report(from, port.other_config, port.port_fault_status)
  }
  for (const { acl_name, acl_entries, acl_fault_status } of replica.table('ACL').values()) {
    const from = of.acls.get(acl_name)
    if (!from) continue
    const entries = acl_entries.flatMap(
      (entry) => replica.table('ACL_entry').get(entry)?.acle_fault_status ?? [],
    )
    report(from, {}, [...new Set([...acl_fault_status, ...entries])])
  }
  return found
}

type Config = Readonly<Record<string, string>>

/** From whom rows are, by name of the switch, port or ACL. */
function intents(items: readonly RowItem[]) {
  const of = {
    switches: new Map<string, string[]>(),
    ports: new Map<string, string[]>(),
    acls: new Map<string, string[]>(),
  }
  const add = (map: Map<string, string[]>, key: string, { from }: RowItem) =>
    map.set(key, [...(map.get(key) ?? []), ...from])
  for (const item of items) {
    const { row } = item
    if (row.table === 'Logical_Switch') add(of.switches, row.name, item)
    else if (row.table === 'Physical_Port') add(of.ports, row.interface, item)
    else if (row.table === 'ACL') add(of.acls, row.name, item)
  }
  return of
}

/** The device tells when rows are real (`weft-cur-cfg`); any other one is taken at its word when it accepts them. */
export function tellsRealized(replica: VtepReplica, name: string): boolean {
  return physicalSwitch(replica, name)?.other_config[keys.backend] !== undefined
}

/** What every port on this device goes without, as names; empty: nothing. */
export function shortcomings(replica: VtepReplica, name: string): readonly string[] {
  if (!tellsRealized(replica, name)) return ['anti_spoofing_unenforced', 'realization_unreported']
  const missing = physicalSwitch(replica, name)?.other_config[keys.missing] ?? ''
  return missing.split(' ').includes('nftables') ? ['anti_spoofing_unenforced'] : []
}

/** The NIC that carries the tunnels, and its MTU in bytes, as the device has seen them. */
export function underlayOf(
  replica: VtepReplica,
  name: string,
): { readonly interface: string; readonly mtuBytes: number } | undefined {
  const text = physicalSwitch(replica, name)?.other_config[keys.underlay]
  const [, device, bytes] = /^(\S{1,64}) (\d{1,6})$/.exec(text ?? '') ?? []
  return device === undefined ? undefined : { interface: device, mtuBytes: Number(bytes) }
}

/** Bytes of the longest IP packet that the device got to this VTEP; undefined: it does not say. */
export function pathMtuOf(replica: VtepReplica, name: string, remote: string): number | undefined {
  const text = physicalSwitch(replica, name)?.other_config[`${keys.pathMtu}${remote}`]
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined
}

/** All of them in one text. */
export function pathMtusOf(replica: VtepReplica, name: string): string {
  const config = physicalSwitch(replica, name)?.other_config ?? {}
  const paths = Object.entries(config).filter(([key]) => key.startsWith(keys.pathMtu))
  return paths.map((path) => path.join('=')).join(' ')
}

/** What the device has put right by itself: how often since it started, and the last time in words. */
export function repairsOf(replica: VtepReplica, name: string): { count: number; last: string } {
  const config = physicalSwitch(replica, name)?.other_config ?? {}
  return { count: Number(config[keys.repairs] ?? 0), last: config[keys.lastRepair] ?? '' }
}

const reasons: readonly (readonly [end: RegExp, reason: string])[] = [
  [/^(vid-\d+-)?in-\d+$/, 'port_security'],
  [/^(vid-\d+-)?vlan$/, 'vlan_not_allowed'],
  [/^(vid-\d+-)?mtu_exceeded$/, 'mtu_exceeded'],
  [/^foreign-vtep$/, 'vtep_unknown'],
  [/^(vid-\d+-)?mtu_exceeded$/, 'mtu_exceeded'],
]

/** Frames that the device says it has dropped, by our reasons; what is none is left out. */
export function deviceDrops(replica: VtepReplica, name: string, items: readonly RowItem[]) {
  const drops: DropCount[] = []
  const of = intents(items)
  const count = (config: Config, from: readonly string[]) => {
    const [kind, key] = split(from[0])
    for (const [name, packets] of Object.entries(config)) {
      if (!name.startsWith(keys.dropped)) continue
      const end = name.slice(keys.dropped.length)
      const reason = reasons.find(([test]) => test.test(end))?.[1]
      if (reason === undefined || !/^\d{1,15}$/.test(packets)) continue
      drops.push({ reason, packets: Number(packets), [kind]: key })
    }
  }
  for (const uuid of physicalSwitch(replica, name)?.ports ?? []) {
    const port = replica.table('Physical_Port').get(uuid)
    if (port) count(port.other_config, of.ports.get(port.name) ?? [])
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
