/**
 * A device of kind `vtep` with nobody behind its database: the test is the device and writes what one would. Without
 * `isTeller` it is as a switch that knows nothing of Weft, with it as an agent that does what it is told when `tell` is called.
 */
import type { Traffic } from '../../../southbound/agent/backend.ts'
import { keys } from '../../../southbound/agent/other-config.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep, type VtepRow } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

export const { insert, update, mutate, deleteRows } = operations(hardwareVtep)

type Table = keyof typeof hardwareVtep.tables & string

export interface VtepDevice {
  readonly database: OvsdbServer<typeof hardwareVtep>
  rows<T extends Table>(table: T): VtepRow<T>[]
  /** The row of a Physical_Port, Logical_Switch or Physical_Switch. */
  named<T extends 'Physical_Port' | 'Logical_Switch' | 'Physical_Switch'>(
    table: T,
    name: string,
  ): VtepRow<T>
  /** Keys of other_config, as the device or somebody else writes them. */
  config(
    table: 'Physical_Port' | 'Logical_Switch' | 'Physical_Switch',
    name: string,
    pairs: Readonly<Record<string, string>>,
  ): void
  /** What the untagged binding of a port has carried. */
  stats(name: string, traffic: Traffic): void
  addPort(name: string, ifaceId?: string): void
  delPort(name: string): void
  /** As an agent: everything up to the newest weft-next-cfg is real. */
  tell(): void
  /** Everything that the controller has written, in words, sorted. */
  shown(): string[]
}

export interface DeviceOptions {
  readonly address: string
  readonly ports?: readonly string[]
  readonly isTeller?: boolean
}

export function vtepDevice(
  name: string,
  { address, ports = [], isTeller = false }: DeviceOptions,
): VtepDevice {
  const database = new OvsdbServer(hardwareVtep)
  const other_config: Record<string, string> = isTeller ? { [keys.backend]: 'test' } : {}
  const row = { name, tunnel_ips: [address], other_config }
  database.transact([
    insert('Physical_Switch', row, 'self'),
    insert('Global', { switches: ['self'] }),
  ])
  const rows: VtepDevice['rows'] = (table) => [...database.table(table).values()] as never
  const named: VtepDevice['named'] = (table, name) => {
    const row = rows(table).find((row) => (row as { name: string }).name === name)
    if (!row) throw new Error(`no ${table} ${name}`)
    return row
  }
  const device: VtepDevice = {
    database,
    rows,
    named,
    config(table, of, pairs) {
      const row = named(table, of)
      const other_config = { ...row.other_config, ...pairs }
      database.transact([update(table, row._uuid, { other_config })])
    },
    stats(port, traffic) {
      const { _uuid } = named('Physical_Port', port)
      database.transact([
        insert('Logical_Binding_Stats', traffic, 'stats'),
        update('Physical_Port', _uuid, { vlan_stats: { 0: 'stats' } }),
      ])
    },
    addPort(port, ifaceId) {
      const other_config: Record<string, string> = ifaceId ? { 'iface-id': ifaceId } : {}
      const self = named('Physical_Switch', name)._uuid
      database.transact([
        insert('Physical_Port', { name: port, other_config }, 'port'),
        mutate('Physical_Switch', self, 'ports', 'insert', ['port']),
      ])
    },
    delPort(port) {
      const self = named('Physical_Switch', name)._uuid
      const { _uuid } = named('Physical_Port', port)
      database.transact([mutate('Physical_Switch', self, 'ports', 'delete', [_uuid])])
    },
    tell() {
      const [global] = rows('Global')
      const next = global?.other_config[keys.nextCfg]
      if (!global || next === undefined) return
      const other_config = { ...global.other_config, [keys.curCfg]: next }
      database.transact([update('Global', global._uuid, { other_config })])
    },
    shown: () => shown(device),
  }
  for (const port of ports) device.addPort(port)
  return device
}

function shown({ rows }: VtepDevice): string[] {
  const switchName = (uuid: string) =>
    rows('Logical_Switch').find(({ _uuid }) => _uuid === uuid)?.description
  const address = (uuid: string) =>
    rows('Physical_Locator').find(({ _uuid }) => _uuid === uuid)?.dst_ip
  const setOf = (uuid: string) =>
    rows('Physical_Locator_Set')
      .find(({ _uuid }) => _uuid === uuid)
      ?.locators.map(address)
      .sort()
      .join(' ')
  const aclOf = (uuid: string | undefined) => rows('ACL').some(({ _uuid }) => _uuid === uuid)
  return [
    ...rows('Logical_Switch').map(
      ({ description, tunnel_key, replication_mode, other_config }) =>
        `switch ${description} ${tunnel_key} ${replication_mode} ${JSON.stringify(other_config)}`,
    ),
    ...rows('Ucast_Macs_Remote').map(
      ({ MAC, ipaddr, locator, logical_switch }) =>
        `mac ${switchName(logical_switch)} ${MAC} ${ipaddr} -> ${address(locator)}`,
    ),
    ...rows('Mcast_Macs_Remote').map(
      ({ MAC, locator_set, logical_switch }) =>
        `flood ${switchName(logical_switch)} ${MAC} -> ${setOf(locator_set)}`,
    ),
    ...rows('Physical_Port').flatMap(({ name, vlan_bindings, acl_bindings }) =>
      Object.entries(vlan_bindings).map(
        ([vid, uuid]) =>
          `bound ${name} ${vid} ${switchName(uuid)}${aclOf(acl_bindings[vid]) ? ' with ACL' : ''}`,
      ),
    ),
  ].sort()
}
