/**
 * One Bridge row kept real: the bridge itself, a port for each of its interfaces, a connection for
 * each of its controllers. apply() compares the rows with what is there and returns what has to
 * be reported in them.
 * Neighbours: switch.ts calls apply() after each commit; interface-rows.ts and controllers.ts do the
 * two halves.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { Network } from '../../southbound/wire/remote.ts'
import { macOf, validDatapathId, validMac } from './addresses.ts'
import type { Bond } from './bonds.ts'
import { Bridge, type BridgeOptions } from './bridge.ts'
import { type Controllers, controllers } from './controllers.ts'
import { differs } from './differs.ts'
import { type InterfaceRows, interfaceRows } from './interface-rows.ts'
import type { InterfaceHost } from './interfaces.ts'
import { qosRows } from './qos-rows.ts'

export interface BridgeRowsOptions extends Omit<BridgeOptions, 'name' | 'datapathId'> {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly network: Network
  readonly interfaces: InterfaceHost
  /** An interface was opened, or failed to: apply() has more to report. */
  changed(): void
  /** A controller's row has something new to tell. */
  controllerChanged(uuid: string): void
}

export interface BridgeRows {
  readonly bridge: Bridge
  readonly interfaces: Pick<InterfaceRows, 'port' | 'device' | 'isPending'>
  readonly controllers: Pick<Controllers, 'columns' | 'serve'>
  /** @param generation see interface-rows.ts. @param interfaces those of the row that are its own */
  apply(
    row: RowOf<'Bridge'>,
    interfaces: readonly RowOf<'Interface'>[],
    generation: string,
  ): Operation[]
  close(): void
}

const ops = operations(openVSwitch)

export function bridgeRows(row: RowOf<'Bridge'>, options: BridgeRowsOptions): BridgeRows {
  const { database, network } = options
  const { name } = row
  // The address of a bridge, and with it its id, stays as long as the row.
  const mac = validMac(row.other_config.hwaddr) ?? macOf(row._uuid)
  const idOf = ({ other_config }: RowOf<'Bridge'>) =>
    validDatapathId(other_config['datapath-id']) ??
    BigInt(validMac(other_config.hwaddr) ?? macOf(row._uuid))
  const bridge = new Bridge({ ...options, name, datapathId: idOf(row) })
  const ofControllers = controllers({
    ...{ bridge, database, network },
    changed: options.controllerChanged,
  })
  const ofInterfaces = interfaceRows({
    ...{ bridge, host: options.interfaces, mac, changed: options.changed },
    warn: (fields, event) => options.log.warn(fields, event),
  })
  const ofQos = qosRows({
    ...{ database, clock: options.clock, drops: options.drops, port: ofInterfaces.port },
    warn: (fields, event) => options.log.warn({ bridge: name, ...fields }, event),
  })

  return {
    bridge,
    interfaces: ofInterfaces,
    controllers: ofControllers,
    apply(now, interfaces, generation) {
      const writes = ofInterfaces.apply(interfaces, generation)
      bridge.bonds.replace(bondRows(database, now, ofInterfaces.port))
      ofQos.apply(now)
      const id = idOf(now)
      if (bridge.datapathId !== id) {
        // A controller knows a switch by it: all come anew.
        bridge.datapathId = id
        for (const session of [...bridge.sessions]) session.close()
      }
      const datapath_id = id.toString(16).padStart(16, '0')
      const status = { datapath_id, datapath_version: '<built-in>' }
      if (differs(now, status)) writes.push(ops.update('Bridge', now._uuid, status))
      ofControllers.apply(now)
      return writes
    },
    close() {
      ofControllers.close()
      bridge.close()
      ofInterfaces.close()
    },
  }
}

/** Ports with several interfaces, of which some are there. */
function bondRows(
  database: BridgeRowsOptions['database'],
  { ports }: RowOf<'Bridge'>,
  portOf: InterfaceRows['port'],
): Bond[] {
  return ports.flatMap((uuid) => {
    const row = database.table('Port').get(uuid)
    if (!row || row.interfaces.length < 2) return []
    const names = row.interfaces.flatMap(
      (each) => database.table('Interface').get(each)?.name ?? [],
    )
    return { name: row.name, members: names.sort().flatMap((each) => portOf(each)?.ofport ?? []) }
  })
}

/** The bridges that there are to be, by name. */
export function namedBridges(
  database: BridgeRowsOptions['database'],
  root: RowOf<'Open_vSwitch'>,
): RowOf<'Bridge'>[] {
  return (
    root.bridges
      .flatMap((uuid) => database.table('Bridge').get(uuid) ?? [])
      // Names become names of files; Open vSwitch leaves these out too.
      .filter(({ name }) => name !== '' && !/[/\0]/.test(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  )
}

/** Interfaces of the bridge; one that rows give to several, as `claimed` tells, is of the first. */
export function interfacesOf(
  database: BridgeRowsOptions['database'],
  row: RowOf<'Bridge'>,
  claimed: Set<string>,
): RowOf<'Interface'>[] {
  return row.ports
    .flatMap((uuid) => database.table('Port').get(uuid)?.interfaces ?? [])
    .flatMap((uuid) => {
      const found = claimed.has(uuid) ? undefined : database.table('Interface').get(uuid)
      claimed.add(uuid)
      return found ?? []
    })
}
