/**
 * What an operator types on a host, as transactions on its database: set-manager, add-br,
 * plugging a workload in. Used by labs and tests in the place of ovs-vsctl and boot scripts.
 * Neighbours: switch.ts.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { FramePort } from '../ports/frame-port.ts'

/** The part of a Switch that an operator has in hands. */
export interface OperatedHost {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly root: RowOf<'Open_vSwitch'>
  register(name: string, device: FramePort): void
  unregister(name: string): void
}

const ops = operations(openVSwitch)

/** One transaction that counts next_cfg up, as ovs-vsctl does. */
function commit(host: OperatedHost, of: readonly Operation[]): void {
  const { root } = host
  host.database.transact([...of, ops.mutate('Open_vSwitch', root._uuid, 'next_cfg', '+=', 1)])
}

function bridgeRow(host: OperatedHost, name: string) {
  const row = [...host.database.table('Bridge').values()].find((one) => one.name === name)
  if (!row) throw new Error(`there is no bridge named ${name}`)
  return row
}

/** `ovs-vsctl set-manager TARGET -- set Manager … max_backoff=…`; '' removes the manager. */
export function setManager(
  host: OperatedHost,
  target: string,
  { maxBackoffMs = 1000 }: { maxBackoffMs?: number } = {},
): void {
  const { root } = host
  const row = { target, max_backoff: maxBackoffMs }
  commit(host, [
    ...(target === '' ? [] : [ops.insert('Manager', row, 'manager')]),
    ops.update('Open_vSwitch', root._uuid, { manager_options: target === '' ? [] : ['manager'] }),
  ])
}

/** `ovs-vsctl add-br NAME -- set Bridge NAME fail_mode=secure`; `controller` as set-controller. */
export function addBridge(host: OperatedHost, name: string, controller?: string): void {
  const { root } = host
  commit(host, [
    ops.insert('Interface', { name, type: 'internal' }, 'interface'),
    ops.insert('Port', { name, interfaces: ['interface'] }, 'port'),
    ...(controller === undefined
      ? []
      : [ops.insert('Controller', { target: controller, max_backoff: 1000 }, 'controller')]),
    ops.insert(
      'Bridge',
      {
        name,
        ports: ['port'],
        fail_mode: 'secure',
        controller: controller === undefined ? [] : ['controller'],
      },
      'bridge',
    ),
    ops.mutate('Open_vSwitch', root._uuid, 'bridges', 'insert', ['bridge']),
  ])
}

export interface PortSettings {
  /** Interface.type; default ''. */
  readonly type?: string
  readonly options?: Readonly<Record<string, string>>
  readonly external_ids?: Readonly<Record<string, string>>
  readonly ofport_request?: number
}

/** `ovs-vsctl add-port BRIDGE NAME -- set Interface NAME …`. */
export function addPort(
  host: OperatedHost,
  bridge: string,
  name: string,
  of: PortSettings = {},
): void {
  commit(host, [
    ops.insert(
      'Interface',
      {
        name,
        type: of.type ?? '',
        options: of.options ?? {},
        external_ids: of.external_ids ?? {},
        ofport_request: of.ofport_request,
      },
      'interface',
    ),
    ops.insert('Port', { name, interfaces: ['interface'] }, 'port'),
    ops.mutate('Bridge', bridgeRow(host, bridge)._uuid, 'ports', 'insert', ['port']),
  ])
}

/** `ovs-vsctl --if-exists del-port NAME`. */
export function removePort(host: OperatedHost, name: string): void {
  const port = [...host.database.table('Port').values()].find((one) => one.name === name)
  if (!port) return
  const owner = [...host.database.table('Bridge').values()].find((one) =>
    one.ports.includes(port._uuid),
  )
  if (owner) commit(host, [ops.mutate('Bridge', owner._uuid, 'ports', 'delete', [port._uuid])])
}

/** What whoever starts a workload does: a device, and an Interface row with its iface-id. */
export function plug(
  host: OperatedHost,
  bridge: string,
  name: string,
  ifaceId: string,
  device: FramePort,
): void {
  host.register(name, device)
  addPort(host, bridge, name, { external_ids: { 'iface-id': ifaceId } })
}

export function unplug(host: OperatedHost, name: string): void {
  removePort(host, name)
  host.unregister(name)
}
