/**
 * What a back end has seen and done -> operations that put it into the rows: faults, ports, local MACs,
 * sizes, drops. Level-triggered as the rest: only what differs is written, so that an audit that finds
 * nothing new commits nothing. Neighbours: other-config.ts has the keys, agent.ts commits.
 */
import { type Operation, operations } from '../ovsdb/operation.ts'
import { hardwareVtep, type VtepRow } from '../ovsdb/schemas/hardware-vtep.ts'
import type { Report, SeenPort, Traffic } from './backend.ts'
import { type Fault, faults, formatFault } from './fault.ts'
import { boundLocalMacs, localMacOperations } from './local-macs.ts'
import { configKeys, keys } from './other-config.ts'
import type { Reading, Tables } from './rows.ts'

const { insert, mutate, update } = operations(hardwareVtep)

export interface Told {
  readonly backend: string
  readonly report: Report
  readonly reading: Reading
  readonly repairs: { readonly count: number; readonly last: string }
  /** `weft-next-cfg` as it was when the rows were read. */
  readonly nextCfg: string | undefined
  /** path-mtu.ts */
  readonly paths: ReadonlyMap<string, number>
}

type Config = Readonly<Record<string, string>>

/** @param name of the Physical_Switch that is this host; its row and a Global row exist */
export function reportOperations(table: Tables, name: string, told: Told): Operation[] {
  const { report, reading, repairs, nextCfg } = told
  const { localMacs, faults: overfull } = boundLocalMacs(table, reading, report.localMacs)
  const all = [...reading.faults, ...report.faults, ...overfull]
  // By what they are about, so that a pass of many ports does not go through all for each.
  const faultsOf = bySubject(all)
  const drops = report.drops.filter(({ packets }) => packets > 0)
  const dropsOfPort = Map.groupBy(drops, ({ port }) => port)
  const dropsOfVni = Map.groupBy(drops, ({ vni }) => vni)
  const shownOfPort = Map.groupBy(report.shown, ({ port }) => port)
  const sizes = new Map(report.networks.map(({ vni, mtuBytes }) => [vni, mtuBytes]))
  const ops: Operation[] = []
  const host = [...table('Physical_Switch').values()].find((row) => row.name === name)
  const [global] = table('Global').values()
  if (!host || !global) return ops
  config('Global', global, nextCfg === undefined ? {} : { [keys.curCfg]: nextCfg })
  const hostFaults = all.filter(({ subject }) => subject.kind === 'host')
  const vnis = new Map([...reading.switches].map(([vni, uuid]) => [uuid, vni]))
  config('Physical_Switch', host, {
    [keys.backend]: told.backend,
    [keys.capabilities]: report.capabilities.join(' '),
    [keys.missing]: report.missing.join(' '),
    [keys.underlay]: report.underlay
      ? `${report.underlay.device} ${report.underlay.mtuBytes}`
      : undefined,
    [keys.repairs]: `${repairs.count}`,
    [keys.lastRepair]: repairs.last,
    [keys.fault]: texts(hostFaults),
    ...bridgesOf(reading, all),
    ...Object.fromEntries(
      [...told.paths].map(([vtep, bytes]) => [`${keys.pathMtu}${vtep}`, `${bytes}`]),
    ),
  })
  status(host, 'switch_fault_status', hostFaults, (columns) =>
    update('Physical_Switch', host._uuid, { switch_fault_status: columns }),
  )
  for (const row of table('Logical_Switch').values()) networkOperations(row)
  portOperations(host)
  for (const row of table('ACL_entry').values()) {
    status(row, 'acle_fault_status', faultsOf(`acl ${row._uuid}`), (columns) =>
      update('ACL_entry', row._uuid, { acle_fault_status: columns }),
    )
  }
  return [...ops, ...localMacOperations(table, reading, { ...report, localMacs })]

  function config(
    of: 'Global' | 'Physical_Switch' | 'Physical_Port' | 'Logical_Switch',
    row: { readonly _uuid: string; readonly other_config: Config },
    ours: Readonly<Record<string, string | undefined>>,
  ): void {
    const other_config = merged(of, row.other_config, ours)
    if (other_config) ops.push(update(of, row._uuid, { other_config }))
  }

  function status<C extends string>(
    row: { readonly [column in C]: readonly string[] },
    column: C,
    of: readonly Fault[],
    write: (columns: string[]) => Operation,
  ): void {
    const wanted = [...new Set(of.map(({ code }) => faults[code][1]))].sort()
    if (wanted.join() !== row[column].join()) ops.push(write(wanted))
  }

  function networkOperations(row: VtepRow<'Logical_Switch'>): void {
    const vni = vnis.get(row._uuid)
    const mtuBytes = vni === undefined ? undefined : sizes.get(vni)
    config('Logical_Switch', row, {
      [keys.mtuSeen]: mtuBytes === undefined ? undefined : `${mtuBytes}`,
      [keys.fault]: texts([
        ...faultsOf(`network ${row._uuid}`),
        ...(vni === undefined ? [] : faultsOf(`network ${vni}`)),
      ]),
      ...dropsOf(vni === undefined ? [] : dropsOfVni.get(vni)),
    })
  }

  function portOperations({ _uuid, ports }: VtepRow<'Physical_Switch'>): void {
    const rows = ports.flatMap((uuid) => table('Physical_Port').get(uuid) ?? [])
    const seen = new Map(report.ports.map((port) => [port.name, port]))
    for (const row of rows) {
      const port = seen.get(row.name)
      seen.delete(row.name)
      const isBound = Object.keys({ ...row.vlan_bindings, ...row.acl_bindings }).length > 0
      if (!port && !isBound && row.other_config[keys.found] === 'true') {
        ops.push(mutate('Physical_Switch', _uuid, 'ports', 'delete', [row._uuid]))
        continue
      }
      const of = faultsOf(`port ${row.name}`)
      const found = row.other_config[keys.found]
      config('Physical_Port', row, {
        ...configOf(port),
        [keys.found]: found,
        [keys.fault]: texts(of),
      })
      status(row, 'port_fault_status', of, (columns) =>
        update('Physical_Port', row._uuid, { port_fault_status: columns }),
      )
      if (port) trafficOperations(row, port)
    }
    for (const [index, port] of [...seen.values()].entries()) {
      const uuidName = `port_${index}`
      const ours = { ...configOf(port), [keys.found]: 'true' }
      const other_config = merged('Physical_Port', {}, ours) ?? {}
      ops.push(insert('Physical_Port', { name: port.name, other_config }, uuidName))
      ops.push(mutate('Physical_Switch', _uuid, 'ports', 'insert', [uuidName]))
    }
  }

  function configOf(port: SeenPort | undefined): Readonly<Record<string, string | undefined>> {
    if (!port) return {}
    return {
      [keys.ifaceId]: port.ifaceId,
      [keys.mtuSeen]: `${port.mtuBytes}`,
      [keys.link]: port.isUp ? 'up' : 'down',
      [keys.physicalNetwork]: port.physicalNetwork,
      [keys.narrowest]: port.narrowest,
      ...dropsOf(dropsOfPort.get(port.name)),
      ...lastDropsOf(port.name),
    }
  }

  function dropsOf(found: Report['drops'] = []): Record<string, string> {
    return Object.fromEntries(
      found.map(({ reason, packets }) => [`${keys.dropped}${reason}`, `${packets}`]),
    )
  }

  function lastDropsOf(port: string): Record<string, string> {
    const found = shownOfPort.get(port) ?? []
    return Object.fromEntries(
      found.map(({ reason, at, frame }) => [
        `${keys.lastDrop}${reason}`,
        JSON.stringify({ at, ...frame }),
      ]),
    )
  }

  /** Of each binding: the untagged one has the interface's own counters, those of VIDs theirs where the host has such. */
  function trafficOperations(row: VtepRow<'Physical_Port'>, port: SeenPort): void {
    const vlan_stats: Record<string, string> = {}
    for (const vid of Object.keys(row.vlan_bindings)) {
      const traffic = vid === '0' ? port.traffic : port.tagged?.get(Number(vid))
      if (!traffic) continue
      const uuid = row.vlan_stats[vid]
      const before = uuid === undefined ? undefined : table('Logical_Binding_Stats').get(uuid)
      vlan_stats[vid] = before?._uuid ?? `stats_${row._uuid.replaceAll('-', '_')}_${vid}`
      if (!before) ops.push(insert('Logical_Binding_Stats', traffic, vlan_stats[vid]))
      else if (Object.entries(traffic).some(([key, n]) => before[key as keyof Traffic] !== n))
        ops.push(update('Logical_Binding_Stats', before._uuid, traffic))
    }
    const vids = new Set([...Object.keys(vlan_stats), ...Object.keys(row.vlan_stats)])
    if ([...vids].some((vid) => vlan_stats[vid] !== row.vlan_stats[vid]))
      ops.push(update('Physical_Port', row._uuid, { vlan_stats }))
  }
}

