/**
 * What a back end has seen and done -> operations that put it into the rows: faults, ports, local MACs,
 * sizes, drops. Level-triggered as the rest: only what differs is written, so that an audit that finds
 * nothing new commits nothing. Neighbours: other-config.ts has the keys, agent.ts commits.
 */
import { type Operation, operations } from '../ovsdb/operation.ts'
import { hardwareVtep, type VtepRow } from '../ovsdb/schemas/hardware-vtep.ts'
import type { Report, SeenPort } from './backend.ts'
import { type Fault, faults, formatFault } from './fault.ts'
import { localMacOperations } from './local-macs.ts'
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
  const all = [...reading.faults, ...report.faults]
  const ops: Operation[] = []
  const host = [...table('Physical_Switch').values()].find((row) => row.name === name)
  const [global] = table('Global').values()
  if (!host || !global) return ops
  config('Global', global, nextCfg === undefined ? {} : { [keys.curCfg]: nextCfg })
  const hostFaults = all.filter(({ subject }) => subject.kind === 'host')
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
    const of = all.filter(({ subject }) => subject.kind === 'acl' && subject.uuid === row._uuid)
    status(row, 'acle_fault_status', of, (columns) =>
      update('ACL_entry', row._uuid, { acle_fault_status: columns }),
    )
  }
  return [...ops, ...localMacOperations(table, reading, report)]

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
    const vni = row.tunnel_key
    const isRealized = vni !== undefined && reading.switches.get(vni) === row._uuid
    const of = all.filter(
      ({ subject }) =>
        subject.kind === 'network' &&
        (subject.uuid === row._uuid || (isRealized && subject.vni === vni)),
    )
    const seen = report.networks.find((network) => isRealized && network.vni === vni)
    config('Logical_Switch', row, {
      [keys.mtuSeen]: seen && `${seen.mtuBytes}`,
      [keys.fault]: texts(of),
      ...dropsOf((drop) => isRealized && drop.vni === vni),
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
      const of = all.filter(({ subject }) => subject.kind === 'port' && subject.name === row.name)
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
      ...dropsOf((drop) => drop.port === port.name),
    }
  }

  function dropsOf(test: (drop: Report['drops'][number]) => boolean): Record<string, string> {
    const found = report.drops.filter((drop) => drop.packets > 0 && test(drop))
    return Object.fromEntries(
      found.map(({ reason, packets }) => [`${keys.dropped}${reason}`, `${packets}`]),
    )
  }

  /** Of the untagged binding: a tap's own counters are all that there is. */
  function trafficOperations(row: VtepRow<'Physical_Port'>, { traffic }: SeenPort): void {
    const uuid = row.vlan_stats[0]
    const before = uuid === undefined ? undefined : table('Logical_Binding_Stats').get(uuid)
    if (row.vlan_bindings[0] === undefined) {
      if (uuid !== undefined) ops.push(update('Physical_Port', row._uuid, { vlan_stats: {} }))
    } else if (!before) {
      const name = `stats_${row._uuid.replaceAll('-', '_')}`
      ops.push(insert('Logical_Binding_Stats', traffic, name))
      ops.push(update('Physical_Port', row._uuid, { vlan_stats: { 0: name } }))
    } else if (
      Object.entries(traffic).some(([key, n]) => before[key as keyof typeof traffic] !== n)
    ) {
      ops.push(update('Logical_Binding_Stats', before._uuid, traffic))
    }
  }
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