/** Faults by `kind name`; a network's by uuid, by VNI, or by both. */
function bySubject(all: readonly Fault[]): (key: string) => readonly Fault[] {
  const found = new Map<string, Fault[]>()
  for (const fault of all) {
    const { subject } = fault
    const names: readonly (string | number | undefined)[] =
      subject.kind === 'network'
        ? [subject.uuid, subject.vni]
        : [subject.kind === 'acl' ? subject.uuid : subject.kind === 'host' ? '' : subject.name]
    for (const name of names) {
      if (name === undefined) continue
      const key = `${subject.kind} ${name}`
      const of = found.get(key)
      if (of) of.push(fault)
      else found.set(key, [fault])
    }
  }
  return (key) => found.get(key) ?? []
}

/** Of each bridge that was asked for, `ok` or its faults. */
function bridgesOf({ desired }: Reading, all: readonly Fault[]): Record<string, string> {
  const found = new Map(desired.bridges.map(({ name }) => [name, [] as Fault[]]))
  for (const fault of all) {
    const { subject } = fault
    if (subject.kind !== 'bridge') continue
    found.set(subject.name, [...(found.get(subject.name) ?? []), fault])
  }
  return Object.fromEntries(
    [...found].map(([name, of]) => [`${keys.bridgeSeen}${name}`, texts(of) || 'ok']),
  )
}

/** The row's keys with ours in place of what was ours before; undefined: nothing changes. */
function merged(
  of: string,
  before: Config,
  ours: Readonly<Record<string, string | undefined>>,
): Config | undefined {
  const isOurs = (key: string) =>
    configKeys.some(
      (row) =>
        row.table === of &&
        row.writer === 'agent' &&
        (row.key.endsWith('*') ? key.startsWith(row.key.slice(0, -1)) : key === row.key),
    )
  const after = new Map(Object.entries(before).filter(([key]) => !isOurs(key)))
  for (const [key, value] of Object.entries(ours)) {
    if (value !== undefined && value !== '') after.set(key, value)
  }
  const isSame =
    after.size === Object.keys(before).length &&
    [...after].every(([key, value]) => before[key] === value)
  return isSame ? undefined : Object.fromEntries(after)
}

function texts(of: readonly Fault[]): string {
  return [...new Set(of.map(formatFault))].sort().join('; ')
}
